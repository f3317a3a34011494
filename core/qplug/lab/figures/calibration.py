"""How far a classifier's probabilities can be taken at their word, as a figure."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator, PercentFormatter

from qplug.lab.figures.style import BLUE, GREY, RULE, Canvas
from qplug.lab.judging.interval import wilson
from qplug.lab.judging.reliability import Bins

_PALE = "#CFE3F3"
_LEFT, _WIDTH, _RIGHT, _BELOW, _SIDE, _GAP, _COUNTS = 0.68, 4.0, 0.25, 0.55, 3.4, 0.2, 0.85  # inches


def calibration(found: Bins, *, title: str, stamp: str | None = None) -> Figure:
    """The reliability diagram: the share of right answers against the probability that the model gave them.

    Args:
        found: confidence and accuracy by bin.
        title: what is shown, such as the data set and the head.
        stamp: a warning such as ``"SYNTHETIC DATA"``, or None.
    """
    note = f"Expected calibration error {found.error:.3f}: the mean distance of the dots from the dashed line, each "
    note += "prediction counting the same. Whiskers: 95 % intervals."
    height = _BELOW + _COUNTS + _GAP + _SIDE + 0.1
    canvas = Canvas(_LEFT + _WIDTH + _RIGHT, height, title=title, note=note, stamp=stamp)
    upper = canvas.axes(_LEFT, _BELOW + _COUNTS + _GAP, _WIDTH, _SIDE)
    lower = canvas.axes(_LEFT, _BELOW, _WIDTH, _COUNTS)
    for axes in (upper, lower):
        _frame(axes)
    _draw_bars(upper, found)
    edges = np.linspace(0, 1, len(found.counts) + 1)
    lower.bar(edges[:-1], found.counts, width=edges[1], align="edge", color=RULE, edgecolor="white")
    lower.yaxis.set_major_locator(MaxNLocator(3, integer=True, prune="lower"))
    lower.set_ylabel("samples", color=GREY)
    lower.set_xlabel("probability of the predicted class", color=GREY)
    upper.tick_params(labelbottom=False)
    upper.set_ylabel("share that is right", color=GREY)
    return canvas.figure


def _frame(axes: Axes) -> None:
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=0)


def _draw_bars(axes: Axes, found: Bins) -> None:
    """Bars of accuracy, and on each its mean confidence with the interval of the accuracy."""
    width = 1 / len(found.counts)
    filled = np.flatnonzero(found.counts)
    accuracy, confidence = found.accuracy[filled], found.confidence[filled]
    axes.bar(filled * width, accuracy, width=width, align="edge", color=_PALE, edgecolor="white", linewidth=0.8)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1.0, linestyle=(0, (4, 3)))
    counts = found.counts[filled]
    ends = [wilson(round(share * n), n) for share, n in zip(accuracy.tolist(), counts.tolist(), strict=True)]
    lows, highs = zip(*ends, strict=True)
    axes.vlines(confidence, lows, highs, color=BLUE, linewidth=1.2)
    axes.plot(confidence, accuracy, "o", color=BLUE, markersize=5, clip_on=False, zorder=4)
    for x, y, text, side in ((0.02, 0.97, "right more often than it thinks", "left"),
                             (0.98, 0.03, "wrong more often than it thinks", "right")):  # fmt: skip
        words = axes.text(x, y, text, ha=side, va="center", size=8, color=GREY, style="italic", zorder=5)
        words.set_path_effects([withStroke(linewidth=3, foreground="white")])  # readable on top of a bar or a whisker
    axes.set_ylim(0, 1.0)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
