"""The confusion matrices of a comparison's arms, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from qplug.lab.figures.confusion import cell_colours, percent_text
from qplug.lab.figures.style import GREY, INK, RULE, Canvas, shortened

_COLUMNS, _GAP = 3, 0.35  # matrices in a row, and inches between them
_WITH_SHARES, _WITH_NAMES = 12, 40
"""As many classes have room for numbers in the cells, and for names beside them."""
_LONGEST_ARM, _LONGEST_CLASS = 32, 14


def confusion_matrices(
    counts: Mapping[str, NDArray[np.int64]], classes: Sequence[str], *, title: str, stamp: str | None = None
) -> Figure:
    """One matrix for each arm, in percent of the true class, summed over its cells.

    Args:
        counts: for each arm (n_classes, n_classes), one row per true class.
        classes: names of the classes.
        title: what is shown.
        stamp: a warning such as ``"SYNTHETIC DATA"``, or None.
    """
    n = len(classes)
    side = 1.9 if n <= 3 else 2.6 if n <= _WITH_SHARES else 3.0
    font = max(4.2, min(8.0, side / n * 72 * 0.75))
    names = shortened(list(classes), _LONGEST_CLASS) if n <= _WITH_NAMES else []
    margin = 0.34 + max(map(len, names), default=0) * font * 0.0088
    columns = min(_COLUMNS, len(counts))
    rows = -(-len(counts) // columns)
    # Names of classes stand beside the first column and below the last row: all matrices have the same ones.
    width = margin + columns * side + (columns - 1) * _GAP + 0.2
    body = margin + rows * side + rows * _GAP + 0.05
    note = "Rows are true classes, columns predicted ones; percent of the true class over all cells of an arm. "
    note += "Blue is right, orange wrong."
    canvas = Canvas(max(width, 5.0), body, title=title, note=note, stamp=stamp)
    arms = shortened(list(counts), _LONGEST_ARM)
    for number, (arm, matrix) in enumerate(zip(arms, counts.values(), strict=True)):
        row, column = divmod(number, columns)
        place = margin + (rows - 1 - row) * (side + _GAP)
        axes = canvas.axes(margin + column * (side + _GAP), place, side, side)
        _draw(axes, matrix, side)
        axes.set_title(arm, loc="left", fontsize=8.5, pad=4)
        below = number + columns >= len(counts)
        _label(axes, names, n, font, beside=column == 0, below=below)
    return canvas.figure


def _draw(axes: Axes, counts: NDArray[np.int64], side: float) -> None:
    support = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, support, out=np.zeros(counts.shape), where=support > 0)
    axes.imshow(cell_colours(shares))
    n = len(counts)
    if n > _WITH_SHARES:
        return
    size = min(9.0, side / n * 72 * 0.4)
    for row, column in zip(*np.nonzero(counts), strict=True):
        share = shares[row, column]
        ink = "white" if (share > 0.5 if row == column else share > 0.36) else INK
        axes.text(column, row, percent_text(share), ha="center", va="center", size=size, color=ink)


def _label(axes: Axes, names: Sequence[str], n: int, font: float, *, beside: bool, below: bool) -> None:
    axes.set_xticks(range(len(names)) if below else [], names if below else [], fontsize=font, rotation=90)
    axes.set_yticks(range(len(names)) if beside else [], names if beside else [], fontsize=font)
    axes.tick_params(length=0, pad=3)
    if below:
        axes.set_xlabel("predicted class", color=GREY, fontsize=8)
    if beside:
        axes.set_ylabel("true class", color=GREY, fontsize=8)
    axes.set_xticks(np.arange(n - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(n - 1) + 0.5, minor=True)
    axes.grid(which="minor", color=RULE, linewidth=0.5 if n <= _WITH_SHARES else 0.2)
    axes.tick_params(which="minor", length=0)
