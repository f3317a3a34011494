"""The log-mel spectrograms that EfficientAT networks were trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, ClassVar, final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from qplug.contract.interfaces import Audio, FeatureCapabilities, Signal
from qplug_audio.bands import Axes
from qplug_audio.recordings import FromRecordings
from qplug_audio.waveforms import excerpt, fitted, mono

RATE = 32_000
N_FFT = 1024
WINDOW = 800
HOP = 320
N_MELS = 128
F_MAX = 15_000.0
PRE_EMPHASIS = 0.97


@final
@dataclass(kw_only=True, eq=False)
class EfficientAtMel(FromRecordings):
    """A log-mel spectrogram (1, 128, frame), ten milliseconds from frame to frame, for the backbone ``efficientat``.

    Resampled to 32 kHz; each sample less .97 of the one before; power spectra of 1024 points, 25 ms symmetric Hann
    windows in their middle, the ends mirrored; 128 mel bands from 0 to 15 kHz; (ln(power + 1e-5) + 4.5) / 5. It is
    the networks' own normalisation, so nothing is fitted.

    **Source:** Schmid, Koutini, Widmer, Efficient Large-scale Audio Tagging, 2022 (arXiv:2211.04772); mel bands:
    Kaldi, whose triangles are straight on the mel axis.
    """

    summary = "log-mel spectrogram exactly as EfficientAT networks take it"
    source = "arXiv:2211.04772"
    capabilities = FeatureCapabilities(interface=1, modality="audio")
    presets: ClassVar[Mapping[str, Mapping[str, object]]] = {
        # The transfer system on CREMA-D: clips cut or filled to 4 s.
        "crema-d": {"duration": 4.0},
    }

    duration: Annotated[
        float, Field(ge=0.1, le=600, description="every recording is cut or filled to it, s; trained on 10 s")
    ] = 4.0

    @property
    def shape(self) -> tuple[int, ...]:
        """(1, 128, frame)."""
        return (1, N_MELS, 1 + (self._n_samples - 1) // HOP)

    @property
    def axes(self) -> Axes:
        """Channels, bands by the frequency of their middles, and seconds by frame."""
        middles = 0.7 * np.expm1(_edges()[1:-1] / 1127.0)
        return (("channel", 1.0), ("frequency, kHz", tuple(middles.tolist())), ("time, s", HOP / RATE))

    def excerpt(self, n_samples: int, rate: int) -> tuple[int, int] | None:
        """What ``waveforms.excerpt`` finds."""
        return excerpt(n_samples, rate, to_rate=RATE, length=self._n_samples, crop=self.crop)

    def extract(self, signal: Signal) -> NDArray[np.float32]:
        """The log-mel spectrogram (1, 128, frame), float32, mostly in [-2, 2]."""
        assert isinstance(signal, Audio)  # the interface has checked the modality
        waveform = fitted(mono(signal, RATE), self._n_samples, fit=self.fit, crop=self.crop)
        emphasised = waveform[1:] - np.float32(PRE_EMPHASIS) * waveform[:-1]
        power = _power_spectrum(emphasised) @ kaldi_mel_bank()
        return np.ascontiguousarray(((np.log(power + np.float32(1e-5)) + np.float32(4.5)) / np.float32(5)).T)[None]

    @property
    def _n_samples(self) -> int:
        return round(self.duration * RATE)


def _power_spectrum(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    """Squared magnitudes (frame, bin), float32, of windows centred on every HOP-th sample, the ends mirrored."""
    padded = np.pad(waveform, N_FFT // 2, mode="reflect")
    frames = sliding_window_view(padded, N_FFT)[::HOP]
    spectrum = np.fft.rfft(frames * _window(), axis=1)
    power: NDArray[np.float32] = (np.square(spectrum.real) + np.square(spectrum.imag)).astype(np.float32)
    return power


@lru_cache(maxsize=1)
def _window() -> NDArray[np.float32]:
    """(N_FFT,): a Hann window of WINDOW points that begins and ends with zero, zeros on both sides."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / (WINDOW - 1))
    return np.pad(hann, (N_FFT - WINDOW) // 2).astype(np.float32)


@lru_cache(maxsize=1)
def kaldi_mel_bank() -> NDArray[np.float32]:
    """Triangular filters (bin, mel) of height one; the bin at half the rate belongs to none."""
    bins = _mel(np.arange(N_FFT // 2) * (RATE / N_FFT))
    edges = _edges()
    rising = (bins[:, None] - edges[None, :-2]) / np.diff(edges)[None, :-1]
    falling = (edges[None, 2:] - bins[:, None]) / np.diff(edges)[None, 1:]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return np.pad(triangles, ((0, 1), (0, 0))).astype(np.float32)


def _edges() -> NDArray[np.float64]:
    """Where the bands begin, are highest and end, on the mel axis: (N_MELS + 2,)."""
    return np.linspace(0.0, float(_mel(F_MAX)), N_MELS + 2)


def _mel(hz: ArrayLike) -> NDArray[np.float64]:
    return 1127.0 * np.log1p(np.asarray(hz, np.float64) / 700.0)
