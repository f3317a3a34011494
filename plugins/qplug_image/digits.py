"""The small handwritten digits that scikit-learn carries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from qplug.contract.claim import Claim
from qplug.contract.errors import DataError
from qplug.contract.interfaces import Dataset, DatasetCapabilities, Image, Sample, SplitRule


@final
class Digits(Dataset):
    """1,797 real handwritten digits of 8×8 pixels, packaged with scikit-learn: no download.

    scikit-learn carries the test part of the UCI data set alone and does not say who wrote which digit. There is
    no official split of it, and the same hand may stand in all parts.
    """

    summary = "1,797 handwritten digits of 8×8 pixels, packaged with scikit-learn"
    source = "Alpaydin, Kaynak: Optical Recognition of Handwritten Digits (1998), doi 10.24432/C50P49"
    capabilities = DatasetCapabilities(interface=1, modality="image", needs_folder=False)
    classes = tuple("0123456789")
    splits: ClassVar[Mapping[str, SplitRule]] = {
        "random": SplitRule(
            description="drawn at random, stratified by digit; no official split exists and writers are unknown",
            test="random",
            official=False,
        ),
    }
    defaults: ClassVar[Mapping[str, Any]] = {
        "features": "pixels",
        "features.size": 8,
        "features.channels": 1,
        "training.epochs": 20,
    }
    layout = "nothing is needed: scikit-learn carries the images."
    citation = "Alpaydin, Kaynak: Optical Recognition of Handwritten Digits. UCI Machine Learning Repository (1998)"
    licence = "CC BY 4.0"
    homepage = "https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits"
    reference: ClassVar[Sequence[Claim]] = (
        Claim(metric="accuracy", value=10.2, unit="%", protocol="always the digit 3", source="183 of the 1,797 images"),
    )

    def samples(self, folder: Path) -> Iterable[Sample]:
        """All images in scikit-learn's order, ids ``"digits_0000"`` to ``"digits_1796"``."""
        for index, label in enumerate(_packaged()[1].tolist()):
            name = f"digits_{index:04d}"
            yield Sample(id=name, label=str(label), group=name, offset=index)

    def load(self, sample: Sample) -> Image:
        """The image (1, 8, 8).

        Raises:
            DataError: the sample is none of this data set's.
        """
        images = _packaged()[0]
        if sample.offset is None or not 0 <= sample.offset < len(images):
            raise DataError(f"digits: {sample.id!r} is none of the {len(images)} packaged images.")
        return Image(images[sample.offset][None])


@lru_cache(maxsize=1)
def _packaged() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The images (sample, 8, 8) in [0, 1], and the digits (sample,)."""
    from sklearn.datasets import load_digits  # costs over a second, and indexing other data sets does not need it

    bunch = load_digits()
    return (bunch.images / 16).astype(np.float32), bunch.target
