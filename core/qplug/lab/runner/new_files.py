"""New files for a finished run: what is in folders, and what of a recording its features leave out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from qplug.contract.errors import DataError
from qplug.contract.interfaces import Audio, FeatureExtractor, Modality, Signal
from qplug.signals import read_signal
from qplug.signals.layout import AUDIO_SUFFIXES, IMAGE_SUFFIXES, files_below

_NOUN = {"audio": "recording", "image": "image"}
_MOST_NAMED = 3
_ROUNDING = 0.01
"""Seconds: recordings that are longer by less were meant to have that length."""


def files_of(given: Sequence[Path | Signal], modality: Modality) -> list[Path | Signal]:
    """What is given, each folder replaced by the recordings or images in it, at any depth, in the order of their paths.

    Raises:
        DataError: a folder holds none; told by the names of its files.
    """
    found: list[Path | Signal] = []
    for one in given:
        found += _inside(one, modality) if isinstance(one, Path) and one.is_dir() else [one]
    return found


def _inside(folder: Path, modality: Modality) -> list[Path]:
    suffixes = AUDIO_SUFFIXES if modality == "audio" else IMAGE_SUFFIXES
    paths = sorted(folder / name for name in files_below(folder, suffixes))
    if not paths:
        endings = ", ".join(sorted(suffixes))
        raise DataError(f"{folder} holds no {_NOUN[modality]}. Names of {_NOUN[modality]}s end in {endings}.")
    return paths


class Reader:
    """Reads new files as those of training were read, and notes which recordings are longer than what is looked at.

    Args:
        extractor: the run's feature extractor; that it keeps so many seconds, it says in its parameter ``duration``.
    """

    def __init__(self, extractor: FeatureExtractor) -> None:
        self.extractor = extractor
        duration = getattr(extractor, "duration", None)
        self.kept = float(duration) if isinstance(duration, int | float) else None
        self.longer: list[str] = []

    def read(self, file: Path | Signal, name: str) -> Signal:
        """The signal of a file, or the signal itself.

        Raises:
            DataError: the file cannot be read.
        """
        seconds: list[float] = []

        def noted(n_samples: int, rate: int) -> tuple[int, int] | None:
            seconds.append(n_samples / rate)
            return self.extractor.excerpt(n_samples, rate)

        modality = self.extractor.capabilities.modality
        signal: Signal = read_signal(file, modality, noted) if isinstance(file, Path) else file
        if self.kept is not None and isinstance(signal, Audio):
            length = seconds[0] if seconds else signal.waveform.shape[1] / signal.rate
            if length > self.kept + _ROUNDING:
                self.longer.append(f"{name} ({length:.3g} s)")
        return signal

    def tell(self, say: Callable[[str], None]) -> None:
        """Says of which recordings only a part was looked at, if there are such."""
        if self.longer:
            more = ", …" if len(self.longer) > _MOST_NAMED else ""
            say(
                f"cropped: features.duration keeps {self.kept:g} s of a recording, and {len(self.longer)} "
                f"{'is' if len(self.longer) == 1 else 'are'} longer: {', '.join(self.longer[:_MOST_NAMED])}{more}"
            )
