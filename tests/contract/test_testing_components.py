"""The conformance checks pass honest components and catch each broken promise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import pytest
import torch
from pydantic import Field
from torch import nn

from qplug.contract.interfaces import (
    INTERFACE,
    Audio,
    Backbone,
    BackboneCapabilities,
    Dataset,
    DatasetCapabilities,
    FeatureCapabilities,
    FeatureExtractor,
    Head,
    HeadCapabilities,
    Reducer,
    ReducerCapabilities,
    RemoteFile,
    Sample,
    Signal,
    SplitRule,
    TrainingPart,
)
from qplug.testing.components import (
    check_backbone,
    check_component,
    check_dataset,
    check_features,
    check_head,
    check_reducer,
)
from qplug.testing.trials import training_part


class Tones(Dataset):
    """An honest data set of two tones."""

    summary = "two tones"
    capabilities = DatasetCapabilities(interface=1, modality="audio", needs_folder=False)
    classes = ("low", "high")
    splits: Mapping[str, SplitRule] = {"official": SplitRule(description="the last third tests", test="part")}
    layout = "none"
    citation = "none"
    licence = "CC0"

    def samples(self, folder: Path) -> Iterable[Sample]:
        for index in range(12):
            label = self.classes[index % 2]
            yield Sample(f"{label}{index}", label, f"group{index // 2}", part="test" if index >= 8 else "train")

    def load(self, sample: Sample) -> Signal:
        return Audio(np.full((1, 80), 0.1, np.float32), 8000)


class Level(FeatureExtractor):
    """An honest extractor."""

    summary = "mean and deviation"
    capabilities = FeatureCapabilities(interface=1, modality="audio")

    @property
    def shape(self) -> tuple[int, ...]:
        return (2,)

    def extract(self, signal: Signal) -> np.ndarray[Any, np.dtype[np.float32]]:
        assert isinstance(signal, Audio)
        return np.array([signal.waveform.mean(), signal.waveform.std()], np.float32)


class Flat(Backbone):
    """An honest backbone."""

    summary = "one layer"
    capabilities = BackboneCapabilities(interface=1)

    def build(self, feature_shape: tuple[int, ...]) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.LazyLinear(5))


class Mean(Reducer):
    """An honest reducer that takes off the training mean."""

    summary = "centred inputs"
    capabilities = ReducerCapabilities(interface=1, fitted=True)

    def fit(self, training: TrainingPart, n_outputs: int) -> None:
        self.mean = training.inputs.mean(dim=0)

    def module(self, n_inputs: int, n_outputs: int) -> nn.Module:
        layer = nn.Linear(n_inputs, n_outputs)
        layer.weight.data = torch.eye(n_inputs)[:n_outputs]
        mean = getattr(self, "mean", torch.zeros(n_inputs))  # not fitted where a finished run is opened
        layer.bias.data = -mean[:n_outputs]
        return layer


class Layer(Head):
    """An honest head."""

    summary = "one layer"
    capabilities = HeadCapabilities(interface=1)

    def __init__(self, *, bias: Annotated[bool, Field(description="whether there is one")] = True) -> None:
        self.bias = bias

    def build(self, n_inputs: int, n_classes: int) -> nn.Module:
        return nn.Linear(n_inputs, n_classes, bias=self.bias)


def test_honest_components_pass() -> None:
    check_dataset(Tones(), Path())
    check_features(Level())
    check_backbone(Flat(), (1, 4, 3))
    check_reducer(Mean(), 6)
    check_head(Layer(bias=False), n_inputs=4, n_classes=5)


class ImportedInterface(Layer):
    capabilities = HeadCapabilities(interface=INTERFACE)


class OldInterface(Layer):
    capabilities = HeadCapabilities(interface=99)


class NoSummary(Layer):
    summary = ""


class Positional(Layer):
    def __init__(self, bias: Annotated[bool, Field(description="x")] = True) -> None:
        self.bias = bias


class NoDefault(Layer):
    def __init__(self, *, bias: Annotated[bool, Field(description="x")]) -> None:
        self.bias = bias


class NoDescription(Layer):
    def __init__(self, *, bias: bool = True) -> None:
        self.bias = bias


class NotStored(Layer):
    def __init__(self, *, other: Annotated[int, Field(description="x")] = 3) -> None:
        self.bias = other > 2


class TwoKinds(Layer):
    presets: ClassVar[Mapping[str, Mapping[str, object]]] = {"bare": {"bias": False}, "full": {"bias": "true"}}


class PresetOfNothing(Layer):
    presets: ClassVar[Mapping[str, Mapping[str, object]]] = {"wide": {"width": 3}}


class PresetOutOfRange(Layer):
    presets: ClassVar[Mapping[str, Mapping[str, object]]] = {"bare": {"bias": 3}}


class ParameterCalledPreset(Layer):
    def __init__(self, *, preset: Annotated[str, Field(description="x")] = "") -> None:
        self.preset = preset


def test_presets_that_can_be_used_pass() -> None:
    check_component(TwoKinds())


@pytest.mark.parametrize(
    ("make", "broken"),
    [
        (PresetOfNothing, "PresetOfNothing's preset 'wide' cannot be used: no parameter .* is called 'width'"),
        (PresetOutOfRange, "PresetOutOfRange's preset 'bare' cannot be used: .*bias .*; got 3"),
        (ParameterCalledPreset, "ParameterCalledPreset calls a parameter 'preset'"),
        (ImportedInterface, "ImportedInterface: write the interface version as a number: interface=1"),
        (OldInterface, "OldInterface declares interface 99"),
        (NoSummary, "NoSummary has no summary"),
        (Positional, "Positional takes 'bias' by position"),
        (lambda: NoDefault(bias=True), "NoDefault has no default for 'bias'"),
        (NoDescription, "NoDescription's parameter 'bias' has no description"),
        (NotStored, "NotStored's parameter 'other' is not stored"),
    ],
)
def test_a_component_that_breaks_a_promise_is_caught(make: Callable[[], Head], broken: str) -> None:
    with pytest.raises(AssertionError, match=broken):
        check_component(make())


class Shuffled(Tones):
    def samples(self, folder: Path) -> Iterable[Sample]:
        samples = list(super().samples(folder))
        torch.rand(1)
        return [samples[index] for index in torch.randperm(12)]


class NoGroup(Tones):
    def samples(self, folder: Path) -> Iterable[Sample]:
        return [Sample(s.id, s.label, "", part=s.part) for s in super().samples(folder)]


class Leaky(Tones):
    def samples(self, folder: Path) -> Iterable[Sample]:
        return [Sample(s.id, s.label, "one bird", part=s.part) for s in super().samples(folder)]


class NoTest(Tones):
    def samples(self, folder: Path) -> Iterable[Sample]:
        return [Sample(s.id, s.label, s.group, part="train") for s in super().samples(folder)]


class NoKey(Tones):
    splits = {"speaker": SplitRule(description="by speaker", test="groups", group="speaker", n_folds=3)}  # noqa: RUF012


class WrongFolds(Tones):
    splits = {"folds": SplitRule(description="official folds", test="fold", n_folds=3)}  # noqa: RUF012


class WrongRate(Tones):
    capabilities = DatasetCapabilities(interface=1, modality="audio", needs_folder=False, rate=16_000)


class Restless(Tones):
    def load(self, sample: Sample) -> Signal:
        return Audio(torch.rand(1, 80).numpy(), 8000)


class Forgetful(Tones):
    """Keeps in the object what only indexing finds out, and loses it on the way to another process."""

    def samples(self, folder: Path) -> Iterable[Sample]:
        self.level = 0.5
        return super().samples(folder)

    def load(self, sample: Sample) -> Signal:
        return Audio(np.full((1, 80), getattr(self, "level", 0.1), np.float32), 8000)

    def __getstate__(self) -> dict[str, Any]:
        return {}


class EveryDefault(Tones):
    defaults = {"features": "mel", "head.n_qubits": 4, "training.epochs": 3, "augmentation.noise": 0.1}  # noqa: RUF012


def test_defaults_may_name_parts_their_parameters_training_and_augmentation() -> None:
    check_dataset(EveryDefault(), Path())


class WrongDefault(Tones):
    defaults = {"feature.n_mels": 3}  # noqa: RUF012


class Climbing(Tones):
    files = (RemoteFile(url="https://example.org/a.wav", path="../a.wav"),)


class WrongChecksum(Tones):
    files = (RemoteFile(url="https://example.org/a.wav", path="a.wav", checksum="sha256:12"),)


@pytest.mark.parametrize(
    ("make", "broken"),
    [
        (Climbing, r"https://example\.org/a\.wav does not stay in the folder: \.\./a\.wav"),
        (WrongChecksum, r"a\.wav has the checksum 'sha256:12'"),
        (Shuffled, "Shuffled.samples gives another order"),
        (NoGroup, "has an empty id or group"),
        (Leaky, r"Leaky, split 'official': the group 'one bird' stands in \['test', 'train'\]"),
        (NoTest, "NoTest, split 'official': needs samples in train and test"),
        (NoKey, "NoKey, split 'speaker': groups by 'speaker', which 'low0' does not have"),
        (WrongFolds, r"WrongFolds, split 'folds': folds \[-1\] are not all in 1…3"),
        (WrongRate, "WrongRate declares 16000 Hz, but 'low0' has 8000"),
        (Restless, "Restless.load gives something else the second time for 'low0'"),
        (Forgetful, "an unpickled Forgetful reads something else for 'low0'"),
        (WrongDefault, "WrongDefault.defaults: 'feature.n_mels' does not begin with"),
    ],
)
def test_a_data_set_that_breaks_a_promise_is_caught(make: Callable[[], Dataset], broken: str) -> None:
    with pytest.raises(AssertionError, match=broken):
        check_dataset(make(), Path())


class Anywhere(Tones):
    capabilities = DatasetCapabilities(interface=1, modality="audio", needs_folder=True)


def test_a_data_set_that_gives_samples_for_a_missing_folder_is_caught() -> None:
    with pytest.raises(AssertionError, match=r"Anywhere\.index of a missing folder does not raise DataError"):
        check_dataset(Anywhere(), Path())


def test_a_component_that_cannot_be_sent_to_another_process_is_caught() -> None:
    class Local(Tones):
        pass

    with pytest.raises(AssertionError, match="Local cannot be pickled"):
        check_dataset(Local(), Path())


class Greedy(Level):
    def extract(self, signal: Signal) -> np.ndarray[Any, np.dtype[np.float32]]:
        assert isinstance(signal, Audio)
        signal.waveform[:] -= 1
        return np.zeros(2, np.float32)


class Dice(Level):
    def extract(self, signal: Signal) -> np.ndarray[Any, np.dtype[np.float32]]:
        return torch.rand(2).numpy()


class WrongAxes(Level):
    @property
    def shared_axes(self) -> tuple[int, ...] | None:
        return (1,)


class TooManyNames(Level):
    @property
    def axes(self) -> tuple[tuple[str, float], ...]:
        return (("channel", 1.0), ("time, s", 0.1))


class Unlike(Level):
    @property
    def axes(self) -> tuple[tuple[str, float | tuple[float, ...]], ...]:
        return (("frequency, kHz", (0.5, 1.0, 2.0)),)


class Falling(Level):
    @property
    def axes(self) -> tuple[tuple[str, float | tuple[float, ...]], ...]:
        return (("frequency, kHz", (2.0, 1.0)),)


@pytest.mark.parametrize(
    ("make", "broken"),
    [
        (Greedy, r"Greedy changed the Audio of shape \(1, 16000\)"),
        (Dice, "Dice gave something else the second time"),
        (WrongAxes, r"WrongAxes.shared_axes \(1,\) are not all axes of \(2,\)"),
        (TooManyNames, r"TooManyNames.axes names 2 axes of a feature that has 1: \(2,\)"),
        (Unlike, "Unlike.axes has 3 values of 'frequency, kHz', which has 2 positions"),
        (Falling, r"Falling.axes has values of 'frequency, kHz' that do not rise: \(2.0, 1.0\)"),
    ],
)
def test_features_that_break_a_promise_are_caught(make: Callable[[], FeatureExtractor], broken: str) -> None:
    with pytest.raises(AssertionError, match=broken):
        check_features(make())


class Image4D(Flat):
    def build(self, feature_shape: tuple[int, ...]) -> nn.Module:
        return nn.Conv2d(1, 2, 1)


class _BatchCentred(nn.Linear):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return super().forward(inputs - inputs.mean(dim=0))


class Peeking(Flat):
    def build(self, feature_shape: tuple[int, ...]) -> nn.Module:
        return nn.Sequential(nn.Flatten(), _BatchCentred(12, 5))


class _Hidden(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.randn(12, 5)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs.flatten(1) @ self.weight


class Hidden(Flat):
    def build(self, feature_shape: tuple[int, ...]) -> nn.Module:
        return _Hidden()


class _Unused(nn.Linear):
    def __init__(self) -> None:
        super().__init__(12, 5)
        self.spare = nn.Parameter(torch.zeros(3))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return super().forward(inputs.flatten(1))


class Unused(Flat):
    def build(self, feature_shape: tuple[int, ...]) -> nn.Module:
        return _Unused()


class Growing(Flat):
    def load_weights(self, module: nn.Module, path: Path | None) -> None:
        module.register_buffer("learnt", torch.ones(3))


@pytest.mark.parametrize(
    ("make", "broken"),
    [
        (Growing, r"Growing\.load_weights changes which weights there are"),
        (Image4D, r"Image4D's module gave \(6, 2, 4, 3\)"),
        (Peeking, "Peeking's module, in evaluation, gives a sample other outputs alone than in a batch"),
        (Hidden, "Hidden's module gives other outputs after load_state_dict"),
        (Unused, "Unused's parameter 'spare' gets no gradient"),
    ],
)
def test_a_backbone_that_breaks_a_promise_is_caught(make: Callable[[], Backbone], broken: str) -> None:
    with pytest.raises(AssertionError, match=broken):
        check_backbone(make(), (1, 4, 3))


class Wide(Mean):
    def module(self, n_inputs: int, n_outputs: int) -> nn.Module:
        return nn.Linear(n_inputs, n_outputs + 1)


def test_a_reducer_of_another_width_is_caught() -> None:
    with pytest.raises(AssertionError, match="Wide promised 6 outputs and gave 7"):
        check_reducer(Wide(), 6)


class Circuitous(Layer):
    capabilities = HeadCapabilities(interface=1, quantum=True)


def test_a_quantum_head_is_sent_to_its_own_checks() -> None:
    with pytest.raises(AssertionError, match=r"Circuitous is a quantum head: .* qplug\.testing\.equivalence"):
        check_head(Circuitous())


def test_the_made_up_training_part_repeats() -> None:
    one, two = training_part(4, 3), training_part(4, 3)
    torch.testing.assert_close(one.inputs, two.inputs, rtol=0, atol=0)
    assert one.inputs.shape == (60, 4)
    assert sorted(set(one.labels.tolist())) == [0, 1, 2]
