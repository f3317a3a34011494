"""The conformance checks pass honest data sets and feature extractors and catch each broken promise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from qplug.contract.interfaces import (
    Audio,
    Dataset,
    DatasetCapabilities,
    FeatureCapabilities,
    FeatureExtractor,
    RemoteFile,
    Sample,
    Signal,
    SplitRule,
)
from qplug.testing.components import (
    check_dataset,
    check_features,
)


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


def test_honest_data_sets_and_features_pass() -> None:
    check_dataset(Tones(), Path())
    check_features(Level())


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
