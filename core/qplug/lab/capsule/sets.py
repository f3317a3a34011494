"""What a set of runs came to, derived again from its runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from qplug.contract.errors import UserError
from qplug.lab.capsule.check import Check, each_leaf, failed, guarded, same
from qplug.lab.capsule.run import checks_of_run
from qplug.lab.comparison.summary import over_folds, over_set
from qplug.lab.runs.directory import FOLDS, METRICS, SET, SUMMARY, RunDirectory
from qplug.lab.runs.record_file import read_record
from qplug.lab.runs.set_record import read_set, summaries_of


def checks_of_set(folder: Path) -> Iterator[Check]:
    """A check for each number of a finished set of runs, and of each of its runs."""
    if not (folder / SUMMARY).is_file():
        raise UserError(f"{folder} is not finished, so there are no means to derive again. qplug resume {folder}")
    record = read_set(folder)  # refuses a key that is not the hash of its settings
    for cell in record.cells:
        yield same(SET, "key", cell.key, Path(cell.folder).name, SET)
        if not (folder / cell.folder).is_dir():
            yield failed(cell.folder, "all", "it is not there")
            continue
        for check in guarded("record.json", "all", lambda cell=cell: checks_of_run(folder / cell.folder)):  # type: ignore[misc]
            yield check.below(cell.folder)
    yield from guarded(SUMMARY, "all", lambda: _summary(folder))


def _summary(folder: Path) -> Iterator[Check]:
    record = read_set(folder)
    derived = over_set(record, summaries_of(folder, record))
    yield from each_leaf(SUMMARY, RunDirectory(folder).read_json(SUMMARY), derived, "cells/*/record.json")


def checks_of_old_folds(folder: Path) -> Iterator[Check]:
    """The same of a set of folds of qplug 0.1, whose runs stand beside its folder."""
    runs = [folder.parent / str(name) for name in RunDirectory(folder).read_json(FOLDS)["runs"].values()]
    for run in runs:
        for check in guarded("record.json", "all", lambda run=run: checks_of_run(run)):  # type: ignore[misc]
            yield check.below(f"../{run.name}")
    yield from guarded(METRICS, "all", lambda: _means(folder, runs))


def _means(folder: Path, runs: list[Path]) -> Iterator[Check]:
    derived = over_folds([read_record(run).summary(run.name) for run in runs])
    yield from each_leaf(METRICS, RunDirectory(folder).read_json(METRICS), derived, "the records of its runs")
