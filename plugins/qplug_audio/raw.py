"""The waveform itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from qplug.contract.interfaces import FeatureCapabilities, Signal
from qplug_audio.recordings import FromWaveforms


@final
@dataclass(kw_only=True, eq=False)
class Raw(FromWaveforms):
    """The waveform (1, n_samples), mono, at one rate and of one length, for backbones that begin with it."""

    summary = "the waveform itself, mono, at one rate and of one length"
    source = "qplug's own"
    capabilities = FeatureCapabilities(interface=1, modality="audio")

    normalise: Annotated[
        Literal["all", "none"],
        Field(description="one mean and deviation of all samples, fitted on the training part, or as it is"),
    ] = "none"

    @property
    def shape(self) -> tuple[int, ...]:
        """(1, sample)."""
        return (1, self.n_samples)

    @property
    def axes(self) -> tuple[tuple[str, float], ...]:
        """Channels, and seconds by sample."""
        return (("channel", 1.0), ("time, s", 1 / self.rate))

    @property
    def shared_axes(self) -> tuple[int, ...] | None:
        """None by default: a pretrained backbone wants the waveform in [-1, 1]."""
        return (0, 1) if self.normalise == "all" else None

    def extract(self, signal: Signal) -> NDArray[np.float32]:
        """The waveform (1, sample), float32; full scale is [-1, 1], which resampling may slightly exceed."""
        return self.waveform(signal)[None]
