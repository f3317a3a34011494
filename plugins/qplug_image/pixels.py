"""Images as they are, at one size and with one number of channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, TypeAlias, final

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from pydantic import Field

from qplug.contract.interfaces import FeatureCapabilities, FeatureExtractor, Image, Signal

Aspect: TypeAlias = Literal["stretch", "crop", "pad"]
Normalise: TypeAlias = Literal["channel", "all", "none"]

_NORMALISE_AXES: dict[str, tuple[int, ...] | None] = {"channel": (1, 2), "all": (0, 1, 2), "none": None}
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""The weights of red, green and blue in grey (ITU-R BT.601)."""


@final
@dataclass(kw_only=True, eq=False)
class Pixels(FeatureExtractor):
    """The pixels (channels, size, size) of an image, resized with an anti-aliasing filter."""

    summary = "the pixels themselves, resized, grey or in colour"
    source = "Pillow's bilinear resampling; ITU-R BT.601 for grey"
    capabilities = FeatureCapabilities(interface=1, modality="image")
    presets: ClassVar[Mapping[str, Mapping[str, object]]] = {
        # The hybrid image network on MNIST: digits as they are stored, in grey.
        "mnist": {"size": 28, "channels": 1},
        # The hybrid image network on CIFAR-10: photographs as they are stored, in colour.
        "cifar-10": {"size": 32, "channels": 3},
    }

    size: Annotated[int, Field(ge=1, le=4096, description="height and width that images are resized to")] = 32
    channels: Annotated[Literal[1, 3], Field(description="1: grey; 3: red, green, blue")] = 1
    aspect: Annotated[
        Aspect, Field(description="an image that is not square is stretched, cropped or padded with black")
    ] = "stretch"
    normalise: Annotated[
        Normalise, Field(description="what shares one mean and deviation, fitted on the training part")
    ] = "channel"

    @property
    def shape(self) -> tuple[int, ...]:
        """(channel, height, width)."""
        return (self.channels, self.size, self.size)

    @property
    def shared_axes(self) -> tuple[int, ...] | None:
        """By default one mean and deviation for each channel."""
        return _NORMALISE_AXES[self.normalise]

    def extract(self, signal: Signal) -> NDArray[np.float32]:
        """The pixels (channel, height, width), float32 in [0, 1]."""
        assert isinstance(signal, Image)  # the interface has checked the modality
        pixels = _square(_coloured(signal.pixels, self.channels), self.aspect)
        return np.stack([_resized(channel, self.size) for channel in pixels])


def _coloured(pixels: NDArray[np.float32], channels: int) -> NDArray[np.float32]:
    """Grey or RGB (channels, height, width) from grey, grey with opacity, RGB or RGB with opacity."""
    opaque = pixels[:3] if len(pixels) >= 3 else pixels[:1]
    if len(opaque) == channels:
        return opaque
    if channels == 3:
        return np.repeat(opaque, 3, axis=0)
    return np.tensordot(_LUMA, opaque, axes=1)[None].astype(np.float32)


def _square(pixels: NDArray[np.float32], aspect: Aspect) -> NDArray[np.float32]:
    height, width = pixels.shape[1:]
    if aspect == "stretch" or height == width:
        return pixels
    if aspect == "crop":
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        return pixels[:, top : top + side, left : left + side]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    return np.pad(pixels, ((0, 0), (top, side - height - top), (left, side - width - left)))


def _resized(channel: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    if channel.shape == (size, size):
        return channel
    resized = Pillow.fromarray(np.ascontiguousarray(channel)).resize((size, size), Pillow.Resampling.BILINEAR)
    return np.asarray(resized, np.float32)
