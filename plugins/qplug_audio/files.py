"""Reading recordings: whatever libsndfile decodes, and a plain word about whatever it should not."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from qplug.contract.errors import DataError
from qplug.contract.interfaces import Audio

_CURE = "Replace or remove the file, or go on without it: --on-bad-file skip"
_UNKNOWN_LENGTH = 0x7FFF_F000
"""Encoders that write to a pipe promise this many bytes or more, because they cannot know."""


def read_audio(path: Path, *, start: float = 0.0, duration: float | None = None) -> Audio:
    """The recording in a file, as stored: any rate, any number of channels, full scale at [-1, 1].

    Args:
        path: a file in any format that libsndfile reads (wav, flac, ogg, mp3, au, aiff, …).
        start: where to begin, in seconds from the beginning of the recording.
        duration: how much to read, in seconds; None: all that is left. At the end of a recording it may be less.

    Raises:
        DataError: the file is missing, empty, not a recording, cut short, or holds no samples there.
    """
    _refuse_cut_short(path)
    try:
        with soundfile.SoundFile(path) as file:
            first = min(round(start * file.samplerate), file.frames)
            wanted = (
                file.frames - first if duration is None else min(round(duration * file.samplerate), file.frames - first)
            )
            if first:
                file.seek(first)
            frames = file.read(wanted, dtype="float32", always_2d=True)
            rate = int(file.samplerate)
    except (soundfile.LibsndfileError, RuntimeError) as problem:
        raise DataError(f"{path}: {_in_a_few_words(path, problem)}. {_CURE}") from problem
    if len(frames) < wanted:
        raise DataError(f"{path}: cut short, {len(frames)} of {wanted} frames can be read. {_CURE}")
    if not len(frames):
        raise DataError(f"{path}: holds no samples. {_CURE}")
    return Audio(np.ascontiguousarray(frames.T), rate)


def audio_duration(path: Path) -> float:
    """Length of a recording in seconds, from its header alone.

    Raises:
        DataError: the file is missing, empty, not a recording or cut short.
    """
    _refuse_cut_short(path)
    try:
        return float(soundfile.info(path).duration)
    except (soundfile.LibsndfileError, RuntimeError) as problem:
        raise DataError(f"{path}: {_in_a_few_words(path, problem)}. {_CURE}") from problem


def _refuse_cut_short(path: Path) -> None:
    """Raises for a wav or au file with less sound than its header promises, which libsndfile would silently shorten."""
    try:
        if path.exists() and not path.is_file():
            raise DataError(f"{path}: is no file but a folder, a pipe or a device. {_CURE}")
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            promised, start = _promised_data(file)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file. Is the data set complete?") from None
    except OSError as problem:
        raise DataError(f"{path}: cannot be read ({problem.strerror}). {_CURE}") from problem
    if size == 0:
        raise DataError(f"{path}: the file is empty (0 bytes). {_CURE}")
    if size - start < promised < _UNKNOWN_LENGTH:
        raise DataError(
            f"{path}: cut short, its header promises {promised} bytes of sound and {max(size - start, 0)} are there. "
            f"{_CURE}"
        )


def _promised_data(file: BinaryIO) -> tuple[int, int]:
    """How many bytes of sound the header promises, and where they begin; (0, 0) for formats that do not say so."""
    head = file.read(12)
    if head[:4] == b".snd" and len(head) == 12:
        return int.from_bytes(head[8:12], "big"), int.from_bytes(head[4:8], "big")
    if head[:4] not in (b"RIFF", b"RIFX") or head[8:12] != b"WAVE":
        return 0, 0
    order = "little" if head[:4] == b"RIFF" else "big"
    while len(chunk := file.read(8)) == 8:
        length = int.from_bytes(chunk[4:], order)  # type: ignore[arg-type]
        if chunk[:4] == b"data":
            return length, file.tell()
        file.seek(length + length % 2, 1)  # chunks are padded to even length
    return 0, 0


def _in_a_few_words(path: Path, problem: Exception) -> str:
    with path.open("rb") as file:
        head = file.read(64)
    if head.startswith(b"version https://git-lfs"):
        return "holds Git LFS's pointer to the recording, not the recording: get those with git lfs pull"
    if head.isascii() and not head.startswith((b"RIFF", b"RIFX", b"RF64", b".snd", b"fLaC", b"OggS", b"FORM", b"ID3")):
        return "holds text, not a recording"
    reason = getattr(problem, "error_string", str(problem)).strip().rstrip(".")
    return f"cannot be decoded ({reason})"
