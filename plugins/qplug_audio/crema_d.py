"""CREMA-D, speaker by speaker."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, final

from qplug.contract.claim import Claim
from qplug.contract.interfaces import DatasetCapabilities, RemoteFile, Sample, SplitRule, Unusable
from qplug_audio import examples
from qplug_audio.crema_d_folds import FEMALE, FOLDS, N_FOLDS
from qplug_audio.named import NamedRecordings, recordings_in, sorted_out
from qplug_audio.x_ares import x_ares

_FOLD_OF = {actor: fold for fold, actors in enumerate(FOLDS, start=1) for actor in actors}
_EMOTIONS = {"ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad"}
_LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "XX": "unspecified", "X": "unspecified"}
_SENTENCES = ("DFA", "IEO", "IOM", "ITH", "ITS", "IWL", "IWW", "MTI", "TAI", "TIE", "TSI", "WSI")
_ARCHIVE = "https://github.com/CheyneyComputerScience/CREMA-D/archive/refs/heads/master.zip"
_RECORDINGS = "https://media.githubusercontent.com/media/CheyneyComputerScience/CREMA-D/master/AudioWAV"
_SOURCE = ".source"
"""Sub-folder for the repository's archive, whose pointers tell what the recordings must be."""

_POINTER = re.compile(rb"oid (sha256:[0-9a-f]{64})\nsize (\d+)\n")
_NAME = re.compile(rf"(10\d\d)_({'|'.join(_SENTENCES)})_({'|'.join(_EMOTIONS)})_({'|'.join(_LEVELS)})")


@final
class CremaD(NamedRecordings):
    """Ninety-one actors speak twelve sentences in six emotions: 7,442 recordings at 16 kHz.

    The authors define no split, and random splits let a model know the voices that it is tested on. Here whole
    speakers are tested: five folds, fixed by actor number, see ``qplug_audio.crema_d_folds``. Results are best given
    as unweighted average recall (balanced accuracy) beside accuracy, since neutral is rarer than the other five.
    """

    summary = "CREMA-D: six emotions spoken by 91 actors, 7,442 recordings, in five speaker-disjoint folds"
    source = "Cao et al.: IEEE Transactions on Affective Computing 5(4), 2014, doi 10.1109/TAFFC.2014.2336244"
    capabilities = DatasetCapabilities(interface=1, modality="audio")
    classes = tuple(_EMOTIONS.values())
    splits: ClassVar[Mapping[str, SplitRule]] = {
        "speaker": SplitRule(
            description="unseen speakers: five folds of 18 or 19 actors, balanced by sex, fixed by qplug; whole "
            "speakers held out of the other four validate",
            test="fold",
            n_folds=N_FOLDS,
            validation=0.2,
            official=False,
        ),
        "sentence": SplitRule(
            description="unseen sentences: the twelve sentences dealt into four folds; speakers stand in all parts",
            test="groups",
            group="sentence",
            n_folds=4,
            validation=0.2,
            official=False,
        ),
    }
    defaults: ClassVar[Mapping[str, Any]] = {
        "features": "mel",
        "features.rate": 16_000,
        "features.duration": 3.0,
        "features.n_mels": 64,
        "features.fit": "pad-center",
        "training.epochs": 30,
        "training.monitor": "balanced_accuracy",
    }
    layout = (
        "the folder holds AudioWAV/{actor}_{sentence}_{emotion}_{level}.wav, such as AudioWAV/1001_DFA_ANG_XX.wav. "
        "Get it with: qplug data fetch crema-d; or by hand, with Git LFS: "
        "git clone https://github.com/CheyneyComputerScience/CREMA-D"
    )
    citation = (
        "Cao, Cooper, Keutmann, Gur, Nenkova, Verma: CREMA-D: Crowd-sourced Emotional Multimodal Actors Dataset. "
        "IEEE Transactions on Affective Computing 5(4), 377-390 (2014), doi 10.1109/TAFFC.2014.2336244"
    )
    licence = "Open Database License 1.0 (contents: Database Contents License 1.0)"
    homepage = "https://github.com/CheyneyComputerScience/CREMA-D"
    reference: ClassVar[Sequence[Claim]] = (
        Claim(
            metric="accuracy",
            value=17.1,
            unit="%",
            protocol="always the same emotion",
            source="counted from the official list",
        ),
        Claim(
            metric="balanced_accuracy",
            value=16.7,
            unit="%",
            protocol="always the same emotion",
            source="counted from the official list",
        ),
        Claim(
            metric="accuracy",
            value=40.9,
            unit="%",
            protocol="people who hear the recording alone, all recordings",
            source="Cao et al. 2014",
        ),
        *x_ares(
            "one split, whether with speakers apart not checked",
            {"Dasheng": 76.7, "Whisper": 57.2, "wav2vec 2.0": 54.1, "data2vec": 52.3},
        ),
    )

    def samples(self, folder: Path) -> Iterable[Sample | Unusable]:
        """All recordings, ordered by name; unusable are those with a name of another form or of an unknown actor.

        Raises:
            DataError: there is no recording.
        """
        paths = recordings_in("crema-d", folder, "AudioWAV", self.layout)
        paths, unusable = sorted_out(folder, paths, _known, "1001_DFA_ANG_XX.wav")
        return [*map(_sample, paths), *unusable]

    def remote_files(self, folder: Path) -> Sequence[RemoteFile]:
        """The repository without its recordings, then each recording, checked as the repository says.

        The repository keeps its recordings in Git's large file storage. Its archive holds a pointer in the place of
        each: a few lines of text with the SHA-256 and the size of the recording.
        """
        pointers = sorted((folder / _SOURCE / "AudioWAV").glob("*.wav"))
        return (RemoteFile(url=_ARCHIVE, path=_SOURCE, unpack=True, strip=1), *map(_recording, pointers))

    def write_example(self, folder: Path, *, seed: int = 0) -> None:
        """Tones in the place of emotions, in the official layout. Synthetic."""
        examples.crema_d(folder, seed)


def _recording(pointer: Path) -> RemoteFile:
    url, path = f"{_RECORDINGS}/{pointer.name}", f"AudioWAV/{pointer.name}"
    with pointer.open("rb") as file:
        said = _POINTER.search(file.read(1024))
    if said is None:  # an archive with the recordings themselves: their checksums are then unknown
        return RemoteFile(url=url, path=path)
    return RemoteFile(url=url, path=path, checksum=said[1].decode(), size=int(said[2]))


def _known(stem: str) -> bool:
    name = _NAME.fullmatch(stem)
    return name is not None and int(name[1]) in _FOLD_OF


def _sample(path: Path) -> Sample:
    actor, sentence, emotion, level = path.stem.split("_")
    return Sample(
        id=path.stem,
        label=_EMOTIONS[emotion],
        group=actor,
        source=path,
        fold=_FOLD_OF[int(actor)],
        keys={
            "sentence": sentence,
            "level": _LEVELS[level],
            "sex": "female" if int(actor) in FEMALE else "male",
        },
    )
