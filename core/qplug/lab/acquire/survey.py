"""What of a data set is there, and what would have to be downloaded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from qplug.contract.errors import DataError
from qplug.contract.interfaces import Dataset, RemoteFile, Sample
from qplug.lab.acquire import checksums
from qplug.lab.acquire.meter import Meter, Progress, silent
from qplug.lab.acquire.paths import parts_of
from qplug.lab.acquire.receipt import Receipt, size_of

How = Literal["download", "own", "by-hand", "none"]
"""How a data set is had: by its declared files; by a ``fetch`` of its own; by the user's hand; or it needs no files."""


@dataclass(frozen=True)
class Survey:
    """A data set's folder, held against what its source offers.

    Attributes:
        folder: the data set's folder, which may not exist.
        how: how the data set is had.
        n_samples: how many samples the folder holds now; None if it is not in the expected layout.
        n_absent: how many more it lists, whose files are not there.
        missing: what is to be downloaded, as far as it is known before the first list is there.
        differing: paths of files that are not as published; they are kept unless they are to be repaired.
        first: whether nothing was downloaded into the folder yet, so that the licence has to be shown.
    """

    folder: Path
    how: How
    n_samples: int | None
    n_absent: int
    missing: tuple[RemoteFile, ...]
    differing: tuple[str, ...]
    first: bool

    @property
    def n_bytes(self) -> int | None:
        """The size of what is missing; None if some of it is unknown."""
        sizes = [file.size for file in self.missing]
        return None if None in sizes else sum(size for size in sizes if size is not None)


def how(dataset: Dataset) -> How:
    """How a data set is had."""
    if not dataset.capabilities.needs_folder:
        return "none"
    if type(dataset).fetch is not Dataset.fetch:
        return "own"
    declared = bool(dataset.files) or type(dataset).remote_files is not Dataset.remote_files
    return "download" if declared else "by-hand"


def survey(dataset: Dataset, folder: Path, *, repair: bool = False, progress: Progress = silent) -> Survey:
    """What is there and what is missing. Nothing is changed, and nothing is asked of the network.

    A folder that the user filled in a way of their own (unpacked by hand, say) counts as complete if the data set can
    be read from it, since what its archives held cannot be known.

    Args:
        dataset: the data set.
        folder: its folder.
        repair: compare checksums too, and count what differs from the source as missing.
        progress: told about files that are read for their checksum.
    """
    receipt = Receipt.of(folder)
    n_samples, n_absent = count_samples(dataset, folder)
    way = how(dataset)
    if way != "download":
        return Survey(folder, way, n_samples, n_absent, (), (), not receipt.begun)
    files = dataset.remote_files(folder)
    sizes = [size_of(_target(folder, file)) for file in files]
    by_hand = (
        n_samples is not None
        and not n_absent
        and not receipt.begun
        and not any(size is not None for size, file in zip(sizes, files, strict=True) if not file.unpack)
    )
    if by_hand and not repair:
        return Survey(folder, way, n_samples, 0, (), (), True)
    missing, differing = _compare(receipt, files, sizes, repair, Meter("checking what is there", progress, _sum(sizes)))
    return Survey(folder, way, n_samples, n_absent, tuple(missing), tuple(differing), not receipt.begun)


def count_samples(dataset: Dataset, folder: Path) -> tuple[int | None, int]:
    """How many samples a folder holds, and how many it only lists; None and 0 if it is not in the data set's layout.

    What makes no sample is not counted.
    """
    try:
        samples, _ = dataset.inventory(folder)
    except DataError:
        return None, 0
    absent = absent_sources(samples)
    n_absent = sum(sample.source in absent for sample in samples)
    return len(samples) - n_absent, n_absent


def absent_sources(samples: Iterable[Sample]) -> set[Path]:
    """The files that samples come from and that are not there, such as rows of a table without their recording."""
    sources = {sample.source for sample in samples if sample.source is not None}
    return {source for source in sources if size_of(source) is None}


def _sum(sizes: list[int | None]) -> int:
    return sum(size for size in sizes if size is not None)


def _target(folder: Path, file: RemoteFile) -> Path:
    return folder.joinpath(*parts_of(file.path, where=f"the list of {file.url}"))


def _compare(
    receipt: Receipt, files: Sequence[RemoteFile], sizes: Sequence[int | None], repair: bool, meter: Meter
) -> tuple[list[RemoteFile], list[str]]:
    """What is missing, and the paths that differ from the source; the latter are missing, too, if to be repaired."""
    missing, differing = [], []
    for file, size in zip(files, sizes, strict=True):
        if file.unpack:
            absent, changed = _archive_state(receipt, file, repair, meter)
        else:
            absent = size is None
            changed = [] if absent or _as_published(receipt.folder, file, size, repair, meter) else [file.path]
        differing += changed
        if absent or (repair and changed):
            missing.append(file)
    return missing, differing


def _archive_state(receipt: Receipt, file: RemoteFile, repair: bool, meter: Meter) -> tuple[bool, list[str]]:
    """Whether something of an archive is missing, and which of its files are not as they came."""
    if file.url not in receipt.archives:
        return True, []
    there = {path: size_of(receipt.folder / path) for path in receipt.archives[file.url]}
    changed = [
        path
        for path, size in there.items()
        if size is not None and (known := receipt.files.get(path)) is not None
        if size != known.size
        or (repair and not checksums.matches(receipt.folder / path, known.checksum, read=meter.add)[0])
    ]
    return None in there.values(), changed


def _as_published(folder: Path, file: RemoteFile, size: int | None, repair: bool, meter: Meter) -> bool:
    if file.size is not None and size != file.size:
        return False
    if not repair or file.checksum is None:
        return True
    return checksums.matches(_target(folder, file), file.checksum, read=meter.add)[0]
