"""The speech part of RAVDESS."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, final

from pydantic import Field

from qplug.contract.claim import Claim
from qplug.contract.errors import DataError
from qplug.contract.interfaces import DatasetCapabilities, RemoteFile, Sample, SplitRule, Unusable
from qplug.signals.layout import recordings, require_folder
from qplug_audio import examples
from qplug_audio.named import NamedRecordings, sorted_out
from qplug_audio.x_ares import x_ares

_NAME = re.compile(r"03-01-(0[1-8])-(0[12])-(0[12])-(0[12])-(0[1-9]|1\d|2[0-4])")
_SONG = re.compile(r"03-02-0[1-6]-0[12]-0[12]-0[12]-(0[1-9]|1\d|2[0-4])")
_HOME = "Audio_Speech_Actors_01-24"
_EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
_AS_IN_CREMA_D = {
    "angry": "anger",
    "disgust": "disgust",
    "fearful": "fear",
    "happy": "happy",
    "neutral": "neutral",
    "sad": "sad",
}
_N_FOLDS = 4


@final
@dataclass(kw_only=True, eq=False)
class Ravdess(NamedRecordings):
    """Twenty-four actors speak two sentences in eight emotions: 1,440 recordings at 48 kHz.

    Odd actors are men, even ones women. The authors define no split. Here fold ``((actor - 1) // 2) mod 4 + 1``
    tests, which deals six actors to each fold, three men and three women.
    """

    summary = "RAVDESS, speech: eight emotions spoken by 24 actors, 1,440 recordings"
    source = "Livingstone, Russo: PLoS ONE 13(5), 2018, doi 10.1371/journal.pone.0196391"
    capabilities = DatasetCapabilities(interface=1, modality="audio")
    splits: ClassVar[Mapping[str, SplitRule]] = {
        "speaker": SplitRule(
            description="unseen speakers: four folds of six actors, three men and three women; fixed by actor number",
            test="fold",
            n_folds=_N_FOLDS,
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
        "features.trim_db": 40.0,
        "training.epochs": 40,
    }
    files: ClassVar[Sequence[RemoteFile]] = (
        RemoteFile(
            url="https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip?download=1",
            checksum="md5:bc696df654c87fed845eb13823edef8a",
            size=208_468_073,
            unpack=True,
        ),
    )
    layout = (
        "the folder holds Actor_01 … Actor_24 with the speech recordings under their official names, such as "
        "Actor_12/03-01-06-01-02-01-12.wav (wav or flac). Get it with: qplug data fetch ravdess; or by hand: "
        "unpack Audio_Speech_Actors_01-24.zip from https://zenodo.org/records/1188976 there."
    )
    citation = (
        "Livingstone, Russo: The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS). "
        "PLoS ONE 13(5): e0196391 (2018), doi 10.1371/journal.pone.0196391"
    )
    licence = "CC BY-NC-SA 4.0"
    homepage = "https://zenodo.org/records/1188976"
    reference: ClassVar[Sequence[Claim]] = (
        Claim(metric="accuracy", value=13.3, unit="%", protocol="always the same emotion, all eight", source="counted"),
        Claim(
            metric="balanced_accuracy",
            value=12.5,
            unit="%",
            protocol="always the same emotion, all eight",
            source="counted",
        ),
        Claim(
            metric="balanced_accuracy",
            value=62.3,
            unit="%",
            protocol="all eight, five folds with speakers apart: LSTM, ± 1.2 over ten runs; features normalised over "
            "all recordings",
            source="Krasnoproshin, Vashkevich 2026, arXiv:2606.03359",
        ),
        *x_ares(
            "all eight, four folds, whether with speakers apart not checked", {"Dasheng": 74.9, "wav2vec 2.0": 44.2}
        ),
    )

    emotions: Annotated[
        Literal["all", "crema-d"],
        Field(description="all eight, or the six that CREMA-D has, under its names"),
    ] = "all"

    def __post_init__(self) -> None:
        self.classes = _EMOTIONS if self.emotions == "all" else tuple(_AS_IN_CREMA_D.values())
        if self.emotions == "crema-d":
            six = (
                Claim(
                    metric="accuracy",
                    value=18.2,
                    unit="%",
                    protocol="always the same emotion, CREMA-D's six",
                    source="counted",
                ),
                Claim(
                    metric="balanced_accuracy",
                    value=16.7,
                    unit="%",
                    protocol="always the same emotion, CREMA-D's six",
                    source="counted",
                ),
                *self.reference[2:],  # which say that they are about all eight
            )
            self.reference = six  # type: ignore[misc]  # instances with all emotions share one

    def samples(self, folder: Path) -> Iterable[Sample | Unusable]:
        """All speech recordings, ordered by actor and name; unusable are those with a name of another form.

        Songs, which come in the same folders, are passed over.

        Raises:
            DataError: there is no folder of an actor, or no recording.
        """
        home = require_folder("ravdess", folder, self.layout)
        actors = sorted([*home.glob("Actor_[0-9][0-9]"), *(home / _HOME).glob("Actor_[0-9][0-9]")])
        actors.sort(key=lambda actor: actor.name)
        found = (path for actor in actors if actor.is_dir() for path in recordings(actor))
        paths = [path for path in found if not _SONG.fullmatch(path.stem)]
        if not paths:
            raise DataError(f"ravdess: {folder} holds no Actor_01 … Actor_24 with recordings. Expected: {self.layout}")
        paths, unusable = sorted_out(folder, paths, _NAME.fullmatch, "03-01-06-01-02-01-12.wav")
        return [*(sample for path in paths if (sample := self._sample(path)) is not None), *unusable]

    def write_example(self, folder: Path, *, seed: int = 0) -> None:
        """Tones in the place of emotions, in the official layout. Synthetic."""
        examples.ravdess(folder, seed)

    def _sample(self, path: Path) -> Sample | None:
        """None for an emotion that was not asked for."""
        _, _, emotion, intensity, sentence, _, actor = path.stem.split("-")
        label = _EMOTIONS[int(emotion) - 1]
        if self.emotions == "crema-d":
            if label not in _AS_IN_CREMA_D:
                return None
            label = _AS_IN_CREMA_D[label]
        return Sample(
            id=path.stem,
            label=label,
            group=f"actor_{actor}",
            source=path,
            fold=(int(actor) - 1) // 2 % _N_FOLDS + 1,
            keys={
                "sentence": "kids" if sentence == "01" else "dogs",
                "intensity": "normal" if intensity == "01" else "strong",
                "sex": "male" if int(actor) % 2 else "female",
            },
        )
