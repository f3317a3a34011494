"""The confusion matrix as a figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix as count

from qplug.lab.figures.style import BLUE, GREY, INK, ORANGE, RULE, Canvas, shortened

_RIGHT = LinearSegmentedColormap.from_list("right", ["#FFFFFF", "#B9D7EE", BLUE, "#06335A"])
_WRONG = LinearSegmentedColormap.from_list("wrong", ["#FFFFFF", "#FBD9B4", ORANGE, "#8A4203"])
_WITH_COUNTS, _WITH_SHARES = 12, 26  # as many classes have room for two lines, or one, in a cell
_LONGEST = 22
_LINE, _LARGEST = 0.107, 16.0  # inches: of a class with the smallest font, and the longest side


def confusion_matrix(
    labels: Sequence[int], predicted: Sequence[int], classes: Sequence[str], *, title: str, stamp: str | None = None
) -> Figure:
    """True against predicted classes: percent of the true class, and counts where there is room.

    Right answers are blue and wrong ones orange; the colour grows with the share of the true class.

    Args:
        labels: true classes (n,).
        predicted: predicted classes (n,).
        classes: names of the classes.
        title: what is shown, such as the data set and the head.
        stamp: a warning such as ``"SYNTHETIC DATA"``, or None.
    """
    n = len(classes)
    counts = count(np.asarray(labels), np.asarray(predicted), labels=np.arange(n))
    support = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, support, out=np.zeros(counts.shape), where=support > 0)
    names = shortened(classes, _LONGEST)
    font = 8.5 if n <= _WITH_COUNTS else 7.5 if n <= _WITH_SHARES else 6.2
    side = (
        3.6
        if n <= 3
        else 4.6
        if n <= _WITH_COUNTS
        else 5.6
        if n <= _WITH_SHARES
        else min(max(6.4, n * _LINE), _LARGEST)
    )
    margin = 0.42 + max(map(len, names)) * font * 0.0085
    upright = n <= _WITH_COUNTS and max(map(len, names)) * font * 0.0085 < side / n * 0.95
    below = 0.62 if upright else margin + 0.1
    cells = "percent and count" if n <= _WITH_COUNTS else "percent"
    cells = cells if n <= _WITH_SHARES else "the darker, the larger the share"
    note = f"{int(counts.sum())} samples, {np.trace(counts) / counts.sum():.1%} right. Rows are true classes: {cells}. "
    note += "Blue is right, orange wrong."
    canvas = Canvas(margin + side + 0.3, below + side + 0.1, title=title, note=note, stamp=stamp)
    axes = canvas.axes(margin, below, side, side)
    axes.imshow(cell_colours(shares))
    _label(axes, names, font, upright=upright)
    _write_cells(axes, counts, shares, side)
    return canvas.figure


def cell_colours(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Red, green, blue, opacity (n, n, 4) of the cells."""
    # Errors are spread thin over many classes: the root lets 2 % be seen.
    colours = _WRONG(np.sqrt(shares) * 0.9)
    diagonal = np.arange(len(shares))
    colours[diagonal, diagonal] = _RIGHT(shares[diagonal, diagonal] * 0.9)
    return np.asarray(colours)


def _label(axes: Axes, names: list[str], font: float, *, upright: bool) -> None:
    n, every = len(names), math.ceil(len(names) * _LINE / _LARGEST)
    rotation: dict[str, Any] = {} if upright else {"rotation": 90}
    axes.set_xticks(range(0, n, every), names[::every], fontsize=font, **rotation)
    axes.set_yticks(range(0, n, every), names[::every], fontsize=font)
    axes.set_xlabel("predicted class", color=GREY, labelpad=5)
    axes.set_ylabel("true class", color=GREY, labelpad=5)
    axes.tick_params(length=0, pad=3)
    axes.set_xticks(np.arange(n - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(n - 1) + 0.5, minor=True)
    axes.grid(which="minor", color=RULE, linewidth=0.6 if n <= _WITH_SHARES else 0.3)
    axes.tick_params(which="minor", length=0)


def _write_cells(axes: Axes, counts: NDArray[np.int64], shares: NDArray[np.float64], side: float) -> None:
    n = len(counts)
    if n > _WITH_SHARES:
        return
    cell = side / n * 72  # in points
    big = min(12.0, cell * (0.27 if n <= _WITH_COUNTS else 0.4))
    for row, column in zip(*np.nonzero(counts), strict=True):
        share, number = shares[row, column], counts[row, column]
        ink = "white" if (share > 0.5 if row == column else share > 0.36) else INK
        weight = "bold" if row == column else "normal"
        if n > _WITH_COUNTS:
            axes.text(column, row, percent_text(share), ha="center", va="center", size=big, color=ink, weight=weight)
            continue
        text = f"{percent_text(share)}%" if n <= 6 else percent_text(share)
        # The two lines keep their distance in points, however large the cell is.
        for line, shift, size, heavy in (
            (text, 0.45, big, weight),
            (str(number), -0.75, max(6.0, big * 0.7), "normal"),
        ):
            axes.annotate(
                line, (column, row), (0, shift * big), textcoords="offset points",
                ha="center", va="center", size=size, color=ink, weight=heavy,
            )  # fmt: skip


def percent_text(share: float) -> str:
    """A share in percent without the sign, told from nothing where it is tiny."""
    return "<1" if 0 < share < 0.005 else f"{100 * share:.0f}"
