"""CIFAR-10 from its binary or its python files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from qplug.contract.claim import Claim
from qplug.contract.errors import DataError
from qplug.contract.interfaces import Dataset, DatasetCapabilities, Image, Part, RemoteFile, Sample, SplitRule
from qplug_image import examples
from qplug_image.cifar_pickle import read_batch
from qplug_image.labels import chosen
from qplug_image.stamps import stamp

_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_BATCHES: Mapping[str, Part] = {**{f"data_batch_{number}": "train" for number in range(1, 6)}, "test_batch": "test"}
_RECORD = 1 + 3 * 32 * 32
"""Bytes of one image in the binary format: its class, then red, green and blue row by row."""

_MOST_BYTES = 2**28
_CURE = "Get the file again."


@final
@dataclass(kw_only=True, eq=False)
class Cifar10(Dataset):
    """Sixty thousand colour images of 32×32 pixels in ten classes, on their official split."""

    summary = "CIFAR-10: 60,000 colour images of 32×32 pixels in ten classes"
    source = "Krizhevsky: Learning Multiple Layers of Features from Tiny Images, University of Toronto (2009)"
    capabilities = DatasetCapabilities(interface=1, modality="image")
    splits: ClassVar[Mapping[str, SplitRule]] = {
        "official": SplitRule(
            description="the 50,000 training and 10,000 test images of the authors", test="part", validation=0.1
        ),
    }
    defaults: ClassVar[Mapping[str, Any]] = {
        "features": "pixels",
        "features.preset": "cifar-10",
        "training.epochs": 15,
        "training.batch_size": 128,
    }
    files: ClassVar[Sequence[RemoteFile]] = (
        RemoteFile(
            url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
            checksum="md5:c32a1d4ab5d03f1284b67883e8d87530",
            size=170_052_171,
            unpack=True,
        ),
    )
    layout = (
        "the folder holds data_batch_1.bin … data_batch_5.bin and test_batch.bin (the binary version) or data_batch_1 "
        "… data_batch_5 and test_batch (the python version), or the folder cifar-10-batches-bin or -py that they come "
        "in. Get it with: qplug data fetch cifar-10; or by hand: unpack cifar-10-binary.tar.gz from "
        "https://www.cs.toronto.edu/~kriz/cifar.html"
    )
    citation = "Krizhevsky: Learning Multiple Layers of Features from Tiny Images. Technical report (2009)"
    licence = "none stated by the authors; they ask to be cited"
    homepage = "https://www.cs.toronto.edu/~kriz/cifar.html"
    reference: ClassVar[Sequence[Claim]] = (
        Claim(
            metric="accuracy", value=10, unit="%", protocol="always the same class", source="1,000 test images of each"
        ),
        Claim(
            metric="accuracy",
            value=93.57,
            unit="%",
            protocol="residual network of 110 layers, official test images",
            source="He et al. 2015, arXiv:1512.03385",
        ),
    )

    only: Annotated[
        tuple[str, ...], Field(description="the classes to use, in this order, such as cat,dog; empty: all ten")
    ] = ()

    def __post_init__(self) -> None:
        self.classes = self.only or _CLASSES
        if set(self.classes) != set(_CLASSES):
            reference = tuple(claim.about("all ten classes, not those chosen here") for claim in self.reference)
            self.reference = reference  # type: ignore[misc]  # instances with all classes share one

    def samples(self, folder: Path) -> Iterable[Sample]:
        """All images of the chosen classes, batch by batch in the files' order.

        Raises:
            DataError: no batch for training or none for testing is there, or one is damaged.
            UnknownName: a class that does not exist.
        """
        labels = set(chosen("cifar-10", _CLASSES, self.only))
        batches = _batches(folder)
        if not {"train", "test"} <= {_BATCHES[path.stem] for path in batches}:
            raise DataError(f"cifar-10: {folder} holds no data_batch_… and test_batch. Expected layout: {self.layout}")
        for path in batches:
            for index, number in enumerate(_read(path, *stamp("cifar-10", path))[0].tolist()):
                if _CLASSES[number] in labels:
                    name = f"{path.stem}_{index:05d}"
                    yield Sample(name, _CLASSES[number], name, path, offset=index, part=_BATCHES[path.stem])

    def write_example(self, folder: Path, *, seed: int = 0) -> None:
        """Coloured spots in the place of pictures, in the official layout. Synthetic."""
        examples.cifar10(folder, seed)

    def load(self, sample: Sample) -> Image:
        """The image (3, 32, 32).

        Raises:
            DataError: the file is damaged or has no such image.
        """
        assert sample.source is not None
        images = _read(sample.source, *stamp("cifar-10", sample.source))[1]
        if sample.offset is None or not 0 <= sample.offset < len(images):
            raise DataError(f"cifar-10: {sample.source} holds {len(images)} images, and none is {sample.id!r}.")
        pixels = images[sample.offset].reshape(3, 32, 32).astype(np.float32)
        pixels /= 255
        return Image(pixels)


def _batches(folder: Path) -> list[Path]:
    """The batches that are there, of one version, in the official order."""
    for home in (folder, folder / "cifar-10-batches-bin", folder / "cifar-10-batches-py"):
        for ending in (".bin", ""):
            found = [path for name in _BATCHES if (path := home / f"{name}{ending}").is_file()]
            if found:
                return found
    return []


@lru_cache(maxsize=6)
def _read(path: Path, size: int, _changed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The class numbers (image,) and the values (image, 3072) of one batch; the binary version stays on disk."""
    if path.suffix != ".bin":
        if size > _MOST_BYTES:
            raise DataError(f"cifar-10: {path} has {size / 1e6:.0f} MB, more than any batch. {_CURE}")
        labels, images = read_batch(path)
    elif size == 0 or size % _RECORD:
        raise DataError(
            f"cifar-10: {path} is cut short: its {size} bytes are no whole number of images of {_RECORD}. {_CURE}"
        )
    else:
        records = np.memmap(path, np.uint8, "r").reshape(-1, _RECORD)
        labels, images = records[:, 0], records[:, 1:]
    if labels.max(initial=0) >= len(_CLASSES):
        raise DataError(f"cifar-10: {path} names a class {labels.max()}; there are {len(_CLASSES)}. {_CURE}")
    return labels, images
