"""The mel spectrogram, equal to librosa's and without its start-up cost of three seconds per process.

**Source:** Slaney, Auditory Toolbox (1998), for the mel scale and the area-normalised triangles, as in
``librosa.feature.melspectrogram``. The tests hold both equal to 1e-4.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

_BREAK_HZ = 1000.0
_HZ_PER_MEL = 200.0 / 3
_LOG_STEP = np.log(6.4) / 27.0
"""Above 1 kHz one mel is this step of the natural logarithm of the frequency."""


def hz_to_mel(hz: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Slaney's mel scale: linear below 1 kHz, logarithmic above."""
    hz = np.asarray(hz, np.float64)
    above = _BREAK_HZ / _HZ_PER_MEL + np.log(np.maximum(hz, _BREAK_HZ) / _BREAK_HZ) / _LOG_STEP
    return np.where(hz < _BREAK_HZ, hz / _HZ_PER_MEL, above)


def mel_to_hz(mel: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """The inverse of ``hz_to_mel``."""
    mel = np.asarray(mel, np.float64)
    break_mel = _BREAK_HZ / _HZ_PER_MEL
    above = _BREAK_HZ * np.exp(_LOG_STEP * (np.maximum(mel, break_mel) - break_mel))
    return np.where(mel < break_mel, mel * _HZ_PER_MEL, above)


def mel_edges(n_mels: int, f_min: float, f_max: float) -> NDArray[np.float64]:
    """Where bands begin, are highest and end, Hz (n_mels + 2,): a band from one of these to the one after the next."""
    return mel_to_hz(np.linspace(float(hz_to_mel(f_min)), float(hz_to_mel(f_max)), n_mels + 2))


@lru_cache(maxsize=8)
def mel_bank(rate: int, n_fft: int, n_mels: int, f_min: float, f_max: float) -> NDArray[np.float32]:
    """Triangular filters (bin, mel), each of unit area over frequency.

    Args:
        rate: sample rate, Hz.
        n_fft: samples per analysis window.
        n_mels: number of bands.
        f_min: lower edge of the lowest band, Hz.
        f_max: upper edge of the highest band, Hz.
    """
    edges = mel_edges(n_mels, f_min, f_max)
    bins = np.fft.rfftfreq(n_fft, 1 / rate)
    rising = (bins[:, None] - edges[None, :-2]) / np.diff(edges)[None, :-1]
    falling = (edges[None, 2:] - bins[:, None]) / np.diff(edges)[None, 1:]
    area = 2.0 / (edges[2:] - edges[:-2])
    bank: NDArray[np.float32] = (np.maximum(0, np.minimum(rising, falling)) * area).astype(np.float32)
    bank.setflags(write=False)
    return bank


@lru_cache(maxsize=8)
def _hann(n_fft: int) -> NDArray[np.float32]:
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)).astype(np.float32)
    window.setflags(write=False)
    return window


def n_frames(n_samples: int, n_fft: int, hop: int) -> int:
    """How many frames a centred short-time spectrum of that many samples has."""
    return 1 + (n_samples - n_fft % 2) // hop  # half of an odd window, rounded down, is padded at both ends


def power_spectrum(waveform: NDArray[np.float32], n_fft: int, hop: int) -> NDArray[np.float32]:
    """Squared magnitudes (frame, bin) of the centred short-time Fourier transform, Hann window, zeros at the ends."""
    padded = np.pad(waveform, n_fft // 2)
    frames = sliding_window_view(padded, n_fft)[::hop]
    spectrum = np.fft.rfft(frames * _hann(n_fft), axis=1)
    power: NDArray[np.float32] = np.square(spectrum.real) + np.square(spectrum.imag)
    return power


def mel_spectrogram(
    waveform: NDArray[np.float32],
    *,
    rate: int,
    n_fft: int,
    hop: int,
    n_mels: int,
    f_min: float,
    f_max: float,
    magnitude: bool = False,
) -> NDArray[np.float32]:
    """Power in each mel band (mel, frame), float32, of a waveform (sample,).

    Args:
        waveform: one channel.
        rate: its sample rate, Hz.
        n_fft: samples per analysis window.
        hop: samples from one window to the next.
        n_mels: number of bands.
        f_min: lower edge of the lowest band, Hz.
        f_max: upper edge of the highest band, Hz.
        magnitude: magnitudes instead of power.
    """
    power = power_spectrum(waveform, n_fft, hop)
    if magnitude:
        power = np.sqrt(power)
    return np.ascontiguousarray((power @ mel_bank(rate, n_fft, n_mels, f_min, f_max)).T)


def decibels(power: NDArray[np.float32], *, floor: float = 1e-10, top_db: float | None = 80.0) -> NDArray[np.float32]:
    """Ten times the decimal logarithm of power, at most ``top_db`` below this signal's own loudest value.

    Args:
        power: any shape, ≥ 0.
        floor: power is taken to be at least this much.
        top_db: dynamic range in dB; None: unlimited.
    """
    levels = np.float32(10.0) * np.log10(np.maximum(power, np.float32(floor)))
    return levels if top_db is None else np.maximum(levels, levels.max() - np.float32(top_db))


def pcen(
    magnitude: NDArray[np.float32],
    *,
    rate: int,
    hop: int,
    gain: float = 0.98,
    bias: float = 2.0,
    power: float = 0.5,
    seconds: float = 0.4,
) -> NDArray[np.float32]:
    """Per-channel energy normalisation (mel, frame): each band relative to its own recent past.

    **Source:** Wang et al., Trainable Frontend for Robust and Far-Field Keyword Spotting (2017), arXiv:1607.05666,
    equation 1; constants and scaling as ``librosa.pcen`` recommends for recordings in [-1, 1].

    Args:
        magnitude: magnitudes in each mel band (mel, frame).
        rate: sample rate of the waveform, Hz.
        hop: samples from one frame to the next.
        gain: strength of the normalisation, in [0, 1].
        bias: offset before the root.
        power: exponent of the compression.
        seconds: time constant of the running mean.
    """
    scaled = magnitude.astype(np.float64) * 2**31
    frames = seconds * rate / hop
    share = (np.sqrt(1 + 4 * frames**2) - 1) / (2 * frames**2)
    mean = np.empty_like(scaled)
    running = np.ones(len(scaled))
    for frame in range(scaled.shape[1]):
        running = share * scaled[:, frame] + (1 - share) * running
        mean[:, frame] = running
    floor = 1e-6
    smooth = np.exp(-gain * (np.log(floor) + np.log1p(mean / floor)))
    levels: NDArray[np.float64] = bias**power * np.expm1(power * np.log1p(scaled * smooth / bias))
    return levels.astype(np.float32)


def deltas(feature: NDArray[np.float32], order: int, *, width: int = 9) -> NDArray[np.float32]:
    """Slope (order 1) or curvature (order 2) of each row of a feature (row, frame) over time.

    A polynomial of that order is fitted to ``width`` frames around each; at the ends the first and the last full
    window count. Features with fewer frames are fitted over the most that an odd window holds; below three frames
    nothing changes over time and the result is zero.

    **Source:** Savitzky and Golay (1964), as in ``librosa.feature.delta``.
    """
    n_frames = feature.shape[1]
    width = min(width, n_frames - 1 + n_frames % 2)
    if width < 3:
        return np.zeros_like(feature)
    half = width // 2
    positions = np.vander(np.arange(-half, half + 1), order + 1, increasing=True)
    weights = (order * np.linalg.pinv(positions)[order]).astype(np.float32)  # order! is order for one and two
    inner = sliding_window_view(feature, width, axis=1) @ weights
    return np.pad(inner, ((0, 0), (half, half)), mode="edge")


@lru_cache(maxsize=8)
def cosine_matrix(n_mels: int, n_coefficients: int) -> NDArray[np.float32]:
    """The first rows (coefficient, mel) of the orthonormal type-II discrete cosine transform."""
    angles = np.pi / n_mels * (np.arange(n_mels) + 0.5)[None] * np.arange(n_coefficients)[:, None]
    matrix: NDArray[np.float32] = (np.sqrt(2 / n_mels) * np.cos(angles)).astype(np.float32)
    matrix[0] = np.sqrt(1 / n_mels)
    matrix.setflags(write=False)
    return matrix
