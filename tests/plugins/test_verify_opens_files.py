"""``data verify`` opens the files of every data set: empty ones and pointers to content elsewhere are named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from qplug import catalogue
from qplug.contract.errors import DataError
from qplug.lab.acquire.verify import verify

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 95000\n"
ANNEX = b"/annex/objects/SHA256E-s95000--" + b"0" * 64 + b".wav\n"
DATASETS = sorted(
    entry.name
    for entry in catalogue.entries("dataset")
    if entry.provider == "qplug" and catalogue.load("dataset", entry.name).capabilities.needs_folder
)
FEW_FILES = ("cifar-10", "mnist")
"""Data sets whose list of samples is read from the files themselves."""


def spoil(path: Path, body: bytes | None) -> None:
    path.unlink()
    if body is None:
        path.symlink_to(f"../.git/annex/objects/aa/bb/SHA256E-s9--{'0' * 64}/{path.name}")
    else:
        path.write_bytes(body)


@pytest.mark.parametrize("name", DATASETS)
def test_pointers_and_empty_files_are_named(name: str, tmp_path: Path) -> None:
    dataset = catalogue.load("dataset", name)()
    dataset.write_example(tmp_path)
    sources = sorted({sample.source for sample in dataset.inventory(tmp_path)[0]})
    assert verify(dataset, tmp_path).hollow == {}
    bodies = {LFS: "Git LFS's pointer", b"": "0 bytes", ANNEX: "git-annex's pointer", None: "git-annex's link"}
    spoilt = dict(zip(sources, bodies.items(), strict=False))
    for source, (body, _) in spoilt.items():
        spoil(source, body)
    if name in FEW_FILES:
        with pytest.raises(DataError, match="|".join(re.escape(source.name) for source in spoilt)):
            verify(dataset, tmp_path)
        return
    verdict = verify(dataset, tmp_path)
    assert not verdict.good
    assert verdict.hollow.keys() == {source.relative_to(tmp_path).as_posix() for source in spoilt}
    for source, (_, words) in spoilt.items():
        assert words in verdict.hollow[source.relative_to(tmp_path).as_posix()]
    assert not verdict.missing
