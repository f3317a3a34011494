"""A finished set of several heads or seeds: read back with its runs, and what stands on its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from qplug.lab.measures import LISTED, METRICS, percent
from qplug.lab.report.comparison_words import MINUS
from qplug.lab.report.source import FinishedRun, read_run, read_table
from qplug.lab.runs.directory import SUMMARY, RunDirectory
from qplug.lab.runs.set_record import SetRecord, SetSummary, read_set, read_summary

_NOTHING = "–"


@dataclass(frozen=True)
class FinishedRuns:
    """What the runs of a set have left behind.

    Attributes:
        directory: the folder of the set.
        record: which runs there are.
        summary: mean, standard deviation and count of each arm.
        whole: all of ``summary.json``.
        runs: the runs, in the order of the record.
    """

    directory: RunDirectory
    record: SetRecord
    summary: SetSummary
    whole: Mapping[str, Any]
    runs: tuple[FinishedRun, ...]

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.directory.path.resolve().name


def is_one_of_folds(record: SetRecord) -> bool:
    """Whether a set is each fold of a split once, which has a page of its own."""
    folds = [cell.fold for cell in record.cells]
    return len(record.arms) == 1 and None not in folds and 1 < len(set(folds)) == len(folds)


def read_runs(path: Path) -> FinishedRuns:
    """A finished set.

    Raises:
        UserError: some of its runs are unfinished, or are not there.
        DataError: a file is missing or damaged.
    """
    directory = RunDirectory(path)
    directory.require_finished("there is nothing to show")
    record, summary = read_set(path), read_summary(path)
    runs = tuple(read_run(path / cell.folder) for cell in record.cells)
    return FinishedRuns(directory, record, summary, read_table(directory, SUMMARY), runs)


def sentence(found: FinishedRuns) -> str:
    """What was run, in one sentence."""
    cells = found.record.cells
    seeds, folds = len({cell.seed for cell in cells}), len({cell.fold for cell in cells})
    heads = len(found.record.arms)
    counted = [f"{heads} head{'s' if heads > 1 else ''}", f"{seeds} seed{'s' if seeds > 1 else ''}"]
    if folds > 1:
        counted.append(f"{folds} folds")
    return f"{len(cells)} runs on {found.record.dataset}: {' × '.join(counted)}, all else equal."


def columns() -> list[str]:
    """The names of the metrics in each row."""
    return [METRICS[key].title for key in LISTED]


def arm_rows(found: FinishedRuns) -> list[tuple[str, int, list[str]]]:
    """For each arm its name, how many runs it has, and mean ± standard deviation of its metrics on test."""
    return [
        (arm.name, arm.n_runs, [_both(key, arm.test.get(key), arm.test_sd.get(key)) for key in LISTED])
        for arm in found.summary.arms
    ]


def _both(key: str, mean: float | None, spread: float | None) -> str:
    if mean is None or spread is None:
        return _NOTHING
    return f"{METRICS[key].written(mean)}\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{METRICS[key].written(spread)}"


def run_rows(found: FinishedRuns) -> list[tuple[str, int, str, list[str], str]]:
    """For each run: its head, seed and fold, its metrics on test, and its folder in that of the set."""
    rows = []
    for cell, summary in zip(found.record.cells, found.whole["cells"], strict=True):
        values = [_one(key, summary["test"].get(key)) for key in LISTED]
        fold = _NOTHING if cell.fold is None else str(cell.fold)
        rows.append((found.record.arms[cell.arm].name, cell.seed, fold, values, cell.folder))
    return rows


def side_by_side(found: FinishedRuns) -> tuple[list[str], list[list[str]]]:
    """Test accuracy of every head where seed and fold are the same, and the mean distance of each from the first head.

    Returns:
        The headings and the rows; no rows where there is one head, or some have not run everywhere.
    """
    names = [arm.name for arm in found.record.arms]
    beside: dict[tuple[int, int | None], dict[int, float]] = {}
    for cell, run in zip(found.record.cells, found.runs, strict=True):
        beside.setdefault((cell.seed, cell.fold), {})[cell.arm] = run.record.test.accuracy
    if len(names) < 2 or any(len(row) < len(names) for row in beside.values()):
        return [], []
    rows = [
        [f"seed {seed}" + ("" if fold is None else f", fold {fold}"), *(percent(row[arm]) for arm in range(len(names)))]
        for (seed, fold), row in beside.items()
    ]
    distances = [fmean(row[arm] - row[0] for row in beside.values()) for arm in range(1, len(names))]
    return ["", *names], [
        *rows,
        ["mean distance", _NOTHING, *(f"{100 * one:+.1f} points".replace("-", MINUS) for one in distances)],
    ]


def _one(key: str, value: float | None) -> str:
    return _NOTHING if value is None else METRICS[key].written(value)


def stamps(found: FinishedRuns) -> Sequence[str]:
    """What stands on any of the runs."""
    return found.summary.stamps
