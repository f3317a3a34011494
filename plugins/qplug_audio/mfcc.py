"""Mel-frequency cepstral coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from qplug.contract.errors import ParameterError
from qplug.contract.interfaces import FeatureCapabilities, Signal
from qplug_audio import spectrum
from qplug_audio.bands import Axes, FromBands


@final
@dataclass(kw_only=True, eq=False)
class Mfcc(FromBands):
    """Mel-frequency cepstral coefficients (1 + deltas, n_mfcc, n_frames), equal to librosa's to 1e-4."""

    summary = "mel-frequency cepstral coefficients: the shape of the spectrum in a few numbers over time"
    source = "Davis, Mermelstein: IEEE TASSP 28(4), 1980; librosa 0.11: feature.mfcc"
    capabilities = FeatureCapabilities(interface=1, modality="audio")

    n_mfcc: Annotated[int, Field(ge=1, le=512, description="number of coefficients, at most n_mels")] = 20

    @property
    def shape(self) -> tuple[int, ...]:
        """(1 + deltas, coefficient, frame)."""
        return (1 + self.deltas, self.n_mfcc, self.n_frames)

    @property
    def axes(self) -> Axes:
        """Channels, coefficients, and seconds by frame."""
        channel, _, time = super().axes
        return (channel, ("coefficient", 1.0), time)

    def extract(self, signal: Signal) -> NDArray[np.float32]:
        """The coefficients (1 + deltas, coefficient, frame), float32.

        Raises:
            ParameterError: more coefficients than bands, or band edges that do not fit the rate.
        """
        if self.n_mfcc > self.n_mels:
            raise ParameterError(
                f"features 'mfcc': n_mfcc={self.n_mfcc} coefficients cannot come from n_mels={self.n_mels} bands. "
                f"Set another number: --set features.n_mfcc={self.n_mels}"
            )
        return self.with_deltas(spectrum.cosine_matrix(self.n_mels, self.n_mfcc) @ self.decibels(signal))
