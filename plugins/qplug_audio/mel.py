"""Log-mel spectrograms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, TypeAlias, final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from qplug.contract.errors import ParameterError
from qplug.contract.interfaces import Audio, FeatureCapabilities, Signal
from qplug_audio import spectrum
from qplug_audio.recordings import FromRecordings
from qplug_audio.waveforms import Crop, Fit, fitted, mono, trimmed

Normalise: TypeAlias = Literal["band", "all", "none"]
"""Over what one mean and one deviation are taken: each band for itself, everything together, or not at all."""

NORMALISE_AXES: dict[str, tuple[int, ...] | None] = {"band": (2,), "all": (0, 1, 2), "none": None}

_QC_CNN = {"rate": 22_050, "duration": 3.0, "n_mels": 64, "n_fft": 2048, "hop": 1024}


@final
class Mel(FromRecordings):
    """A mel spectrogram (1 + deltas, n_mels, n_frames) in dB or PCEN, equal to librosa's to 1e-4."""

    summary = "log-mel spectrogram: the energy of each mel band over time"
    source = "McFee et al., librosa 0.11: feature.melspectrogram, power_to_db, pcen and feature.delta"
    capabilities = FeatureCapabilities(interface=1, modality="audio")
    presets: ClassVar[Mapping[str, Mapping[str, object]]] = {
        # The QC-CNN system on two genres of GTZAN: pieces of 3 s.
        "qc-cnn": _QC_CNN,
        # The QC-CNN system on two species of birds: the same, without the rumble below 500 Hz.
        "qc-cnn-birdsong": {**_QC_CNN, "f_min": 500.0},
        # The fusion system on UrbanSound8K: the first 4 s, with silence after a shorter slice.
        "urbansound8k": {
            "rate": 22_050,
            "duration": 4.0,
            "n_mels": 64,
            "n_fft": 1024,
            "hop": 512,
            "fit": "pad-end",
            "crop": "start",
        },
    }

    def __init__(
        self,
        *,
        rate: Annotated[
            int, Field(ge=1000, le=192_000, description="recordings are resampled to this rate, Hz")
        ] = 16_000,
        duration: Annotated[float, Field(gt=0, le=600, description="every recording is cut or filled to it, s")] = 2.0,
        n_mels: Annotated[int, Field(ge=4, le=512, description="number of mel bands")] = 64,
        n_fft: Annotated[int, Field(ge=16, le=32_768, description="samples per analysis window")] = 1024,
        hop: Annotated[int, Field(ge=1, description="samples from one window to the next")] = 512,
        f_min: Annotated[float, Field(ge=0, description="lower edge of the lowest band, Hz")] = 0.0,
        f_max: Annotated[
            float | None, Field(gt=0, description="upper edge of the highest band, Hz; unset: half the rate")
        ] = None,
        top_db: Annotated[
            float | None,
            Field(gt=0, description="levels this far below a recording's loudest are cut off; unset: none"),
        ] = 80.0,
        scale: Annotated[
            Literal["db", "pcen"], Field(description="decibels, or per-channel energy normalisation")
        ] = "db",
        deltas: Annotated[
            int, Field(ge=0, le=2, description="further channels: slope over time (1), and curvature (2)")
        ] = 0,
        trim_db: Annotated[
            float | None,
            Field(gt=0, description="silence this far below the loudest is cut off at both ends, dB; unset: kept"),
        ] = None,
        fit: Annotated[
            Fit, Field(description="a recording that is too short: silence after it, around it, or looped")
        ] = "pad-end",
        crop: Annotated[Crop, Field(description="what is kept of a recording that is too long")] = "center",
        normalise: Annotated[
            Normalise, Field(description="what shares one mean and deviation, fitted on the training part")
        ] = "band",
    ) -> None:
        self.rate = rate
        self.duration = duration
        self.n_mels = n_mels
        self.n_fft = n_fft
        self.hop = hop
        self.f_min = f_min
        self.f_max = f_max
        self.top_db = top_db
        self.scale = scale
        self.deltas = deltas
        self.trim_db = trim_db
        self.fit = fit
        self.crop = crop
        self.normalise = normalise

    @property
    def shape(self) -> tuple[int, ...]:
        """(1 + deltas, mel, frame)."""
        return (1 + self.deltas, self.n_mels, spectrum.n_frames(self._n_samples, self.n_fft, self.hop))

    @property
    def shared_axes(self) -> tuple[int, ...] | None:
        """By default one mean and deviation for each mel band."""
        return NORMALISE_AXES[self.normalise]

    def extract(self, signal: Signal) -> NDArray[np.float32]:
        """The mel spectrogram (1 + deltas, mel, frame), float32.

        Raises:
            ParameterError: the highest band ends above half the rate, or below the lowest one's beginning.
        """
        assert isinstance(signal, Audio)  # the interface has checked the modality
        waveform = mono(signal, self.rate)
        if self.trim_db is not None:
            waveform = trimmed(waveform, self.trim_db)
        levels = self._levels(fitted(waveform, self._n_samples, fit=self.fit, crop=self.crop))
        return np.stack([levels, *(spectrum.deltas(levels, order) for order in range(1, self.deltas + 1))])

    def _levels(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        bands = spectrum.mel_spectrogram(
            waveform,
            rate=self.rate,
            n_fft=self.n_fft,
            hop=self.hop,
            n_mels=self.n_mels,
            f_min=self.f_min,
            f_max=self._upper_edge(),
            magnitude=self.scale == "pcen",
        )
        if self.scale == "pcen":
            return spectrum.pcen(bands, rate=self.rate, hop=self.hop)
        return spectrum.decibels(bands, top_db=self.top_db)

    @property
    def _n_samples(self) -> int:
        return max(1, round(self.duration * self.rate))

    def _upper_edge(self) -> float:
        f_max = self.rate / 2 if self.f_max is None else self.f_max
        if not self.f_min < f_max <= self.rate / 2:
            raise ParameterError(
                f"features 'mel': f_min={self.f_min:g} and f_max={f_max:g} Hz must satisfy f_min < f_max ≤ rate/2, "
                f"and rate is {self.rate} Hz. Set another one: --set features.f_max={self.rate / 2:g}"
            )
        return f_max
