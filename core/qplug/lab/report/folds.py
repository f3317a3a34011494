"""A finished set of folds: read back with its runs, and what stands on its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qplug.contract.errors import DataError, UserError
from qplug.lab.measures import LISTED, METRICS, percent
from qplug.lab.report.content import Rows
from qplug.lab.report.source import FinishedRun, read_run, read_table
from qplug.lab.runs.directory import FOLDS, SET, SUMMARY, RunDirectory
from qplug.lab.runs.directory import METRICS as METRICS_FILE
from qplug.lab.runs.set_record import CELLS, read_summary
from qplug.lab.runs.set_record import read_set as read_set_record


@dataclass(frozen=True)
class FinishedSet:
    """What the runs of all folds of a split have left behind.

    Attributes:
        directory: the folder that names them.
        metrics: mean and standard deviation over the folds.
        runs: the run of each fold.
        inside: whether the runs are kept in the set's own folder, and not beside it.
    """

    directory: RunDirectory
    metrics: Mapping[str, Any]
    runs: Mapping[int, FinishedRun]
    inside: bool = False

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.directory.path.resolve().name

    def named(self, run: FinishedRun) -> str:
        """A run's folder, as it is named from the folder that holds it or its set."""
        return f"{self.name}/{CELLS}/{run.name}" if self.inside else run.name

    def beside(self, run: FinishedRun) -> str:
        """A run's folder, as it is named from that of the set, or of the runs where the set lies beside them."""
        return f"{CELLS}/{run.name}" if self.inside else run.name

    @property
    def first(self) -> FinishedRun:
        """One run, for what all of them share: the settings."""
        return next(iter(self.runs.values()))


def read_set(path: Path) -> FinishedSet:
    """A finished set of folds, with its runs: from its own folder, or from beside it as older versions kept them.

    Raises:
        UserError: some folds are unfinished, or a run is not beside the set.
        DataError: a file is missing or damaged.
    """
    directory = RunDirectory(path)
    directory.require_finished("there is nothing to show")
    if (path / SET).is_file():
        read_summary(path)  # refuses one that is damaged
        cells = read_set_record(path).cells
        inside = {cell.fold: read_run(path / cell.folder) for cell in cells if cell.fold is not None}
        return FinishedSet(directory, read_table(directory, SUMMARY), inside, inside=True)
    record = read_table(directory, FOLDS)
    beside = path.resolve().parent
    try:
        names = {int(number): str(record["runs"][str(number)]) for number in record["folds"]}
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path / FOLDS} is damaged: it does not name a run for each fold ({error}).") from error
    missing = [name for name in names.values() if not (beside / name).is_dir()]
    if missing:
        raise UserError(
            f"{path} has {len(names)} folds, and of their runs {len(missing)} are not in {beside} ({missing[0]}"
            f"{', …' if len(missing) > 1 else ''}). Keep a set and its runs in one folder."
        )
    runs = {number: read_run(beside / name) for number, name in names.items()}
    return FinishedSet(directory, read_table(directory, METRICS_FILE), runs)


def sentence(found: FinishedSet) -> str:
    """What was run and what came of it, in one sentence."""
    metrics = found.metrics
    mean, spread = metrics["test"]["accuracy"], metrics["test_sd"]["accuracy"]
    return (
        f"On {metrics['dataset']} (split {metrics['split']}, all {len(found.runs)} folds, each the test part once), "
        f"classifiers with head {metrics['head']} put {percent(mean)} ± {percent(spread)} of the test samples into the "
        f"right one of {len(classes(found))} classes: mean and standard deviation over the folds."
    )


def tiles(found: FinishedSet) -> list[tuple[str, str, str]]:
    """The numbers that are seen first: name, value, and a line below."""
    metrics, low_high = found.metrics, [run.record.test.accuracy for run in found.runs.values()]
    mean, spread = metrics["test"], metrics["test_sd"]
    balanced, loss = METRICS["balanced_accuracy"], METRICS["cross_entropy"]
    return [
        ("test accuracy", percent(mean["accuracy"]), f"± {percent(spread['accuracy'])} between folds"),
        (
            balanced.title,
            percent(mean["balanced_accuracy"]),
            f"± {percent(spread['balanced_accuracy'])}",
        ),
        ("worst and best fold", f"{100 * min(low_high):.1f} – {percent(max(low_high))}", "test accuracy"),
        (
            loss.title,
            loss.written(mean["cross_entropy"]),
            f"± {loss.written(spread['cross_entropy'])} {loss.unit}; {loss.better} is better",
        ),
    ]


def scores(found: FinishedSet) -> list[tuple[str, str, str]]:
    """Each metric with mean ± standard deviation over the folds, on validation and test."""
    metrics = found.metrics

    def both(part: str, key: str) -> str:
        numbers = metrics[part][key], metrics[f"{part}_sd"][key]
        return "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}".join(METRICS[key].written(number) for number in numbers)

    return [
        (metric.title, both("validation", key), both("test", key))
        for key, metric in METRICS.items()
        if key in metrics["test"]
    ]


def fold_columns() -> list[str]:
    """The names of the metrics in each fold's row."""
    return [METRICS[key].title for key in LISTED]


def fold_rows(found: FinishedSet) -> list[tuple[int, int, list[str], str]]:
    """For each fold: its number, its test samples, its metrics on them, and the name of its run."""
    return [
        (
            number,
            run.record.test.n,
            [METRICS[key].written(getattr(run.record.test, key)) for key in LISTED],
            found.beside(run),
        )
        for number, run in found.runs.items()
    ]


def stamps(found: FinishedSet) -> list[str]:
    """What stands on any of the runs."""
    return list(dict.fromkeys(stamp for run in found.runs.values() for stamp in run.record.stamps))


def warnings(found: FinishedSet) -> list[str]:
    """All warnings of the runs; those that do not concern every fold say which."""
    by_text: dict[str, list[int]] = {}
    for number, run in found.runs.items():
        for text in run.record.warnings:
            by_text.setdefault(text, []).append(number)
    every = len(found.runs)
    return [text if len(folds) == every else f"{_folds(folds)}: {text}" for text, folds in by_text.items()]


def _folds(numbers: Sequence[int]) -> str:
    return f"fold{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def classes(found: FinishedSet) -> list[str]:
    """The names of the classes, in the order of the logits."""
    return list(found.first.record.test.per_class)


def settings(found: FinishedSet) -> Rows:
    """What all runs share, beside their components and the training."""
    metrics = found.metrics
    rows = [
        ("split", metrics["split"]),
        ("seed", metrics.get("seed", "several")),
        ("circuits trained on", metrics["trained_on"]),
        ("circuits judged on", metrics["backend"]),
        ("time of training", f"{metrics['train_seconds']:.1f} s in all"),
    ]
    return [(name, str(value)) for name, value in rows if value is not None]
