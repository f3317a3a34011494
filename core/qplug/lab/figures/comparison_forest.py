"""How arms of a comparison differ, and what of a circuit's credit is left, as figures of intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from qplug.lab.figures.style import BLUE, COLOURS, GREY, INK, ORANGE, RULE, Canvas, shortened

Interval = tuple[float, float]

_LOOK = {"better": (BLUE, "^"), "worse": (ORANGE, "v"), "equivalent": (COLOURS[2], "s"), "undecided": (GREY, "o")}
"""Colour and marker of each verdict; the marker tells it where colour does not."""
_LONGEST, _CHARACTER = 34, 0.073  # characters of a name, and inches of one
_LINE, _PANEL, _BELOW = 0.27, 4.0, 0.62  # inches


@dataclass(frozen=True)
class Line:
    """One line of a figure of intervals.

    Attributes:
        group: what stands above the lines that belong together.
        name: what stands beside it.
        value: where its mark is; None where nobody knows.
        interval: 95 %; None where the data cannot tell one.
        inner: 90 %, drawn thicker; None where there is none.
        verdict: one of better, worse, equivalent, undecided.
        words: what stands at its right.
    """

    group: str
    name: str
    value: float | None
    interval: Interval | None
    verdict: str
    words: str
    inner: Interval | None = None


def forest(
    lines: Sequence[Line], *, margin: float, axis: str, told_margin: str, title: str, stamp: str | None = None
) -> Figure:
    """Differences with their intervals, those of one arm together and the largest first; the margin is shaded.

    Args:
        lines: differences, in the unit of the axis.
        margin: within which two arms count as equal, in the same unit.
        axis: what is measured, and which side is good.
        told_margin: the margin as it is written, for the note.
        title: what is shown.
        stamp: a warning such as ``"SYNTHETIC DATA"``, or None.
    """
    note = f"Thin lines are 95 % intervals, thick ones 90 %. Shaded: the margin of {told_margin}. "
    note += "Words are verdicts after Holm's correction; the order of the lines decides nothing."
    ordered = sorted(lines, key=lambda line: float("inf") if line.value is None else -line.value)
    canvas, axes = _frame(_grouped(lines, ordered), axis=axis, title=title, note=note, stamp=stamp)
    _fit(axes, ordered, (-1.25 * margin, 1.25 * margin))
    axes.axvspan(-margin, margin, color="#E8EEF3", zorder=0, gid="margin")
    axes.axvline(0, color=INK, linewidth=0.9, zorder=1)
    return canvas.figure


def credit(lines: Sequence[Line], *, title: str, stamp: str | None = None) -> Figure:
    """How much of each head's score above chance is left when its circuit is rewritten, in percent.

    Args:
        lines: shares kept, in percent, in the order in which they are shown.
        title: what is shown.
        stamp: a warning such as ``"SYNTHETIC DATA"``, or None.
    """
    note = "100 %: the head is as good without what was taken from its circuit. 0 %: all it had above chance is gone. "
    note += "Lines are 95 % intervals."
    axis = "share of the score above chance that is kept, %"
    canvas, axes = _frame(_grouped(lines, lines), axis=axis, title=title, note=note, stamp=stamp)
    _fit(axes, lines, (-5, 105))
    for place, style in ((0, "-"), (100, "--")):
        axes.axvline(place, color=INK, linewidth=0.9, linestyle=style, zorder=1)
    return canvas.figure


def _grouped(given: Sequence[Line], ordered: Sequence[Line]) -> list[tuple[str, list[Line]]]:
    """The lines of each group, groups as they were given and lines as they are ordered."""
    groups = list(dict.fromkeys(line.group for line in given))
    return [(group, [line for line in ordered if line.group == group]) for group in groups]


def _frame(
    groups: Sequence[tuple[str, list[Line]]], *, axis: str, title: str, note: str, stamp: str | None
) -> tuple[Canvas, Axes]:
    lines = [line for _, each in groups for line in each]
    names = dict(zip((line.name for line in lines), shortened([line.name for line in lines], _LONGEST), strict=True))
    heads = dict(zip((group for group, _ in groups), shortened([group for group, _ in groups], 60), strict=True))
    left = 0.3 + _CHARACTER * max(map(len, names.values()), default=0)
    right = 0.25 + _CHARACTER * max((len(line.words) for line in lines), default=0)
    room = _LINE * (len(lines) + 1.25 * len(groups)) + 0.1
    canvas = Canvas(left + _PANEL + right, _BELOW + room + 0.1, title=title, note=note, stamp=stamp)
    axes = canvas.axes(left, _BELOW, _PANEL, room)
    axes.set_ylim(0, room)
    places = []
    top = room
    for group, each in groups:
        top -= _LINE * 0.8
        shift = (-left + 0.14) / _PANEL
        axes.text(shift, top, heads[group], transform=axes.get_yaxis_transform(), va="center", weight="bold", size=9)
        top -= _LINE * 0.05
        for line in each:
            top -= _LINE
            places.append((top, names[line.name]))
            _mark(axes, line, top)
        top -= _LINE * 0.4
    axes.set_yticks([place for place, _ in places], [name for _, name in places], fontsize=8.5)
    axes.set_xlabel(axis, color=GREY, labelpad=6)
    axes.xaxis.set_major_locator(MaxNLocator(7))
    axes.grid(axis="x", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0)
    return canvas, axes


def _mark(axes: Axes, line: Line, place: float) -> None:
    colour, marker = _LOOK[line.verdict]
    for interval, width in ((line.interval, 1.2), (line.inner, 3.2)):
        if interval is not None:
            axes.plot(interval, [place, place], color=colour, linewidth=width, solid_capstyle="butt", zorder=2)
    if line.value is not None:
        face = "white" if line.verdict == "undecided" else colour
        axes.plot([line.value], [place], marker, color=colour, markerfacecolor=face, markersize=6, zorder=3)
    axes.text(
        1 + 0.12 / _PANEL, place, line.words,
        transform=axes.get_yaxis_transform(), va="center", size=8.5, color=INK if line.verdict != "undecided" else GREY,
    )  # fmt: skip


def _fit(axes: Axes, lines: Sequence[Line], least: Interval) -> None:
    """Shows all that is drawn, and at least what is asked for."""
    seen = [*least, *_numbers(lines)]
    room = 0.05 * (max(seen) - min(seen)) or 1.0
    axes.set_xlim(min(seen) - room, max(seen) + room)


def _numbers(lines: Sequence[Line]) -> Iterator[float]:
    for line in lines:
        yield from () if line.value is None else (line.value,)
        yield from line.interval or ()
        yield from line.inner or ()
