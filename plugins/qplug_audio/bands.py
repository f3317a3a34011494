"""What mel spectrograms and cepstral coefficients share: levels in mel bands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from qplug.contract.errors import ParameterError
from qplug.contract.interfaces import Signal
from qplug_audio import spectrum
from qplug_audio.recordings import FromWaveforms

Normalise: TypeAlias = Literal["band", "all", "none"]
"""Over what one mean and one deviation are taken: each band for itself, everything together, or not at all."""

Axes: TypeAlias = tuple[tuple[str, float | tuple[float, ...]], ...]
_AXES: dict[Normalise, tuple[int, ...] | None] = {"band": (2,), "all": (0, 1, 2), "none": None}


@dataclass(kw_only=True, eq=False)
class FromBands(FromWaveforms):
    """A feature extractor whose features (1 + deltas, band, frame) come from a mel spectrogram."""

    n_mels: Annotated[int, Field(ge=4, le=512, description="number of mel bands")] = 64
    n_fft: Annotated[int, Field(ge=16, le=32_768, description="samples per analysis window")] = 1024
    hop: Annotated[int, Field(ge=1, description="samples from one window to the next")] = 512
    f_min: Annotated[float, Field(ge=0, description="lower edge of the lowest band, Hz")] = 0.0
    f_max: Annotated[
        float | None, Field(gt=0, description="upper edge of the highest band, Hz; unset: half the rate")
    ] = None
    top_db: Annotated[
        float | None,
        Field(gt=0, description="levels this far below a recording's loudest are cut off; unset: none"),
    ] = 80.0
    deltas: Annotated[
        int, Field(ge=0, le=2, description="further channels: slope over time (1), and curvature (2)")
    ] = 0
    normalise: Annotated[
        Normalise, Field(description="what shares one mean and deviation, fitted on the training part")
    ] = "band"

    @property
    def n_frames(self) -> int:
        """Frames of every spectrogram."""
        return spectrum.n_frames(self.n_samples, self.n_fft, self.hop)

    @property
    def axes(self) -> Axes:
        """Channels, bands by the frequency of their middles, and seconds by frame."""
        middles = spectrum.mel_edges(self.n_mels, self.f_min, self._upper_edge())[1:-1] / 1000
        return (("channel", 1.0), ("frequency, kHz", tuple(middles.tolist())), ("time, s", self.hop / self.rate))

    @property
    def shared_axes(self) -> tuple[int, ...] | None:
        """By default one mean and deviation for each band or coefficient."""
        return _AXES[self.normalise]

    def bands(self, signal: Signal, *, magnitude: bool = False) -> NDArray[np.float32]:
        """The mel spectrogram (n_mels, n_frames) of powers, or of magnitudes.

        Raises:
            ParameterError: the highest band ends above half the rate, or below the lowest one's beginning.
        """
        return spectrum.mel_spectrogram(
            self.waveform(signal),
            rate=self.rate,
            n_fft=self.n_fft,
            hop=self.hop,
            n_mels=self.n_mels,
            f_min=self.f_min,
            f_max=self._upper_edge(),
            magnitude=magnitude,
        )

    def decibels(self, signal: Signal) -> NDArray[np.float32]:
        """The mel spectrogram (n_mels, n_frames) in dB; raises what ``bands`` does."""
        return spectrum.decibels(self.bands(signal), top_db=self.top_db)

    def with_deltas(self, levels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Levels (band, frame) with as many derivatives over time as asked for: (1 + deltas, band, frame)."""
        return np.stack([levels, *(spectrum.deltas(levels, order) for order in range(1, self.deltas + 1))])

    def _upper_edge(self) -> float:
        f_max = self.rate / 2 if self.f_max is None else self.f_max
        if not self.f_min < f_max <= self.rate / 2:
            raise ParameterError(
                f"the mel bands of the features: f_min={self.f_min:g} and f_max={f_max:g} Hz must satisfy "
                f"f_min < f_max ≤ rate/2, and rate is {self.rate} Hz. "
                f"Set another one: --set features.f_max={self.rate / 2:g}"
            )
        return f_max
