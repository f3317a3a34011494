"""Every cell of a comparison as one point: the scores that means and intervals are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from qplug.lab.figures.style import COLOURS, GREY, INK, MARKERS, RULE, Canvas, shortened

_LONGEST, _CHARACTER = 34, 0.073  # characters of a name, and inches of one
_PANEL, _BELOW = 4.4, 0.62  # inches
_MOST_NAMED = 12
"""More folds than this have no names of their own in the figure."""


@dataclass(frozen=True)
class Point:
    """The score of one cell, in the unit of the axis."""

    fold: int | None
    seed: int
    value: float


@dataclass(frozen=True)
class ArmPoints:
    """The scores of an arm's cells.

    Attributes:
        mean: None where nobody knows it.
        interval: of the mean, 95 %; None where the data cannot tell one.
        words: what stands at its right.
    """

    name: str
    points: Sequence[Point]
    mean: float | None
    interval: tuple[float, float] | None
    words: str


def points(
    arms: Sequence[ArmPoints], *, axis: str, chance: float | None, title: str, stamp: str | None = None
) -> Figure:
    """The score of each cell, folds below each other and seeds side by side, with mean and interval of each arm.

    Args:
        arms: in the order in which they are shown.
        axis: what is measured.
        chance: what guessing would give, in the unit of the axis; drawn where it is in sight.
        title: what is shown.
        stamp: a warning such as ``"SYNTHETIC DATA"``, or None.
    """
    folds = sorted({point.fold for arm in arms for point in arm.points if point.fold is not None})
    named = 1 < len(folds) <= _MOST_NAMED
    names = shortened([arm.name for arm in arms], _LONGEST)
    left = 0.3 + _CHARACTER * max(map(len, names))
    right = 0.25 + _CHARACTER * max(len(arm.words) for arm in arms)
    row = max(0.42, 0.11 * len(folds) + 0.2)
    note = "One point is one cell: a seed on a fold. Bands are 95 % intervals of the mean, upright lines the means."
    note += " Dashed: chance." if chance is not None else ""
    note += "" if named or len(folds) < 2 else f" {len(folds)} folds lie below each other, the first on top."
    legend = 0.3 if named else 0.0
    canvas = Canvas(left + _PANEL + right, _BELOW + row * len(arms) + 0.1 + legend, title=title, note=note, stamp=stamp)
    axes = canvas.axes(left, _BELOW, _PANEL, row * len(arms))
    axes.set_ylim(len(arms) - 0.5, -0.5)
    for place, arm in enumerate(arms):
        _draw(axes, arm, place, folds)
    axes.margins(x=0.05)
    axes.autoscale_view(scaley=False)
    if chance is not None and axes.get_xlim()[0] <= chance <= axes.get_xlim()[1]:
        axes.axvline(chance, color=GREY, linestyle="--", linewidth=0.9)
    if named:
        _name_folds(axes, folds)
    _finish(axes, names, axis)
    return canvas.figure


def _draw(axes: Axes, arm: ArmPoints, place: int, folds: Sequence[int]) -> None:
    if arm.interval is not None:
        low, high = arm.interval
        axes.fill_between([low, high], place - 0.42, place + 0.42, color="#DCE4EB", linewidth=0, zorder=1)
    if arm.mean is not None:
        axes.plot([arm.mean] * 2, [place - 0.42, place + 0.42], color=INK, linewidth=1.6, zorder=2)
    for number, fold in enumerate(folds or [None]):
        shift = 0.0 if len(folds) < 2 else -0.32 + 0.64 * number / (len(folds) - 1)
        values = [point.value for point in arm.points if point.fold == fold or len(folds) < 2]
        colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number // len(COLOURS) % len(MARKERS)]
        axes.plot(
            values, [place + shift] * len(values), marker, color=colour, markersize=4.2, alpha=0.75,
            markeredgecolor="white", markeredgewidth=0.4, linestyle="none", zorder=3, gid="cells",
        )  # fmt: skip
    axes.text(
        1 + 0.12 / _PANEL, place, arm.words, transform=axes.get_yaxis_transform(), va="center", size=8.5, color=INK
    )


def _name_folds(axes: Axes, folds: Sequence[int]) -> None:
    for number, fold in enumerate(folds):
        colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number // len(COLOURS) % len(MARKERS)]
        axes.plot([], [], marker, color=colour, markersize=5, linestyle="none", label=str(fold))
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=_MOST_NAMED, frameon=False, fontsize=8,
        handletextpad=0.05, columnspacing=0.7, borderaxespad=0.1,
    )  # fmt: skip
    axes.annotate(
        "fold", (0, 1), (-4, 5), xycoords="axes fraction", textcoords="offset points", ha="right", size=8, color=GREY
    )


def _finish(axes: Axes, names: Sequence[str], axis: str) -> None:
    axes.set_yticks(range(len(names)), names, fontsize=8.5)
    axes.set_xlabel(axis, color=GREY, labelpad=6)
    axes.xaxis.set_major_locator(MaxNLocator(7))
    axes.grid(axis="x", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0)
