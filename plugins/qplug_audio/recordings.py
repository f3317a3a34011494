"""What the extractors of this plugin share: recordings of any format, brought to one channel, rate and length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from qplug.contract.interfaces import Audio, FeatureExtractor, Signal
from qplug_audio.waveforms import Crop, Fit, excerpt, fitted, mono, trimmed


@dataclass(kw_only=True, eq=False)
class FromRecordings(FeatureExtractor):
    """A feature extractor that cuts or fills recordings to one length."""

    fit: Annotated[Fit, Field(description="a recording that is too short: silence after it, around it, or looped")] = (
        "pad-end"
    )
    crop: Annotated[Crop, Field(description="what is kept of a recording that is too long")] = "center"


@dataclass(kw_only=True, eq=False)
class FromWaveforms(FromRecordings):
    """A feature extractor that begins with the waveform at a rate of the user's choice."""

    rate: Annotated[int, Field(ge=1000, le=192_000, description="recordings are resampled to this rate, Hz")] = 16_000
    duration: Annotated[float, Field(gt=0, le=600, description="every recording is cut or filled to it, s")] = 2.0
    trim_db: Annotated[
        float | None,
        Field(gt=0, description="silence this far below the loudest is cut off at both ends, dB; unset: kept"),
    ] = None

    @property
    def n_samples(self) -> int:
        """Samples of every waveform, at least one."""
        return max(1, round(self.duration * self.rate))

    def excerpt(self, n_samples: int, rate: int) -> tuple[int, int] | None:
        """All of a recording whose silence is trimmed, else what ``waveforms.excerpt`` finds."""
        if self.trim_db is not None:
            return None
        return excerpt(n_samples, rate, to_rate=self.rate, length=self.n_samples, crop=self.crop)

    def waveform(self, signal: Signal) -> NDArray[np.float32]:
        """The recording (n_samples,), float32: mono, resampled, trimmed, cut or filled."""
        assert isinstance(signal, Audio)  # the interface has checked the modality
        waveform = mono(signal, self.rate)
        if self.trim_db is not None:
            waveform = trimmed(waveform, self.trim_db)
        return fitted(waveform, self.n_samples, fit=self.fit, crop=self.crop)
