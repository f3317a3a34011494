"""Figures over all runs of a set: how they learnt, and what they took for what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from qplug.lab.report.drawing import Named, history, numbered, test_rows
from qplug.lab.report.figures import Picture, from_png
from qplug.lab.report.folds import FinishedSet, classes, stamps
from qplug.lab.report.sets import FinishedRuns
from qplug.lab.report.source import FinishedRun
from qplug.lab.runs.files import png_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEARNT = "How the runs learnt: medians and bands over them."
_LEARNT_ALT = "Cross-entropy of the training and validation parts over the epochs, over all runs."


def of_folds(found: FinishedSet) -> Named:
    """The confusion matrix of all folds' test samples together, and the learning curves.

    Raises:
        DataError: a run's predictions name classes that its metrics do not know, or are not as many as it counts.
    """
    yield from _of_folds(found, _pooled(found))


def _of_folds(found: FinishedSet, pooled: tuple[list[int], list[int]]) -> Named:
    from qplug.lab.figures.confusion import confusion_matrix  # matplotlib and scikit-learn, a second

    title, stamp = f"{found.metrics['dataset']} · {found.metrics['head']}", " · ".join(stamps(found)) or None
    whole = f"{title} · test, all {len(found.runs)} folds"
    yield "confusion_matrix", confusion_matrix(*pooled, classes(found), title=whole, stamp=stamp)
    yield from _curves({found.metrics["head"]: list(found.runs.values())}, title=title, stamp=stamp)


def fold_pictures(found: FinishedSet) -> list[Picture]:
    """The figures of a set of folds, for its page."""
    labels, predicted = pooled = _pooled(found)
    right = sum(true == answer for true, answer in zip(labels, predicted, strict=True))
    words = {
        "confusion_matrix": (
            f"All {len(labels):,} test samples of the {len(found.runs)} folds, each judged by its own fold's model.",
            f"Confusion matrix over all folds: {right} of {len(labels)} right.",
        ),
        "curves": (_LEARNT, _LEARNT_ALT),
    }
    return _pictures(_of_folds(found, pooled), words)


def of_runs(found: FinishedRuns) -> Named:
    """The learning curves and the confusion matrices of every head."""
    from qplug.lab.figures.comparison_confusion import confusion_matrices

    by_arm: dict[str, list[FinishedRun]] = {}
    for cell, run in zip(found.record.cells, found.runs, strict=True):
        by_arm.setdefault(found.record.arms[cell.arm].name, []).append(run)
    title, stamp = f"{found.record.dataset} · {len(found.runs)} runs", " · ".join(found.summary.stamps) or None
    yield from _curves(by_arm, title=title, stamp=stamp)
    counts = {name: _counts(runs) for name, runs in by_arm.items()}
    names = list(found.runs[0].record.test.per_class)
    yield "confusion_matrix", confusion_matrices(counts, names, title=f"{title} · test", stamp=stamp)


def run_pictures(found: FinishedRuns) -> list[Picture]:
    """The figures of a set of several heads or seeds, for its page."""
    words = {
        "curves": (_LEARNT, _LEARNT_ALT),
        "confusion_matrix": (
            "What each head took for what, on the test parts of all its runs together.",
            f"Confusion matrices of {len(found.record.arms)} heads, summed over their runs.",
        ),
    }
    return _pictures(of_runs(found), words)


def _pooled(found: FinishedSet) -> tuple[list[int], list[int]]:
    rows = [row for run in found.runs.values() for row in test_rows(run)]
    return numbered(rows, classes(found), found.name)


def _counts(runs: Sequence[FinishedRun]) -> NDArray[np.int64]:
    summed: NDArray[np.int64] = np.array([run.record.test.confusion for run in runs], np.int64).sum(axis=0)
    return summed


def _curves(arms: Mapping[str, Sequence[FinishedRun]], *, title: str, stamp: str | None) -> Named:
    from qplug.lab.figures.comparison_curves import learning_curves

    histories = {name: [_columns(history(run)) for run in runs] for name, runs in arms.items()}
    figure = learning_curves(histories, title=f"{title} · learning", stamp=stamp)
    if figure is not None:
        yield "curves", figure


def _columns(rows: Sequence[Mapping[str, float]]) -> dict[str, NDArray[np.float64]]:
    names = ("train_cross_entropy", "validation_cross_entropy")
    return {name: np.array([row.get(name, np.nan) for row in rows]) for name in names}


def _pictures(figures: Named, words: Mapping[str, tuple[str, str]]) -> list[Picture]:
    return [
        from_png(png_bytes(figure), name=name, caption=words[name][0], alt=words[name][1]) for name, figure in figures
    ]
