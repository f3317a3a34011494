"""Reading recordings: the formats that people keep them in, and a plain word about whatever should not be read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qplug import installation
from qplug.contract.errors import DataError, NotInstalled
from qplug.contract.interfaces import Audio
from qplug.contract.interfaces.dataset import Excerpt
from qplug.signals.files import look
from qplug.signals.headers import ends_early, promised_sound

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

AUDIO_FORMATS = ("WAV", "WAVEX", "RF64", "W64", "FLAC", "OGG", "MP3", "MPEG", "AU", "AIFF", "CAF", "NIST")
"""The formats that are read, by libsndfile's names. Whether a file of another one is whole could not be told."""

MOST_SAMPLES = 2**28
"""The numbers (channels times samples) that are read at once: 1 GiB, an hour and a half at 48 kHz in mono."""

_NO_LENGTH = 1 << 40
"""More frames than any recording has: a FLAC promises that many if its encoder did not know how many would come."""


def read_audio(
    path: Path, *, start: float = 0.0, duration: float | None = None, excerpt: Excerpt | None = None
) -> Audio:
    """The recording in a file, as stored: any rate, any number of channels, full scale at [-1, 1].

    Its size is read from the header first, so that what is too large costs nothing.

    Args:
        path: a file in one of ``AUDIO_FORMATS``, whatever its name ends in.
        start: where to begin, in seconds from the beginning of the recording.
        duration: how much to read, in seconds; None: all that is left. At the end of a recording it may be less.
        excerpt: what is needed of the whole recording; None: all of it. No less is read, and no more if its header
            shows that the rest is there. Not together with ``start`` or ``duration``.

    Raises:
        DataError: the file is missing, empty, not a recording, cut short, too large, or holds no samples there.
        NotInstalled: soundfile is missing.
    """
    with _Opened(path) as file:
        if excerpt is not None and file.header_tells_length and (part := excerpt(file.n_frames, file.rate)):
            return Audio(file.read(part[0], part[1] - part[0]), file.rate)
        first = min(round(start * file.rate), file.n_frames)
        left = file.n_frames - first
        frames = file.read(first, left if duration is None else min(round(duration * file.rate), left))
        return Audio(frames, file.rate)


def audio_duration(path: Path) -> float:
    """Length of a recording in seconds, from its header alone.

    Raises:
        DataError: the file is missing, empty, not a recording or cut short, or does not say how long it is.
        NotInstalled: soundfile is missing.
    """
    with _Opened(path) as file:
        return file.n_frames / file.rate


class _Opened:
    """An open recording whose header was read, and in which all that it promises is there.

    Attributes:
        rate: samples per second, Hz.
        n_frames: samples of each channel.
        header_tells_length: whether the header alone has shown that all of it is there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.head, size = look(path, "recording")
        self.header_tells_length = _refuse_cut_short(path, size)
        self.library = _soundfile()
        try:
            self.file = self.library.SoundFile(path)
        except (self.library.LibsndfileError, RuntimeError, TypeError) as problem:
            raise self.refusal(problem) from problem
        if self.file.format not in AUDIO_FORMATS:
            self.file.close()
            raise DataError.of_file(path, f"is of a kind that is not read ({self.file.format_info}); make it a WAV")
        if self.file.frames >= _NO_LENGTH:
            self.file.close()
            raise DataError.of_file(path, "its header does not say how long it is; write it anew, not through a pipe")
        self.rate = int(self.file.samplerate)
        self.n_frames = int(self.file.frames)

    def __enter__(self) -> _Opened:
        return self

    def __exit__(self, *problem: object) -> None:
        self.file.close()

    def read(self, first: int, wanted: int) -> NDArray[np.float32]:
        """(channel, sample), float32, from the frame ``first``, as many as are wanted.

        Raises:
            DataError: they are not all there, are too many, or none.
        """
        try:
            if first:
                self.file.seek(first)
            frames = self._all(wanted)
        except (self.library.LibsndfileError, RuntimeError, ValueError) as problem:
            raise self.refusal(problem) from problem
        except MemoryError:
            raise self._too_large(wanted) from None
        if not len(frames):
            raise DataError.of_file(self.path, "holds no samples")
        import numpy as np

        return np.ascontiguousarray(frames.T)

    def _all(self, wanted: int) -> NDArray[np.float32]:
        if wanted * self.file.channels > MOST_SAMPLES:
            raise self._too_large(wanted)
        frames: NDArray[np.float32] = self.file.read(wanted, dtype="float32", always_2d=True)
        if len(frames) < wanted:
            raise DataError.of_file(self.path, f"cut short, {len(frames)} of {wanted} frames can be read")
        return frames

    def _too_large(self, wanted: int) -> DataError:
        hours, channels = wanted / self.rate / 3600, self.file.channels
        return DataError.of_file(
            self.path,
            f"too large to be read at once: {hours:.1f} h at {self.rate} Hz in {channels} channel{'s'[: channels != 1]}"
            f" are {4 * wanted * channels / 1e9:.1f} GB of samples, and {4 * MOST_SAMPLES / 1e9:.1f} GB are the most; "
            "cut it into pieces",
        )

    def refusal(self, problem: Exception) -> DataError:
        """Why the file cannot be decoded, in a few words."""
        known = (b"RIFF", b"RIFX", b"RF64", b".snd", b"fLaC", b"OggS", b"FORM", b"ID3", b"NIST", b"caff", b"riff")
        if self.head[:64].isascii() and not self.head.startswith(known):
            return DataError.of_file(self.path, "holds text, not a recording")
        reason = getattr(problem, "error_string", str(problem)).strip().rstrip(".")
        return DataError.of_file(self.path, f"cannot be decoded ({reason})")


def _refuse_cut_short(path: Path, size: int) -> bool:
    """Raises for a file with less sound than its header promises, which libsndfile would silently shorten.

    Returns:
        Whether the header promises how much there is.
    """
    try:
        with path.open("rb") as file:
            promised, start = promised_sound(file)
            early = ends_early(file)
    except OSError as problem:
        raise DataError.of_file(path, f"cannot be read ({problem.strerror})") from problem
    if early:
        raise DataError.of_file(path, "cut short, its stream has no end")
    if size - start < promised:
        there = max(size - start, 0)
        raise DataError.of_file(path, f"cut short, its header promises {promised} bytes of sound and {there} are there")
    return promised > 0


def _soundfile() -> Any:
    try:
        import soundfile
    except (ImportError, OSError) as problem:  # OSError: the package is there and its library is not
        raise NotInstalled(
            f"reading recordings needs soundfile, which cannot be imported ({problem}). "
            f"Install it with: {installation.install('audio')}"
        ) from problem
    return soundfile
