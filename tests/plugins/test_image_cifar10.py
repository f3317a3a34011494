"""CIFAR-10 from both official versions, without running what a pickle names."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from qplug.contract.errors import DataError, UnknownName
from qplug.testing.components import check_dataset
from qplug_image.cifar10 import Cifar10

NAMES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
LABELS = np.arange(20) % 10


def _values(batch: int) -> np.ndarray:
    return np.random.default_rng(batch).integers(0, 256, (20, 3072), np.uint8)


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    home = tmp_path / "cifar" / "cifar-10-batches-bin"
    home.mkdir(parents=True)
    for number, name in enumerate(NAMES):
        records = np.concatenate([LABELS[:, None], _values(number)], axis=1).astype(np.uint8)
        (home / f"{name}.bin").write_bytes(records.tobytes())
    return tmp_path / "cifar"


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """As Python 3 pickles it."""
    home = tmp_path / "cifar-py" / "cifar-10-batches-py"
    home.mkdir(parents=True)
    for number, name in enumerate(NAMES):
        content = {b"batch_label": b"x", b"labels": LABELS.tolist(), b"data": _values(number), b"filenames": []}
        (home / name).write_bytes(pickle.dumps(content, protocol=2))
    return tmp_path / "cifar-py"


def _as_python_2_wrote(labels: list[int], values: np.ndarray) -> bytes:
    """A pickle as the official files hold it, opcode by opcode: byte strings, and numpy's old module name."""

    def text(content: bytes) -> bytes:
        return b"T" + len(content).to_bytes(4, "little") + content

    def number(value: int) -> bytes:
        return b"J" + value.to_bytes(4, "little", signed=True)

    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n" + number(0) + b"\x85" + text(b"b") + b"tR"
        b"(" + number(1) + number(values.shape[0]) + number(values.shape[1]) + b"\x86"
        b"cnumpy\ndtype\n(" + text(b"u1") + number(0) + number(1) + b"tR"
        b"(" + number(3) + text(b"|") + b"NNN" + number(-1) + number(-1) + number(0) + b"tb"
        b"\x89" + text(values.tobytes()) + b"tb"
    )
    listed = b"](" + b"".join(number(label) for label in labels) + b"e"
    return b"\x80\x02}(" + text(b"labels") + listed + text(b"data") + array + b"u."


def test_keeps_the_promises_of_a_data_set(binary: Path, python: Path) -> None:
    check_dataset(Cifar10(), binary)
    check_dataset(Cifar10(), python)
    check_dataset(Cifar10(only=("dog", "cat")), binary / "cifar-10-batches-bin")


def test_both_versions_hold_the_same(binary: Path, python: Path) -> None:
    cifar = Cifar10()
    ones, others = cifar.index(binary), cifar.index(python)
    assert [(s.id, s.label, s.part) for s in ones] == [(s.id, s.label, s.part) for s in others]
    assert Counter(s.part for s in ones) == {"train": 100, "test": 20}
    for one, other in list(zip(ones, others, strict=True))[::17]:
        np.testing.assert_array_equal(cifar.read(one).pixels, cifar.read(other).pixels)


def test_an_image_is_red_green_and_blue_row_by_row(binary: Path) -> None:
    cifar = Cifar10()
    sample = next(s for s in cifar.index(binary) if s.id == "test_batch_00003")
    pixels = cifar.read(sample).pixels
    assert sample.label == "cat"
    np.testing.assert_allclose(pixels[1, 2, 5] * 255, _values(5)[3, 1024 + 2 * 32 + 5])


def test_the_official_python_files_are_read(python: Path) -> None:
    path = python / "cifar-10-batches-py" / "data_batch_2"
    path.write_bytes(_as_python_2_wrote(LABELS.tolist(), _values(1)))
    content = pickle.loads(path.read_bytes(), encoding="bytes")  # noqa: S301, TID251  # shows that it is a true pickle
    np.testing.assert_array_equal(content[b"data"], _values(1))
    cifar = Cifar10()
    sample = next(s for s in cifar.index(python) if s.id == "data_batch_2_00019")
    np.testing.assert_allclose(cifar.read(sample).pixels.ravel() * 255, _values(1)[19], rtol=1e-6)


class _Malicious:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


def test_a_file_that_would_run_code_is_refused_and_runs_nothing(python: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    batch = python / "cifar-10-batches-py" / "test_batch"
    batch.write_bytes(pickle.dumps({b"labels": [1], b"data": _Malicious(trace)}, protocol=2))
    with pytest.raises(DataError, match=r"test_batch is no batch of the python version \(it names .*, which no image"):
        Cifar10().index(python)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Ran out of input"),
        (pickle.dumps([1, 2]), "no attribute 'items'"),
        (pickle.dumps({"labels": [1, 2]}), "'data'"),
    ],
)
def test_what_is_no_batch_is_named(python: Path, content: bytes, reason: str) -> None:
    (python / "cifar-10-batches-py" / "test_batch").write_bytes(content)
    with pytest.raises(DataError, match=rf"test_batch is no batch of the python version \(.*{reason}"):
        Cifar10().index(python)


def test_a_huge_batch_is_named_before_it_is_read(python: Path) -> None:
    with next(python.glob("**/data_batch_1")).open("ab") as file:
        file.truncate(2_000_000_000)
    with pytest.raises(DataError, match=r"data_batch_1 has 2000 MB, more than any batch"):
        Cifar10().index(python)


def test_values_and_labels_must_agree(python: Path) -> None:
    content = pickle.dumps({"labels": [1, 2], "data": _values(0)}, protocol=2)
    (python / "cifar-10-batches-py" / "test_batch").write_bytes(content)
    with pytest.raises(DataError, match=r"test_batch holds values \(20, 3072\) for 2 labels"):
        Cifar10().index(python)


def test_a_cut_binary_batch_is_named(binary: Path) -> None:
    path = binary / "cifar-10-batches-bin" / "data_batch_3.bin"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DataError, match=r"data_batch_3\.bin is cut short: its 61450 bytes"):
        Cifar10().index(binary)


def test_a_class_that_does_not_exist_is_named(binary: Path) -> None:
    path = binary / "cifar-10-batches-bin" / "data_batch_3.bin"
    path.write_bytes(b"\x0b" + path.read_bytes()[1:])
    with pytest.raises(DataError, match=r"data_batch_3\.bin names a class 11; there are 10"):
        Cifar10().index(binary)
    with pytest.raises(UnknownName, match=r"no class of cifar-10 is called 'horze'\. Did you mean 'horse'"):
        Cifar10(only=("cat", "horze")).index(binary)


def test_missing_batches_are_explained(tmp_path: Path, binary: Path) -> None:
    with pytest.raises(DataError, match=r"holds no data_batch_.*www\.cs\.toronto\.edu"):
        Cifar10().index(tmp_path / "nowhere")
    (binary / "cifar-10-batches-bin" / "test_batch.bin").unlink()
    with pytest.raises(DataError, match=rf"{binary} holds no data_batch_… and test_batch"):
        Cifar10().index(binary)


@pytest.mark.real_data
def test_the_real_files(real_folder: Callable[[str], Path]) -> None:
    cifar = Cifar10()
    samples = cifar.index(real_folder("cifar10"))
    assert Counter(s.part for s in samples) == {"train": 4829, "test": 932}
    check_dataset(cifar, real_folder("cifar10"))
    blue = {}
    for label in ("ship", "frog"):
        pixels = np.mean([cifar.read(s).pixels.mean(axis=(1, 2)) for s in samples if s.label == label], axis=0)
        blue[label] = pixels[2] - pixels[0]
    assert blue["ship"] > 0 > blue["frog"]
