"""How well two classes are told apart, whatever the threshold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator, PercentFormatter
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve
from torch import Tensor

from qplug.lab.figures.style import BLUE, GREY, RULE, Canvas
from qplug.lab.judging.metrics import probabilities

_SIDE, _LEFT, _GAP, _BELOW, _RIGHT = 2.75, 0.68, 0.75, 0.55, 0.32  # inches


def roc_pr(labels: Tensor, logits: Tensor, classes: Sequence[str], *, title: str, stamp: str | None = None) -> Figure:
    """The ROC curve and the precision-recall curve of the second of two classes, each with its area.

    Args:
        labels: true classes (n,), 0 or 1, both of them present.
        logits: the model's answers (n, 2).
        classes: names of the two classes; the second one is looked for.
        title: what is shown, such as the data set and the head.
        stamp: a warning such as ``"SYNTHETIC DATA"``, or None.
    """
    truth, score = labels.cpu().numpy(), probabilities(logits.cpu())[:, 1].numpy()
    share = float(truth.mean())
    note = f"Every threshold on the probability of {classes[1]!r}, which {share:.0%} of {len(truth)} samples are; "
    note += "circles: where it is one half. Dashed: by chance."
    canvas = Canvas(_LEFT + 2 * _SIDE + _GAP + _RIGHT, _BELOW + _SIDE + 0.35, title=title, note=note, stamp=stamp)
    left = canvas.axes(_LEFT, _BELOW, _SIDE, _SIDE)
    right = canvas.axes(_LEFT + _SIDE + _GAP, _BELOW, _SIDE, _SIDE)
    _draw_roc(left, truth, score)
    _draw_precision_recall(right, truth, score)
    return canvas.figure


def _draw_roc(axes: Axes, truth: NDArray[np.int64], score: NDArray[np.float64]) -> None:
    false, true, _ = roc_curve(truth, score, drop_intermediate=False)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.9, linestyle=(0, (4, 3)))
    axes.plot(false, true, color=BLUE, linewidth=1.8, clip_on=False)
    chosen = score >= 0.5
    _mark(axes, float(chosen[truth == 0].mean()), float(chosen[truth == 1].mean()))
    _frame(axes, f"ROC, area {roc_auc_score(truth, score):.3f}", "false alarms among the others", "recall")


def _draw_precision_recall(axes: Axes, truth: NDArray[np.int64], score: NDArray[np.float64]) -> None:
    precision, recall, _ = precision_recall_curve(truth, score)
    share = float(truth.mean())
    axes.plot([0, 1], [share, share], color=GREY, linewidth=0.9, linestyle=(0, (4, 3)))
    axes.plot(recall, precision, color=BLUE, linewidth=1.8, drawstyle="steps-post", clip_on=False)
    chosen = score >= 0.5
    if chosen.any():
        _mark(axes, float(chosen[truth == 1].mean()), float(truth[chosen].mean()))
    area = average_precision_score(truth, score)
    _frame(axes, f"average precision {area:.3f}", "recall", "precision")


def _mark(axes: Axes, x: float, y: float) -> None:
    axes.plot(
        [x], [y], "o", markersize=7, markerfacecolor="white", markeredgecolor=BLUE, markeredgewidth=1.8, clip_on=False
    )


def _frame(axes: Axes, heading: str, x: str, y: str) -> None:
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MultipleLocator(0.25))
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_title(heading, loc="left", color=GREY, pad=6, fontsize=9.5)
    axes.set_xlabel(x, color=GREY)
    axes.set_ylabel(y, color=GREY)
    axes.grid(color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=0, pad=5)
