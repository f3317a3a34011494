"""A Hugging Face model's own feature extractor or image processor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, final

import numpy as np
import soxr
from numpy.typing import NDArray
from PIL import Image as Pillow
from pydantic import Field

from qplug.contract.errors import PluginError
from qplug.contract.interfaces import Audio, FeatureCapabilities, FeatureExtractor, Image, Modality, Signal
from qplug_hf.loading import FEATURE_FILES, ModelName, Revision, load_processor, mark_of, settings_files


@final
@dataclass(kw_only=True, eq=False)
class HfFeatures(FeatureExtractor):
    """What a model's own AutoFeatureExtractor (audio) or AutoImageProcessor (images) makes of a signal.

    Recordings are mixed to one channel, resampled to the model's rate, and cut in the middle or filled to the duration;
    a model that wants another length, such as Whisper's 30 s, adds to it or cuts it itself. Images become RGB of 8
    bits and are resized with Pillow. The model's normalisation is its own, so nothing is fitted.

    **Source:** Wolf and others, Transformers: State-of-the-Art Natural Language Processing, 2020 (arXiv:1910.03771).
    """

    summary = "a Hugging Face model's own features, for audio or images"
    source = "arXiv:1910.03771"
    capabilities = FeatureCapabilities(interface=1, modality="audio")

    model: ModelName = ""
    revision: Revision = None
    modality: Annotated[Literal["audio", "image"], Field(description="what the model takes")] = "audio"
    duration: Annotated[float, Field(ge=0.1, le=600, description="recordings are cut or filled to it, s")] = 4.0
    fit: Annotated[
        Literal["pad-end", "loop"], Field(description="a recording that is too short: silence after it, or looped")
    ] = "pad-end"

    def __post_init__(self) -> None:
        self.capabilities = FeatureCapabilities(interface=1, modality=self.modality)
        self._home = self.model

    def settings_files(self) -> Mapping[str, Path]:
        """The model's configuration files, as far as they are on this machine."""
        return settings_files(self._home, self.revision, FEATURE_FILES)

    def use_copies(self, folder: Path) -> None:
        """From now on needs nothing but the copies in ``folder``."""
        self._home = str(folder)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the model's input without its batch axis.

        Raises:
            DataError: the model cannot be found, fetched or read.
            ParameterError: no model is named.
        """
        mark = mark_of(self._home, self.revision)
        return _shape(self._home, self.revision, self.modality, self.duration, mark)

    def excerpt(self, n_samples: int, rate: int) -> tuple[int, int] | None:
        """The middle of a recording that has the model's rate, since the rest is cut off; else all of it."""
        if self.modality != "audio" or rate != int(load_processor(self._home, self.revision, "audio").sampling_rate):
            return None
        length = round(self.duration * rate)
        first = max(0, n_samples - length) // 2
        return first, min(first + length, n_samples)

    def extract(self, signal: Signal) -> NDArray[np.float32]:
        """The model's input for one signal, float32."""
        processor = load_processor(self._home, self.revision, self.modality)
        if isinstance(signal, Audio):
            rate = int(processor.sampling_rate)
            waveform = _fitted(_mono(signal, rate), round(self.duration * rate), loop=self.fit == "loop")
            return _only(processor(waveform, sampling_rate=rate, return_tensors="np"))
        return _only(processor(_rgb(signal), return_tensors="np"))


@lru_cache(maxsize=16)
def _shape(model: str, revision: str | None, modality: Modality, duration: float, mark: str) -> tuple[int, ...]:
    trial: Signal = (
        Audio(np.zeros((1, 16_000), np.float32), 16_000)
        if modality == "audio"
        else Image(np.zeros((3, 64, 64), np.float32))
    )
    extractor = HfFeatures(model=model, revision=revision, modality=modality, duration=duration)
    return extractor.extract(trial).shape


def _only(outputs: Any) -> NDArray[np.float32]:
    """The one floating-point array among what a processor returns, such as ``input_values`` or ``pixel_values``."""
    for name in ("input_values", "input_features", "pixel_values"):
        if name in outputs:
            return np.ascontiguousarray(outputs[name][0], np.float32)
    raise PluginError(f"the model's processor gives {', '.join(outputs)}, but neither sound nor pixels.")


def _mono(audio: Audio, rate: int) -> NDArray[np.float32]:
    waveform: NDArray[np.float32] = audio.waveform.mean(axis=0)
    if audio.rate == rate:
        return waveform
    resampled: NDArray[np.float32] = soxr.resample(waveform, audio.rate, rate, quality="HQ")
    return resampled


def _fitted(waveform: NDArray[np.float32], length: int, *, loop: bool) -> NDArray[np.float32]:
    missing = length - len(waveform)
    if missing <= 0:
        start = -missing // 2
        return waveform[start : start + length]
    if loop and len(waveform):
        return np.resize(waveform, length)
    return np.pad(waveform, (0, missing))


def _rgb(image: Image) -> Pillow.Image:
    """Grey or RGB, with or without opacity, as RGB of 8 bits."""
    colours = image.pixels[:3] if len(image.pixels) >= 3 else np.repeat(image.pixels[:1], 3, axis=0)
    return Pillow.fromarray(np.rint(np.clip(colours, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0).copy(), "RGB")
