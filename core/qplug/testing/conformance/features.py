"""What holds for every feature extractor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from qplug.contract.interfaces import Audio, FeatureExtractor, Image, Signal
from qplug.testing.conformance.check import Act, Skipped, require
from qplug.testing.conformance.setting import Setting
from qplug.testing.conformance.travel import leaves_the_process_alone, pickled
from qplug.testing.trials import trial_signals

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FEW = 3


@dataclass
class _Trial:
    extractor: FeatureExtractor
    further: Sequence[Signal]

    @property
    def name(self) -> str:
        return type(self.extractor).__name__

    @cached_property
    def signals(self) -> tuple[Signal, ...]:
        return (*trial_signals(self.extractor.capabilities.modality), *self.further)

    @cached_property
    def features(self) -> list[NDArray[np.float32]]:
        """Of all signals in their order, each of them looked at twice; what is wrong with one raises here."""
        return [_extracted(self.extractor, self.name, signal) for signal in self.signals]


def features_checks(extractor: FeatureExtractor, setting: Setting) -> Iterator[tuple[str, Act]]:
    """The checks of a feature extractor, by name."""
    trial = _Trial(extractor, setting.signals)
    yield "shape", lambda: _shape(extractor)
    yield "any-signal", lambda: _any_signal(trial)
    yield "order", lambda: _order(trial)
    yield "sent-extractor", lambda: _sent(trial)
    yield "excerpt", lambda: _excerpt(trial)
    yield (
        "global-state",
        lambda: leaves_the_process_alone(
            trial.name, lambda: [extractor(signal) for signal in _copies(trial.signals[:_FEW])]
        ),
    )


def _shape(extractor: FeatureExtractor) -> None:
    name, shape = type(extractor).__name__, extractor.shape
    require(all(isinstance(size, int) and size > 0 for size in shape), f"{name}.shape is {shape}, not all positive")
    named = len(extractor.axes)
    require(named in (0, len(shape)), f"{name}.axes names {named} axes of a feature that has {len(shape)}: {shape}")
    for size, (axis, values) in zip(shape, extractor.axes, strict=False):
        if isinstance(values, tuple):
            require(
                len(values) == size, f"{name}.axes has {len(values)} values of {axis!r}, which has {size} positions"
            )
            require(all(np.diff(values) > 0), f"{name}.axes has values of {axis!r} that do not rise: {values}")
    axes = extractor.shared_axes or ()
    require(all(0 <= axis < len(shape) for axis in axes), f"{name}.shared_axes {axes} are not all axes of {shape}")


def _any_signal(trial: _Trial) -> None:
    """The declared shape from silence, very short and very long signals, the same twice, inputs untouched."""
    require(len(trial.features) == len(trial.signals), f"{trial.name} gave no feature for some signals")


def _extracted(extractor: FeatureExtractor, name: str, signal: Signal) -> NDArray[np.float32]:
    values = _values(signal)
    before, what = values.copy(), _in_words(signal)
    feature = extractor(signal)
    require(feature.shape == extractor.shape, f"{name} gave {feature.shape} for an {what}, not {extractor.shape}")
    require(np.array_equal(values, before), f"{name} changed the {what} that it was given")
    feature = feature.copy()  # an extractor may give the same array again
    again = extractor(signal)
    require(np.array_equal(feature, again), f"{name} gave something else the second time for an {what}")
    return feature


def _order(trial: _Trial) -> None:
    """A signal has the same feature whatever was looked at before: all of them backwards, louder ones in between."""
    features = trial.features
    for signal, feature in reversed(list(zip(trial.signals, features, strict=True))):
        same = np.array_equal(trial.extractor(signal), feature)
        require(same, f"{trial.name} gives another feature for an {_in_words(signal)} after it has seen other signals")
    first = trial.signals[0]
    before = trial.extractor(first).copy()
    trial.extractor(_louder(first))
    same = np.array_equal(trial.extractor(first), before)
    require(same, f"{trial.name} gives another feature for an {_in_words(first)} after it has seen a louder signal")


def _sent(trial: _Trial) -> None:
    twin = pickled(trial.extractor)
    for signal, feature in zip(trial.signals, trial.features, strict=True):
        same = np.array_equal(twin(signal), feature)
        require(same, f"an unpickled {trial.name} gives something else for an {_in_words(signal)}")


def _excerpt(trial: _Trial) -> None:
    """What ``excerpt`` says is enough gives the same numbers."""
    tried = 0
    for signal, feature in zip(trial.signals, trial.features, strict=True):
        if not isinstance(signal, Audio):
            continue
        part = trial.extractor.excerpt(signal.waveform.shape[1], signal.rate)
        if part is None or part == (0, signal.waveform.shape[1]):
            continue
        tried += 1
        cut = Audio(signal.waveform[:, part[0] : part[1]].copy(), signal.rate)
        same = np.array_equal(trial.extractor(cut), feature)
        require(same, f"{trial.name}.excerpt says that {part} of an {_in_words(signal)} is enough, and it is not")
    if not tried:
        raise Skipped("it needs the whole of every signal")


def _copies(signals: Sequence[Signal]) -> list[Signal]:
    return [_scaled(signal, 1.0) for signal in signals]


def _louder(signal: Signal) -> Signal:
    return _scaled(signal, 8.0)


def _scaled(signal: Signal, factor: float) -> Signal:
    if isinstance(signal, Audio):
        return Audio(signal.waveform * np.float32(factor), signal.rate)
    return Image(np.minimum(signal.pixels * np.float32(factor), np.float32(1)))


def _values(signal: Signal) -> NDArray[np.float32]:
    return signal.waveform if isinstance(signal, Audio) else signal.pixels


def _in_words(signal: Signal) -> str:
    return f"{type(signal).__name__} of shape {_values(signal).shape}"
