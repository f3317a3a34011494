"""MNIST from idx files, packed or not."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from qplug.contract.errors import DataError, ParameterError, UnknownName
from qplug.testing.components import check_dataset
from qplug_image.mnist import Mnist


def _idx(values: np.ndarray) -> bytes:
    header = bytes((0, 0, 8, values.ndim)) + b"".join(size.to_bytes(4, "big") for size in values.shape)
    return header + values.astype(np.uint8).tobytes()


def _images(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, 28, 28))


@pytest.fixture
def small_folder(tmp_path: Path) -> Path:
    """Forty training and twenty test images in the official layout; the training images are packed."""
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(_idx(_images(40, 0))))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(_idx(np.arange(40) % 10))
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(_idx(_images(20, 1)))
    (tmp_path / "t10k-labels.idx1-ubyte").write_bytes(_idx(np.arange(20)[::-1] % 10))
    return tmp_path


def test_keeps_the_promises_of_a_data_set(small_folder: Path) -> None:
    check_dataset(Mnist(), small_folder)
    check_dataset(Mnist(only=("6", "3")), small_folder)


def test_images_and_labels_are_those_of_the_files(small_folder: Path) -> None:
    mnist = Mnist()
    samples = {s.id: s for s in mnist.index(small_folder)}
    assert (samples["train_00013"].label, samples["test_00000"].label) == ("3", "9")
    assert Counter(s.part for s in samples.values()) == {"train": 40, "test": 20}
    np.testing.assert_allclose(mnist.read(samples["train_00013"]).pixels[0] * 255, _images(40, 0)[13])
    np.testing.assert_allclose(mnist.read(samples["test_00007"]).pixels[0] * 255, _images(20, 1)[7], rtol=1e-6)


def test_digits_can_be_chosen_and_ordered(small_folder: Path) -> None:
    mnist = Mnist(only=("6", "3"))
    assert mnist.classes == ("6", "3")
    assert Counter(s.label for s in mnist.index(small_folder)) == {"3": 6, "6": 6}


@pytest.mark.parametrize(
    ("only", "error", "reason"),
    [
        (("3", "x"), UnknownName, "no class of mnist is called 'x'"),
        (("3",), ParameterError, "only=3 must name at least two classes"),
        (("3", "3"), ParameterError, "only=3,3 must name at least two classes, each once"),
    ],
)
def test_digits_that_make_no_task_are_refused(
    small_folder: Path, only: tuple[str, ...], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        Mnist(only=only).index(small_folder)


def test_a_file_that_changed_is_read_again(small_folder: Path) -> None:
    mnist = Mnist()
    assert mnist.index(small_folder)[0].label == "0"
    (small_folder / "train-labels-idx1-ubyte").write_bytes(_idx(np.full(40, 5)))
    assert mnist.index(small_folder)[0].label == "5"


def test_damage_is_named(small_folder: Path) -> None:
    images = small_folder / "t10k-images-idx3-ubyte"
    whole = images.read_bytes()
    for content, reason in (
        (whole[:-1], "is cut short or too long: its header promises 15680 bytes for 20 × 28 × 28 values, and 15679"),
        (b"", "is no idx file of bytes with 3 axes"),
        (b"\0\0\x0d\x03" + whole[4:], "is no idx file of bytes with 3 axes"),
        (_idx(_images(19, 1)), "holds 19 images, .* 20 labels"),
    ):
        images.write_bytes(content)
        with pytest.raises(DataError, match=rf"t10k-images-idx3-ubyte {reason}"):
            Mnist().index(small_folder)


def test_a_packed_file_that_is_cut_is_named(small_folder: Path) -> None:
    packed = small_folder / "train-images-idx3-ubyte.gz"
    packed.write_bytes(packed.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz cannot be unpacked"):
        Mnist().index(small_folder)


def test_a_small_file_that_unpacks_to_more_than_memory_should_hold_is_named(small_folder: Path) -> None:
    packed = small_folder / "train-images-idx3-ubyte.gz"
    packed.write_bytes(10 * gzip.compress(bytes(30_000_000), 1))
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz holds more than 268 MB"):
        Mnist().index(small_folder)


def test_a_missing_file_is_explained(small_folder: Path) -> None:
    (small_folder / "t10k-labels.idx1-ubyte").unlink()
    with pytest.raises(DataError, match=r"holds no t10k-labels-idx1-ubyte\..*github\.com/cvdfoundation/mnist"):
        Mnist().index(small_folder)


@pytest.mark.real_data
def test_the_real_files(real_folder: Callable[[str], Path]) -> None:
    mnist = Mnist()
    samples = mnist.index(real_folder("mnist"))
    assert Counter(s.part for s in samples) == {"train": 60_000, "test": 10_000}
    digits = Counter(s.label for s in samples if s.part == "train")
    assert [digits[str(number)] for number in range(10)] == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    ones = [mnist.read(s).pixels.mean() for s in samples[:500] if s.label == "1"]
    zeros = [mnist.read(s).pixels.mean() for s in samples[:500] if s.label == "0"]
    assert np.mean(ones) < 0.6 * np.mean(zeros)


@pytest.mark.parametrize("home", ["raw", "MNIST/raw"])
def test_the_folders_that_torchvision_makes_are_read(small_folder: Path, tmp_path: Path, home: str) -> None:
    files = [path for path in small_folder.iterdir() if path.is_file()]
    (tmp_path / "other" / home).mkdir(parents=True)
    for path in files:
        path.rename(tmp_path / "other" / home / path.name)
    assert len(Mnist().index(tmp_path / "other")) == 60


def test_a_label_that_is_no_digit_is_named(small_folder: Path) -> None:
    (small_folder / "train-labels-idx1-ubyte").write_bytes(_idx(np.r_[np.arange(39) % 10, 77]))
    with pytest.raises(DataError, match=r"train-labels-idx1-ubyte names a digit 77"):
        Mnist().index(small_folder)
