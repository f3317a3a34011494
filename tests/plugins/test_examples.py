"""The generated examples of every data set; that they are read and do not leak, test_conformance.py shows."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from qplug import catalogue, parameters
from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import Dataset

ON_DISK = ("birdsong", "cifar-10", "crema-d", "folder", "fsdd", "gtzan", "mnist", "ravdess", "urbansound8k")


def made(name: str) -> Dataset:
    dataset = parameters.create(catalogue.load("dataset", name), {}, what=f"dataset {name}")
    assert isinstance(dataset, Dataset)
    return dataset


@pytest.mark.parametrize("name", ON_DISK)
def test_no_two_files_of_an_example_are_the_same(name: str, tmp_path: Path) -> None:
    made(name).write_example(tmp_path)
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(set(digests)) == len(digests)


def test_the_same_seed_writes_the_same_files(tmp_path: Path) -> None:
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        made("fsdd").write_example(tmp_path / place, seed=3)
    (tmp_path / "c").mkdir()
    made("fsdd").write_example(tmp_path / "c", seed=4)
    name = "recordings/0_theo_0.wav"
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert (tmp_path / "a" / name).read_bytes() != (tmp_path / "c" / name).read_bytes()


def test_a_generated_data_set_has_no_example(tmp_path: Path) -> None:
    with pytest.raises(NotSupported, match="Chirps makes no example"):
        made("chirps").write_example(tmp_path)
