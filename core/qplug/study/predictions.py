"""What a classifier says of new recordings and images: files, signals or arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from qplug.contract.errors import UserError
from qplug.contract.interfaces import Audio, Image, Modality, Signal
from qplug.lab.runner.loaded import LoadedRun
from qplug.study.progress import showing
from qplug.study.shown import Sheet, Shown

_SHOWN = 20
_CHANNELS = (1, 3)


class Predictions(Shown, Sequence[Mapping[str, Any]]):
    """One answer per input, in their order: ``file``, ``label`` and ``probabilities`` by class.

    Attributes:
        classes: the names of the classes.
    """

    def __init__(self, classes: tuple[str, ...], answers: Sequence[Mapping[str, Any]]) -> None:
        self.classes = classes
        self._answers = tuple(answers)

    @property
    def labels(self) -> list[str]:
        """The most probable class of each input."""
        return [str(answer["label"]) for answer in self]

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """(input, class), the rows sum to 1."""
        rows = [[answer["probabilities"][name] for name in self.classes] for answer in self]
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(self.classes))

    def __len__(self) -> int:
        return len(self._answers)

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Any]: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Mapping[str, Any]]: ...

    def __getitem__(self, index: int | slice) -> Mapping[str, Any] | Sequence[Mapping[str, Any]]:
        return self._answers[index]

    def sheet(self) -> Sheet:
        """Each input with its label and how probable that is."""
        rows = [
            (str(answer["file"]), str(answer["label"]), f"{100 * answer['probabilities'][answer['label']]:.0f} %")
            for answer in self._answers[:_SHOWN]
        ]
        more = len(self) - len(rows)
        title = f"{len(self)} {'input' if len(self) == 1 else 'inputs'}, {len(self.classes)} classes"
        return Sheet(title, ("input", "label", "probability"), rows, (f"and {more:,} more",) if more > 0 else ())


def predictions_of(
    loaded: LoadedRun, inputs: Any, rate: int | None, on_bad_file: Literal["refuse", "skip"]
) -> Predictions:
    """What a loaded classifier says of the inputs; see ``Run.predict``."""
    modality = loaded.features.capabilities.modality
    found = [_one(each, modality, rate) for each in _several(inputs)]
    with showing(progress=False) as reporter:
        return Predictions(loaded.classes, loaded.predict(found, reporter, on_bad_file=on_bad_file))


def _several(inputs: Any) -> Iterator[Any]:
    single = isinstance(inputs, str | Path | Audio | Image) or hasattr(inputs, "__array__")
    if not single and not isinstance(inputs, Iterable):
        raise UserError(f"predict takes paths, Audio, Image or arrays, one or several in a list; got {inputs!r}.")
    yield from (inputs,) if single else inputs


def _one(given: Any, modality: Modality, rate: int | None) -> Path | Signal:
    if isinstance(given, str | Path):
        return Path(given)
    if isinstance(given, Audio | Image):
        if isinstance(given, Audio) != (modality == "audio"):
            raise UserError(f"this run classifies {modality}; got {type(given).__name__}.")
        return given
    if not hasattr(given, "__array__"):
        raise UserError(f"predict takes paths, Audio, Image or arrays; got {type(given).__name__}: {given!r}.")
    values = np.asarray(given)
    return _recording(values, rate) if modality == "audio" else _picture(values)


def _recording(values: NDArray[Any], rate: int | None) -> Audio:
    if rate is None:
        raise UserError("a recording that is an array needs its rate in Hz: predict(array, rate=16000).")
    if values.ndim not in (1, 2) or not np.issubdtype(values.dtype, np.floating):
        raise UserError(
            "a recording is (sample,) or (channel, sample) in floating-point numbers with full scale [-1, 1]; got the "
            f"shape {values.shape} of {values.dtype}. Several stand in a list."
        )
    return Audio(np.atleast_2d(values).astype(np.float32), rate)


def _picture(values: NDArray[Any]) -> Image:
    channels_last = values.ndim == 3 and values.shape[-1] in _CHANNELS
    channels_first = values.ndim == 3 and values.shape[0] in _CHANNELS
    if not (values.ndim == 2 or channels_last or channels_first):
        raise UserError(
            "an image is (height, width), (height, width, channel) or (channel, height, width) with 1 or 3 channels; "
            f"got the shape {values.shape}. Several stand in a list: predict(list(images))."
        )
    scaled = values / 255 if np.issubdtype(values.dtype, np.integer) else values
    pixels = scaled[np.newaxis] if values.ndim == 2 else np.moveaxis(scaled, -1, 0) if channels_last else scaled
    low, high = (float(pixels.min()), float(pixels.max())) if pixels.size else (0.0, 0.0)
    if not (low >= 0 and high <= 1):
        raise UserError(
            f"pixels are floating-point numbers in [0, 1] or whole numbers to 255; got {low:.4g} to {high:.4g}."
        )
    return Image(np.ascontiguousarray(pixels, dtype=np.float32))
