"""One recording to one channel, one rate and one length."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import numpy as np
import soxr
from numpy.typing import NDArray

from qplug.contract.interfaces import Audio

Fit: TypeAlias = Literal["pad-end", "pad-center", "loop"]
"""What becomes of a recording that is too short: silence after it, silence around it, or itself again and again."""

Crop: TypeAlias = Literal["start", "center", "loudest"]
"""What is kept of a recording that is too long."""


def mono(audio: Audio, rate: int) -> NDArray[np.float32]:
    """The mean of all channels (sample,), float32, at ``rate`` Hz."""
    several = len(audio.waveform) > 1
    waveform: NDArray[np.float32] = audio.waveform.mean(axis=0) if several else audio.waveform[0]
    if audio.rate == rate:
        return waveform
    resampled: NDArray[np.float32] = soxr.resample(waveform, audio.rate, rate, quality="HQ")
    return resampled


def fitted(waveform: NDArray[np.float32], length: int, *, fit: Fit, crop: Crop) -> NDArray[np.float32]:
    """Exactly ``length`` samples of a waveform (sample,), cut or filled by rule."""
    missing = length - len(waveform)
    if missing == 0:
        return waveform
    if missing < 0:
        start = _crop_start(waveform, length, crop)
        return waveform[start : start + length]
    if len(waveform) == 0:
        return np.zeros(length, np.float32)  # resampling a handful of samples to a lower rate can leave none
    if fit == "loop":
        return np.resize(waveform, length)
    before = missing // 2 if fit == "pad-center" else 0
    return np.pad(waveform, (before, missing - before))


def excerpt(n_samples: int, rate: int, *, to_rate: int, length: int, crop: Crop) -> tuple[int, int] | None:
    """What of a recording ``fitted(mono(…))`` depends on: the first sample and the one behind the last; None: all.

    Resampling from the start is the same to the last bit if a second more is there than is used. From another place the
    filter would stand otherwise, and where a recording is loudest nobody knows before it is read.

    Args:
        n_samples: samples of each channel.
        rate: the recording's, Hz.
        to_rate: what it is resampled to, Hz.
        length: samples that are wanted at that rate.
        crop: what is kept of a recording that is too long.
    """
    if crop == "loudest":
        return None
    if rate == to_rate:
        first = max(0, n_samples - length) // 2 if crop == "center" else 0
        return first, min(first + length, n_samples)
    return (0, min(n_samples, math.ceil((length / to_rate + 1) * rate))) if crop == "start" else None


def trimmed(waveform: NDArray[np.float32], floor_db: float, *, frame: int = 512) -> NDArray[np.float32]:
    """The waveform (sample,) without leading and trailing silence.

    Args:
        waveform: one channel.
        floor_db: frames this many dB below the loudest frame count as silence, > 0.
        frame: samples per frame, of which the mean power is taken; the last one may hold fewer.
    """
    if len(waveform) < 2 * frame:
        return waveform
    starts = np.arange(0, len(waveform), frame)
    power = np.add.reduceat(np.square(waveform), starts) / np.diff(starts, append=len(waveform))
    loud = np.flatnonzero(power > power.max() * 10 ** (-floor_db / 10))
    if not len(loud):
        return waveform  # digital silence throughout: there is nothing to find the ends of
    return waveform[loud[0] * frame : (loud[-1] + 1) * frame]


def _crop_start(waveform: NDArray[np.float32], length: int, crop: Crop) -> int:
    spare = len(waveform) - length
    if crop == "start":
        return 0
    if crop == "center":
        return spare // 2
    energy = np.concatenate([[0.0], np.cumsum(np.square(waveform, dtype=np.float64))])
    return int(np.argmax(energy[length:] - energy[: spare + 1]))
