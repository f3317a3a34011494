"""Samples that hold nothing: recordings without sound, images without light."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qplug.contract.interfaces import Audio, FeatureExtractor, Image, Sample, Signal
from qplug.lab.data.cache import Features
from qplug.lab.data.store import digest

_RATE = 16_000


def empty_samples(features: Features, extractor: FeatureExtractor) -> Sequence[Sample]:
    """The samples whose feature is that of nothing at all, cached features included.

    Args:
        features: the features of a data set.
        extractor: what made them.
    """
    try:
        nothing = digest(extractor(_nothing(extractor)))
    except Exception:  # a plugin's extractor that makes nothing of nothing has refused such samples, too
        return []
    return [sample for sample, its in zip(features.kept, features.digests, strict=True) if its == nothing]


def _nothing(extractor: FeatureExtractor) -> Signal:
    if extractor.capabilities.modality == "audio":
        return Audio(np.zeros((1, _RATE), np.float32), _RATE)
    return Image(np.zeros((1, 64, 64), np.float32))
