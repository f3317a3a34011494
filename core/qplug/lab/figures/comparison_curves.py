"""How the arms of a comparison learnt: medians and bands over their cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, ScalarFormatter
from numpy.typing import NDArray

from qplug.lab.figures.style import BLUE, GREY, ORANGE, RULE, Canvas, shortened

History = Mapping[str, NDArray[np.float64]]
_COLOURS = {"train": ORANGE, "validation": BLUE}
_COLUMNS, _WIDTH, _HEIGHT, _GAP, _LEFT, _BELOW = 3, 2.45, 1.7, 0.62, 0.62, 0.58  # inches
_LONGEST = 34
_FAR_APART = 30
"""Where losses differ by more than this factor, only a logarithmic axis shows them all."""


def learning_curves(arms: Mapping[str, Sequence[History]], *, title: str, stamp: str | None = None) -> Figure | None:
    """Cross-entropy on training and validation over the epochs; None where no arm learns in epochs.

    Args:
        arms: for each arm the histories of its cells, with the columns ``train_cross_entropy`` and
            ``validation_cross_entropy``, one number per epoch.
        title: what is shown.
        stamp: a warning such as ``"SYNTHETIC DATA"``, or None.
    """
    bands = {name: found for name, cells in arms.items() if (found := _bands(cells))}
    if not bands:
        return None
    columns = min(_COLUMNS, len(bands))
    rows = -(-len(bands) // columns)
    note = "Median over the cells; bands hold 80 % of them. A line ends where half of its cells have stopped. "
    note += "Blue, dashed: validation; orange: training. Lower is better."
    width = _LEFT + columns * _WIDTH + (columns - 1) * 0.2 + 0.15
    body = _BELOW + rows * _HEIGHT + (rows - 1) * _GAP + 0.3
    canvas = Canvas(max(width, 5.0), body, title=title, note=note, stamp=stamp)
    low, high, last = _limits(bands)
    apart = low > 0 and high / low > _FAR_APART
    names = shortened(list(bands), _LONGEST)
    for number, (name, found) in enumerate(zip(names, bands.values(), strict=True)):
        row, column = divmod(number, columns)
        place = _BELOW + (rows - 1 - row) * (_HEIGHT + _GAP)
        axes = canvas.axes(_LEFT + column * (_WIDTH + 0.2), place, _WIDTH, _HEIGHT)
        _draw(axes, found)
        _finish(axes, name, (low, high, last), apart=apart, labelled=column == 0)
        if number + columns >= len(bands):
            axes.set_xlabel("epoch", color=GREY)
    return canvas.figure


def _bands(cells: Sequence[History]) -> dict[str, NDArray[np.float64]]:
    """By part, the (3, n_epochs) low, middle and high of the cells, as far as half of them train."""
    found = {}
    for part in _COLOURS:
        column = f"{part}_cross_entropy"
        histories = [np.asarray(cell[column], float) for cell in cells if len(cell.get(column, ()))]
        if not histories:
            continue
        n_epochs = sorted(map(len, histories), reverse=True)[(len(histories) - 1) // 2]
        padded = np.full((len(histories), n_epochs), np.nan)
        for row, history in zip(padded, histories, strict=True):
            row[: len(history)] = history[:n_epochs]
        known = np.isfinite(padded).any(axis=0)
        told = np.full((3, n_epochs), np.nan)
        padded[~np.isfinite(padded)] = np.nan
        told[:, known] = np.nanquantile(padded[:, known], [0.1, 0.5, 0.9], axis=0)
        found[part] = told
    return found


def _limits(bands: Mapping[str, Mapping[str, NDArray[np.float64]]]) -> tuple[float, float, int]:
    """The least and greatest loss of all arms, and the last epoch."""
    every = [part for found in bands.values() for part in found.values()]
    finite = np.concatenate([part[np.isfinite(part)] for part in every])
    if not len(finite):
        return 0.0, 1.0, max(part.shape[1] for part in every)
    return float(finite.min()), float(finite.max()), max(part.shape[1] for part in every)


def _draw(axes: Axes, found: Mapping[str, NDArray[np.float64]]) -> None:
    for part, (low, middle, high) in found.items():
        epochs = np.arange(1, len(middle) + 1)
        colour = _COLOURS[part]
        axes.fill_between(epochs, low, high, color=colour, alpha=0.2, linewidth=0)
        style = "-" if part == "train" else (0, (4, 1.5))
        marker = "o" if len(epochs) < 3 else ""
        axes.plot(epochs, middle, color=colour, linewidth=1.6, linestyle=style, marker=marker, markersize=3.5)


def _finish(axes: Axes, name: str, limits: tuple[float, float, int], *, apart: bool, labelled: bool) -> None:
    low, high, last = limits
    if apart:
        axes.set_yscale("log")
        axes.set_ylim(low / 1.2, high * 1.2)
        axes.yaxis.set_major_formatter(ScalarFormatter())
    else:
        axes.set_ylim(min(0.0, low), high * 1.05 or 1.0)
        axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.set_xlim(1 - 0.02 * last, max(last, 2) + 0.02 * last)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    axes.set_title(name, loc="left", fontsize=8.5, pad=4)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=0, labelleft=labelled, labelsize=8)
    if labelled:
        axes.set_ylabel("cross-entropy, nats", color=GREY)
