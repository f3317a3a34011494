"""Whether the files of a data set are what its source publishes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from qplug.contract.errors import DataError
from qplug.contract.interfaces import Dataset
from qplug.lab.acquire import checksums
from qplug.lab.acquire.meter import Meter, Progress, silent
from qplug.lab.acquire.paths import parts_of
from qplug.lab.acquire.receipt import Receipt, size_of
from qplug.lab.acquire.survey import absent_sources
from qplug.signals.files import NO_FILE, look

_THREADS = 4

Expected = Mapping[str, tuple[int | None, str | None]]
"""Size and checksum by path; None where it is not known."""


@dataclass(frozen=True)
class Verdict:
    """What was found.

    Attributes:
        folder: the data set's folder.
        n_samples: how many samples it holds.
        n_files: how many files belong to it, as far as that is known.
        n_checked: how many files were held against a published or noted size or checksum.
        n_checksums: how many of them against a checksum.
        missing: paths of files that are not there.
        wrong: paths of files that are not as published, each with the reason.
        hollow: paths of files that are empty, cannot be read or are pointers to content that is kept elsewhere, each
            with the reason.
        unusable: what belongs to the data set and makes no sample, each with the reason.
    """

    folder: Path
    n_samples: int
    n_files: int
    n_checked: int
    n_checksums: int
    missing: tuple[str, ...]
    wrong: Mapping[str, str]
    hollow: Mapping[str, str]
    unusable: Mapping[str, str]

    @property
    def good(self) -> bool:
        """Whether nothing is missing, wrong, hollow or unusable."""
        return not (self.missing or self.wrong or self.hollow or self.unusable)


def verify(dataset: Dataset, folder: Path, *, progress: Progress = silent) -> Verdict:
    """Holds every file against what its source publishes; where it publishes nothing, against what once came from it.

    Every file that samples come from is opened, whatever is published.

    Args:
        dataset: the data set.
        folder: its folder.
        progress: told how many bytes are read.

    Raises:
        DataError: the folder is not in the expected layout.
    """
    expected = _expected(dataset, folder)
    sizes = {path: size_of(folder.joinpath(*parts_of(path, where="the published list"))) for path in expected}
    if not any(size is not None for size in sizes.values()):
        expected, sizes = {}, {}  # the same data in another form, such as unpacked by hand: nothing to compare with
    samples, unusable = dataset.inventory(folder)
    absent = absent_sources(samples)
    listed = {sample.source for sample in samples if sample.source is not None}
    unlisted = [path for path in expected if folder / path not in listed]
    published = [path for path, size in sizes.items() if size is None]
    hollow = _hollow(dataset, folder, listed)
    gone = [*published, *sorted(_below(folder, path) for path in absent)]
    missing = [path for path in dict.fromkeys(gone) if path not in hollow]
    wrong = _wrong_sizes(expected, sizes)
    wrong |= _wrong_checksums(
        folder, {p: e for p, e in expected.items() if sizes[p] is not None and p not in wrong}, progress
    )
    return Verdict(
        folder=folder,
        n_samples=sum(sample.source not in absent for sample in samples),
        n_files=len(listed) + len(unlisted),
        n_checked=len(expected),
        n_checksums=sum(checksum is not None for _, checksum in expected.values()),
        missing=tuple(missing),
        wrong={path: wrong[path] for path in sorted(wrong.keys() - hollow)},
        hollow=dict(sorted(hollow.items())),
        unusable={entry.id: entry.reason for entry in unusable},
    )


def _hollow(dataset: Dataset, folder: Path, sources: Iterable[Path]) -> dict[str, str]:
    """What stands in the place of a file's content, or why it cannot be read, by path; what is missing is no matter."""
    noun = "recording" if dataset.capabilities.modality == "audio" else "image"

    def fault(path: Path) -> str:
        try:
            look(path, noun)
        except DataError as error:
            return "" if error.reason == NO_FILE else error.reason
        return ""

    there = [path for path in sources if path.exists() or path.is_symlink()]
    with ThreadPoolExecutor(_THREADS) as threads:
        faults = zip(there, threads.map(fault, there), strict=True)
        return {_below(folder, path): reason for path, reason in faults if reason}


def _below(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def _expected(dataset: Dataset, folder: Path) -> Expected:
    noted = {path: (file.size, file.checksum) for path, file in Receipt.of(folder).files.items()}
    published = dataset.manifest(folder)
    merged: dict[str, tuple[int | None, str | None]] = dict(noted)
    for path, (size, checksum) in published.items():
        size_then, checksum_then = noted.get(path, (None, None))
        merged[path] = (size if size is not None else size_then, checksum or checksum_then)
    return merged


def _wrong_sizes(expected: Expected, sizes: Mapping[str, int | None]) -> dict[str, str]:
    return {
        path: f"{sizes[path]} bytes, published are {size}"
        for path, (size, _) in expected.items()
        if size is not None and sizes[path] is not None and sizes[path] != size
    }


def _wrong_checksums(folder: Path, expected: Expected, progress: Progress) -> dict[str, str]:
    paths = {path: checksum for path, (_, checksum) in expected.items() if checksum is not None}
    total = sum(size_of(folder / path) or 0 for path in paths)
    meter = Meter(f"checking {len(paths):,} files", progress, total)
    with ThreadPoolExecutor(_THREADS) as threads:
        outcomes = threads.map(lambda path: _compare(folder / path, paths[path], meter), paths)
        return {path: reason for path, reason in zip(paths, outcomes, strict=True) if reason}


def _compare(path: Path, checksum: str, meter: Meter) -> str:
    try:
        right, got = checksums.matches(path, checksum, read=meter.add)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return "" if right else f"{got}, published is {checksum}"
