"""Log-mel spectrograms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from qplug.contract.interfaces import FeatureCapabilities, Signal
from qplug_audio import spectrum
from qplug_audio.bands import FromBands

_QC_CNN = {"rate": 22_050, "duration": 3.0, "n_mels": 64, "n_fft": 2048, "hop": 1024}


@final
@dataclass(kw_only=True, eq=False)
class Mel(FromBands):
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

    scale: Annotated[Literal["db", "pcen"], Field(description="decibels, or per-channel energy normalisation")] = "db"

    @property
    def shape(self) -> tuple[int, ...]:
        """(1 + deltas, mel, frame)."""
        return (1 + self.deltas, self.n_mels, self.n_frames)

    def extract(self, signal: Signal) -> NDArray[np.float32]:
        """The mel spectrogram (1 + deltas, mel, frame), float32.

        Raises:
            ParameterError: the highest band ends above half the rate, or below the lowest one's beginning.
        """
        if self.scale == "db":
            return self.with_deltas(self.decibels(signal))
        return self.with_deltas(spectrum.pcen(self.bands(signal, magnitude=True), rate=self.rate, hop=self.hop))
