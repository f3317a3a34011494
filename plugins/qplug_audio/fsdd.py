"""The Free Spoken Digit Dataset."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, final

from qplug.contract.claim import Claim
from qplug.contract.interfaces import DatasetCapabilities, RemoteFile, Sample, SplitRule, Unusable
from qplug_audio import examples
from qplug_audio.named import NamedRecordings, recordings_in, sorted_out

_NAME = re.compile(r"\d_[A-Za-z]+_\d+")
_TEST_INDEXES = range(5)


@final
class FreeSpokenDigits(NamedRecordings):
    """English digits spoken by six people, 50 times each: 3,000 recordings of half a second at 8 kHz."""

    summary = "Free Spoken Digit Dataset: ten English digits, six speakers, 3,000 recordings"
    source = "https://github.com/Jakobovski/free-spoken-digit-dataset"
    capabilities = DatasetCapabilities(interface=1, modality="audio", rate=8000)
    classes = tuple("0123456789")
    splits: ClassVar[Mapping[str, SplitRule]] = {
        "official": SplitRule(
            description="recordings 0 to 4 of each digit and speaker are the test part, as the data set's authors "
            "say; all speakers stand in all parts",
            test="part",
        ),
        "speaker": SplitRule(
            description="unseen speakers: each fold tests on one of the six, none of whose recordings is trained on",
            test="groups",
            group="speaker",
            n_folds=6,
            validation=0.2,
            official=False,
        ),
    }
    defaults: ClassVar[Mapping[str, Any]] = {
        "features": "mel",
        "features.rate": 8000,
        "features.duration": 1.0,
        "features.n_mels": 32,
        "features.n_fft": 256,
        "features.hop": 160,
        "features.crop": "start",
        "training.epochs": 20,
    }
    files: ClassVar[Sequence[RemoteFile]] = (
        RemoteFile(
            url="https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.zip",
            unpack=True,
            strip=1,
        ),
    )
    layout = (
        "the folder holds recordings/{digit}_{speaker}_{index}.wav, such as recordings/7_jackson_32.wav. "
        "Get it with: qplug data fetch fsdd; or by hand: git clone "
        "https://github.com/Jakobovski/free-spoken-digit-dataset"
    )
    citation = (
        "Jackson, Souza, Flaks, Pan, Nicolas, Thite: Free Spoken Digit Dataset; the 3,000 recordings are version "
        "1.0.10, version 1.0.8 is doi 10.5281/zenodo.1342401"
    )
    licence = "CC BY-SA 4.0"
    homepage = "https://github.com/Jakobovski/free-spoken-digit-dataset"
    reference: ClassVar[Sequence[Claim]] = (
        Claim(metric="accuracy", value=10, unit="%", protocol="always the same digit", source="300 recordings of each"),
    )

    def samples(self, folder: Path) -> Iterable[Sample | Unusable]:
        """All recordings, ordered by name; unusable are those with a name of another form.

        Raises:
            DataError: there is no recording.
        """
        paths = recordings_in("fsdd", folder, "recordings", self.layout)
        paths, unusable = sorted_out(folder, paths, _NAME.fullmatch, "7_jackson_32.wav")
        return [*map(_sample, paths), *unusable]

    def write_example(self, folder: Path, *, seed: int = 0) -> None:
        """Tones in the place of digits, in the official layout. Synthetic."""
        examples.spoken_digits(folder, seed)


def _sample(path: Path) -> Sample:
    digit, speaker, index = path.stem.split("_")
    return Sample(
        id=path.stem,
        label=digit,
        group=path.stem,
        source=path,
        part="test" if int(index) in _TEST_INDEXES else "train",
        keys={"speaker": speaker},
    )
