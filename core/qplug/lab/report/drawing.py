"""The figures of what is finished, drawn anew from its files: as SVG and PDF for papers, and for pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qplug.atomic import write_atomically
from qplug.contract.errors import DataError
from qplug.lab.report.source import FinishedRun
from qplug.lab.runs.record_file import record_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FOLDER = "figures"
FORMATS = ("svg", "pdf")
ONLY_PNG = ("embedding", "misclassified")
"""Figures of what a run's folder does not keep: embeddings, and features of samples."""

Named = Iterator[tuple[str, "Figure"]]
"""Figures with the names of their files, drawn one after the other as they are asked for."""


def write_drawn(folder: Path, figures: Named, formats: Sequence[str]) -> list[Path]:
    """Writes figures into the folder ``figures`` of a run or a set; the same figures give the same bytes.

    Args:
        folder: of the run or the set.
        figures: the figures.
        formats: ``svg``, ``pdf`` or both.
    """
    from qplug.lab.runs.files import pdf_bytes, svg_bytes

    made: Mapping[str, Callable[[Figure], bytes]] = {"svg": svg_bytes, "pdf": pdf_bytes}
    written = []
    for name, figure in figures:
        (folder / FOLDER).mkdir(exist_ok=True)
        for ending in formats:
            written.append(folder / FOLDER / f"{name}.{ending}")
            write_atomically(written[-1], made[ending](figure))
    return written


def of_run(run: FinishedRun) -> Named:
    """Those figures of a run that its folder holds the numbers of."""
    yield from _of_training(run)
    yield from _of_judging(run)
    yield from _of_circuits(run)


def history(run: FinishedRun) -> list[dict[str, float]]:
    """One row per epoch; empty where nothing was trained in epochs."""
    if not (run.directory.path / "history.csv").is_file():
        return []
    rows = run.directory.read_csv("history.csv")
    return [{name: float(value) for name, value in row.items() if value and name != "stamps"} for row in rows]


def test_rows(run: FinishedRun) -> list[dict[str, str]]:
    """What was answered on each sample of the test part.

    Raises:
        DataError: there are not as many as the run counts.
    """
    rows = [row for row in run.directory.read_csv("predictions.csv") if row.get("part") == "test"]
    if len(rows) != run.record.test.n:
        raise DataError(
            f"{run.directory.path / 'predictions.csv'} has {len(rows)} test samples, but "
            f"{record_name(run.directory)} counts {run.record.test.n}; one of them is damaged."
        )
    return rows


def numbered(rows: Sequence[Mapping[str, str]], classes: Sequence[str], name: str) -> tuple[list[int], list[int]]:
    """Labels and answers as numbers of classes.

    Raises:
        DataError: they name classes that are none of these.
    """
    number = {label: place for place, label in enumerate(classes)}
    try:
        labels, predicted = ([number[row[column]] for row in rows] for column in ("label", "predicted"))
    except KeyError as error:
        raise DataError(f"the predictions of {name} name {error}, which is none of {', '.join(classes)}.") from error
    return labels, predicted


def _title(run: FinishedRun) -> str:
    fold = run.record.split.fold
    return f"{run.record.dataset} · {run.record.head}" + (f" · fold {fold}" if fold is not None else "")


def _stamp(run: FinishedRun) -> str | None:
    return " · ".join(run.record.stamps) or None


def _of_training(run: FinishedRun) -> Named:
    from qplug.lab.figures.curves import curves
    from qplug.lab.figures.gradients import gradient_norms, has_quantum_gradients

    rows = history(run)
    how: dict[str, Any] = {"title": _title(run), "stamp": _stamp(run)}
    if rows:
        yield "curves", curves(rows, best_epoch=run.record.training.best_epoch, **how)
    if has_quantum_gradients(rows):
        yield "gradients", gradient_norms(rows, **how)


def _of_judging(run: FinishedRun) -> Named:
    import torch

    from qplug.lab.figures.calibration import calibration
    from qplug.lab.figures.confusion import confusion_matrix
    from qplug.lab.figures.discrimination import roc_pr
    from qplug.lab.judging.reliability import reliability

    names, rows = list(run.record.test.per_class), test_rows(run)
    truth, answers = numbered(rows, names, run.name)
    how: dict[str, Any] = {"title": f"{_title(run)} · test", "stamp": _stamp(run)}
    yield "confusion_matrix", confusion_matrix(truth, answers, names, **how)
    shares = torch.from_numpy(_shares(rows, names, run.name))
    labels = torch.tensor(truth)
    yield "calibration", calibration(reliability(labels, shares), **how)
    if len(names) == len(set(truth)) == 2:
        yield "roc_pr", roc_pr(labels, shares.clamp_min(1e-12).log(), names, **how)


def _shares(rows: Sequence[Mapping[str, str]], names: Sequence[str], run: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    try:
        return np.array([[float(row[f"p_{name}"]) for name in names] for row in rows], np.float64)
    except (KeyError, ValueError) as error:
        raise DataError(f"the predictions of {run} are damaged: a probability is missing ({error}).") from error


def _of_circuits(run: FinishedRun) -> Named:
    from qplug.circuits import figure

    for number, (name, circuit) in enumerate(run.circuits.items(), start=1):
        title = f"{_title(run)} · circuit" + (f" {number} of {len(run.circuits)}" if len(run.circuits) > 1 else "")
        yield name, figure(circuit, title=title, stamp=_stamp(run) or "")
