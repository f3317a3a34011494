"""A finished run, read back from its directory for showing."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qplug.circuits import from_qasm3
from qplug.contract.circuit import Circuit
from qplug.contract.errors import DataError
from qplug.lab.runs.directory import FOLDS, METRICS, SET, SUMMARY, RunDirectory
from qplug.lab.runs.record_file import read_record
from qplug.lab.runs.run_record import RunRecord
from qplug.lab.runs.set_record import read_set


@dataclass(frozen=True)
class FoldSet:
    """The set of folds that a run belongs to.

    Attributes:
        name: the name of its folder.
        numbers: its folds.
        test: by metric, mean and standard deviation over the folds' test parts; empty while some are unfinished.
    """

    name: str
    numbers: tuple[int, ...]
    test: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class FinishedRun:
    """What a run has left behind.

    Attributes:
        directory: its folder.
        record: what it says of itself.
        circuits: its circuits, by the name of their files without ending.
        fold_set: the set of folds that it belongs to, if there is one.
    """

    directory: RunDirectory
    record: RunRecord
    circuits: Mapping[str, Circuit]
    fold_set: FoldSet | None = None

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.directory.path.resolve().name  # a run may be given as "." or by a link


def read_run(path: Path) -> FinishedRun:
    """A finished run's files. Nothing but the run directory is needed: no data, no plugin, no torch.

    Raises:
        UserError: there is no such run, or it is not finished.
        DataError: one of its files is missing or damaged.
    """
    directory = RunDirectory.open(path)
    directory.require_finished("there is nothing to show")
    return FinishedRun(
        directory=directory,
        record=read_record(path),
        circuits={
            file.stem: from_qasm3(directory.read_text(file.name))
            for file in sorted(directory.path.glob("circuit*.qasm"))
        },
        fold_set=_fold_set(directory),
    )


def _fold_set(directory: RunDirectory) -> FoldSet | None:
    """The set that holds the run, or the newest beside it that names it; one that cannot be read is passed over."""
    path = directory.path.resolve()
    above = path.parent.parent
    if (above / SET).is_file():
        with suppress(DataError, KeyError):
            return _set_above(above)
    for file in sorted(path.parent.glob(f"*/{FOLDS}"), reverse=True):
        beside = RunDirectory(file.parent)
        with suppress(DataError, KeyError, TypeError, AttributeError):
            content = read_table(beside, FOLDS)
            if path.name in content["runs"].values():
                metrics = read_table(beside, METRICS) if beside.status == "finished" else {"test": {}}
                test = {name: (mean, metrics["test_sd"][name]) for name, mean in metrics["test"].items()}
                return FoldSet(beside.name, tuple(content["folds"]), test)
    return None


def _set_above(path: Path) -> FoldSet | None:
    """The set in a folder if it is one of folds."""
    record, whole = read_set(path), RunDirectory(path)
    if len(record.arms) > 1 or len({cell.seed for cell in record.cells}) > 1:
        return None
    metrics = read_table(whole, SUMMARY) if whole.status == "finished" else {"test": {}}
    test = {name: (mean, metrics["test_sd"][name]) for name, mean in metrics["test"].items()}
    return FoldSet(whole.name, tuple(cell.fold for cell in record.cells if cell.fold is not None), test)


def read_table(directory: RunDirectory, name: str) -> Mapping[str, Any]:
    """A JSON file of a run or set that holds a table.

    Raises:
        DataError: it is missing or damaged.
    """
    content = directory.read_json(name)
    if not isinstance(content, Mapping):
        raise DataError(f"{directory.path / name} is damaged: it holds no table.")
    return content
