"""MNIST from its four idx files."""

from __future__ import annotations

import gzip
import math
import zlib
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
from qplug_image.labels import chosen
from qplug_image.stamps import stamp

_DIGITS = tuple("0123456789")
_PREFIXES: Mapping[Part, str] = {"train": "train", "test": "t10k"}
_IMAGES, _LABELS = ("images", 3), ("labels", 1)
_HOMES = ("", "raw", "MNIST/raw")
"""Where the files may lie below the folder; the latter is torchvision's way."""
_CURE = "Get the file again."
_MOST_BYTES = 2**28
"""More than five times what the largest file holds; a packed one may hold a thousand times what it takes."""
_PUBLISHED = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}
"""MD5 of the files that torchvision's mirror offers."""


@final
@dataclass(kw_only=True, eq=False)
class Mnist(Dataset):
    """Seventy thousand handwritten digits of 28×28 pixels on their official split."""

    summary = "MNIST: 70,000 handwritten digits of 28×28 pixels"
    source = "LeCun, Bottou, Bengio, Haffner: Proceedings of the IEEE 86(11), 1998, doi 10.1109/5.726791"
    capabilities = DatasetCapabilities(interface=1, modality="image")
    splits: ClassVar[Mapping[str, SplitRule]] = {
        "official": SplitRule(
            description="the 60,000 training and 10,000 test images of the authors; other hands wrote the test images",
            test="part",
            validation=0.1,
        ),
    }
    defaults: ClassVar[Mapping[str, Any]] = {
        "features": "pixels",
        "features.preset": "mnist",
        "training.epochs": 5,
        "training.batch_size": 128,
    }
    files: ClassVar[Sequence[RemoteFile]] = tuple(
        RemoteFile(url=f"https://ossci-datasets.s3.amazonaws.com/mnist/{name}", path=name, checksum=f"md5:{checksum}")
        for name, checksum in _PUBLISHED.items()
    )
    layout = (
        "the folder holds train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and "
        "t10k-labels-idx1-ubyte, each as it is or with .gz. Get them with: qplug data fetch mnist; or by hand: "
        "https://github.com/cvdfoundation/mnist lists mirrors."
    )
    citation = (
        "LeCun, Bottou, Bengio, Haffner: Gradient-Based Learning Applied to Document Recognition. "
        "Proceedings of the IEEE 86(11), 2278-2324 (1998), doi 10.1109/5.726791"
    )
    licence = "CC BY-SA 3.0"
    homepage = "http://yann.lecun.com/exdb/mnist/"
    reference: ClassVar[Sequence[Claim]] = (
        Claim(
            metric="accuracy",
            value=11.35,
            unit="%",
            protocol="always the digit 1, official test images",
            source="counted",
        ),
        Claim(
            metric="accuracy",
            value=88,
            unit="%",
            protocol="linear classifier, ten digits, official test images",
            source="LeCun et al. 1998",
        ),
        Claim(
            metric="accuracy",
            value=99.05,
            unit="%",
            protocol="LeNet-5, ten digits, official test images",
            source="LeCun et al. 1998",
        ),
    )

    only: Annotated[
        tuple[str, ...], Field(description="the digits to use, in this order, such as 3,6; empty: all ten")
    ] = ()

    def __post_init__(self) -> None:
        self.classes = self.only or _DIGITS
        if set(self.classes) != set(_DIGITS):
            reference = tuple(claim.about("all ten digits, not those chosen here") for claim in self.reference)
            self.reference = reference  # type: ignore[misc]  # instances with all classes share one

    def samples(self, folder: Path) -> Iterable[Sample]:
        """All images of the chosen digits: the training images, then the test images, in the files' order.

        Raises:
            DataError: a file is missing, damaged, or has another number of labels than of images.
            UnknownName: a digit that does not exist.
        """
        digits = set(chosen("mnist", _DIGITS, self.only))
        for part, prefix in _PREFIXES.items():
            images, labels = (_find(folder, prefix, *which, self.layout) for which in (_IMAGES, _LABELS))
            numbers = _read(labels, *stamp("mnist", labels), n_axes=1)
            if numbers.max(initial=0) >= len(_DIGITS):
                raise DataError(f"mnist: {labels} names a digit {numbers.max()}. {_CURE}")
            n_images = len(_read(images, *stamp("mnist", images), n_axes=3))
            if n_images != len(numbers):
                raise DataError(f"mnist: {images} holds {n_images} images, {labels} {len(numbers)} labels. {_CURE}")
            for index, number in enumerate(numbers.tolist()):
                label = str(number)
                if label in digits:
                    name = f"{part}_{index:05d}"
                    yield Sample(name, label, name, images, offset=index, part=part)

    def write_example(self, folder: Path, *, seed: int = 0) -> None:
        """Bright spots in the place of digits, in the official layout. Synthetic."""
        examples.mnist(folder, seed)

    def load(self, sample: Sample) -> Image:
        """The image (1, height, width).

        Raises:
            DataError: the file is damaged or has no such image.
        """
        assert sample.source is not None
        images = _read(sample.source, *stamp("mnist", sample.source), n_axes=3)
        if sample.offset is None or not 0 <= sample.offset < len(images):
            raise DataError(f"mnist: {sample.source} holds {len(images)} images, and none is {sample.id!r}.")
        pixels = images[sample.offset].astype(np.float32)
        pixels /= 255
        return Image(pixels[None])


def _find(folder: Path, prefix: str, what: str, n_axes: int, layout: str) -> Path:
    names = [
        f"{prefix}-{what}{dash}idx{n_axes}-ubyte{ending}"
        for dash in ("-", ".")  # some unpackers write a dot before idx
        for ending in ("", ".gz")
    ]
    for path in (folder / home / name for home in _HOMES for name in names):
        if path.is_file():
            return path
    raise DataError(f"mnist: {folder} holds no {prefix}-{what}-idx{n_axes}-ubyte. Expected layout: {layout}")


@lru_cache(maxsize=4)
def _read(path: Path, _size: int, _changed: int, *, n_axes: int) -> NDArray[np.uint8]:
    """The array in an idx file of bytes.

    **Source:** the idx format as described on the data set's home page: two zero bytes, the type (8: bytes), the
    number of axes, the length of each axis (four bytes, most significant first), the values.
    """
    content = _content(path)
    start = 4 + 4 * n_axes
    if content[:4] != bytes((0, 0, 8, n_axes)) or len(content) < start:
        raise DataError(f"mnist: {path} is no idx file of bytes with {n_axes} axes. {_CURE}")
    shape = tuple(int.from_bytes(content[4 + 4 * axis : 8 + 4 * axis], "big") for axis in range(n_axes))
    if len(content) - start != math.prod(shape):
        raise DataError(
            f"mnist: {path} is cut short or too long: its header promises {math.prod(shape)} bytes for "
            f"{' × '.join(map(str, shape))} values, and {len(content) - start} are there. {_CURE}"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _content(path: Path) -> bytes:
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as file:
                content = file.read(_MOST_BYTES + 1)
        else:
            with path.open("rb") as file:
                content = file.read(_MOST_BYTES + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as problem:
        raise DataError(f"mnist: {path} cannot be unpacked ({problem}). {_CURE}") from problem
    if len(content) > _MOST_BYTES:
        raise DataError(f"mnist: {path} holds more than {_MOST_BYTES / 1e6:.0f} MB. {_CURE}")
    return content
