"""GTZAN without its known faults."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, final

from pydantic import Field

from qplug.contract.claim import Claim
from qplug.contract.errors import DataError, ParameterError, UnknownName
from qplug.contract.interfaces import Audio, Dataset, DatasetCapabilities, Sample, SplitRule, Unusable
from qplug.signals import read_audio
from qplug.signals.layout import recordings, require_folder
from qplug_audio import examples
from qplug_audio.gtzan_split import fault_filtered
from qplug_audio.named import sorted_out

_GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
_NAME = re.compile(rf"({'|'.join(_GENRES)})\.\d{{5}}")
_SECONDS = 30.0
_HOMES = ("genres_original", "genres", "Data/genres_original")
"""Where copies keep the folders of the genres, unless they lie in the folder itself."""
_COMPARISON = (
    "Lee et al. 2018, doi 10.3390/app8010150, as quoted at github.com/jordipons/sklearn-audio-transfer-learning"
)


@final
@dataclass(kw_only=True, eq=False)
class Gtzan(Dataset):
    """A thousand excerpts of 30 seconds in ten genres of music.

    The data set is known for its faults: copies, several excerpts of one recording, wrong labels, and the same artists
    everywhere. Random splits therefore promise far too much. By default the faulty excerpts are left out and each
    artist stands in one part, see ``qplug_audio.gtzan_split``.
    """

    summary = "GTZAN: ten genres of music, 930 of its 1,000 excerpts on the fault-filtered split"
    source = (
        "Tzanetakis, Cook: IEEE Transactions on Speech and Audio Processing 10(5), 2002, doi 10.1109/TSA.2002.800560"
    )
    capabilities = DatasetCapabilities(interface=1, modality="audio")
    splits: ClassVar[Mapping[str, SplitRule]] = {
        "fault-filtered": SplitRule(
            description="443 excerpts train, 197 validate, 290 test; 70 faulty ones are left out and artists are kept "
            "apart (Kereliuk, Sturm, Larsen 2015, arXiv:1507.04761)",
            test="part",
            official=False,
        ),
        "random": SplitRule(
            description="all excerpts at random, the faulty ones too (Sturm 2013, arXiv:1306.1461)",
            test="random",
            official=False,
            leak="copies, excerpts of one recording and artists stand in several parts",
        ),
    }
    defaults: ClassVar[Mapping[str, Any]] = {
        "features": "mel",
        "features.rate": 22_050,
        "features.duration": 10.0,
        "features.n_mels": 64,
        "features.n_fft": 2048,
        "features.hop": 2048,
        "training.epochs": 40,
    }
    layout = (
        "the folder holds genres/ or genres_original/ with one folder per genre and names such as "
        "blues/blues.00029.au (or .wav). The authors' page is gone; copies are found under the names genres.tar.gz "
        "and GTZAN (marsyas.info, Kaggle). In some copies jazz.00054.wav is damaged: --on-bad-file skip goes on "
        "without it."
    )
    citation = (
        "Tzanetakis, Cook: Musical Genre Classification of Audio Signals. IEEE Transactions on Speech and Audio "
        "Processing 10(5), 293-302 (2002), doi 10.1109/TSA.2002.800560; for the fault-filtered split: Kereliuk, "
        "Sturm, Larsen: Deep Learning and Music Adversaries. IEEE Transactions on Multimedia 17(11), 2059-2071 (2015)"
    )
    licence = "none stated; commercial recordings, collected for research"
    homepage = "http://marsyas.info/downloads/datasets.html"
    reference: ClassVar[Sequence[Claim]] = (
        Claim(
            metric="accuracy",
            value=11,
            unit="%",
            protocol="always the same genre, fault-filtered test part at best, all ten genres",
            source="counted",
        ),
        Claim(
            metric="accuracy",
            value=79.7,
            unit="%",
            protocol="all ten, fault-filtered split: frozen Jukebox and a small network",
            source="Castellon, Donahue, Liang 2021, arXiv:2107.05677",
        ),
        Claim(
            metric="accuracy",
            value=77.24,
            unit="%",
            protocol="all ten, fault-filtered split: frozen VGGish and a linear SVM",
            source=_COMPARISON,
        ),
        Claim(
            metric="accuracy",
            value=82.1,
            unit="%",
            protocol="all ten, fault-filtered split: best known to the author of that comparison",
            source=_COMPARISON,
        ),
    )

    genres: Annotated[
        tuple[str, ...], Field(description="the genres to use, in this order, such as blues,metal; empty: all ten")
    ] = ()
    pieces: Annotated[
        int, Field(ge=1, le=30, description="pieces that each excerpt is cut into, all in the same part")
    ] = 1

    def __post_init__(self) -> None:
        self.classes = self.genres or _GENRES
        if set(self.classes) != set(_GENRES):
            reference = tuple(claim.about("all ten genres, not those chosen here") for claim in self.reference)
            self.reference = reference  # type: ignore[misc]  # instances with all classes share one

    def samples(self, folder: Path) -> Iterable[Sample | Unusable]:
        """All excerpts of the chosen genres, genre by genre, ordered by number, or their pieces.

        Unusable are files with a name of another form.

        Raises:
            DataError: a chosen genre has no folder or no excerpt.
            UnknownName: a genre that does not exist.
            ParameterError: fewer than two genres, or one twice.
        """
        _refuse_genres(self.genres)
        require_folder("gtzan", folder, self.layout)
        homes = [*(path for name in _HOMES if (path := folder / name).is_dir()), folder]
        found = {genre: [path for home in homes for path in _excerpts(home / genre)] for genre in self.classes}
        missing = [genre for genre, paths in found.items() if not paths]
        if missing:
            raise DataError(
                f"gtzan: {homes[0]} holds no excerpts of {', '.join(missing)}. Expected layout: {self.layout}"
            )
        paths = [path for its in found.values() for path in its]
        paths, unusable = sorted_out(folder, paths, _NAME.fullmatch, "blues.00029.au")
        yield from unusable
        parts = fault_filtered()
        for path in paths:
            label, part = path.stem.partition(".")[0], parts.get(path.stem)
            if self.pieces == 1:
                yield Sample(path.stem, label, path.stem, path, part=part)
            else:
                for piece in range(self.pieces):
                    yield Sample(f"{path.stem}#{piece}", label, path.stem, path, offset=piece, part=part)

    def write_example(self, folder: Path, *, seed: int = 0) -> None:
        """Tones in the place of music, in the official layout. Synthetic."""
        examples.gtzan(folder, self.classes, seed)

    def load(self, sample: Sample) -> Audio:
        """The excerpt or the piece, as stored: 22,050 Hz, one channel in the official files.

        Raises:
            DataError: the file cannot be decoded, is empty or is cut short.
        """
        assert sample.source is not None
        if sample.offset is None:
            return read_audio(sample.source)
        length = _SECONDS / self.pieces
        return read_audio(sample.source, start=sample.offset * length, duration=length)


def _excerpts(folder: Path) -> list[Path]:
    return list(recordings(folder)) if folder.is_dir() else []


def _refuse_genres(genres: Sequence[str]) -> None:
    for genre in genres:
        if genre not in _GENRES:
            raise UnknownName.of("genre of gtzan", genre, _GENRES)
    if genres and len(set(genres)) < max(2, len(genres)):
        raise ParameterError(
            f"data set 'gtzan': genres={','.join(genres)} must name at least two genres, each once. "
            f"Genres: {', '.join(_GENRES)}"
        )
