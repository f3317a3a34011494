"""What the arms of a comparison cost, as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from qplug.lab.figures.style import BLUE, GREY, INK, ORANGE, RULE, Canvas, shortened

_LONGEST, _CHARACTER = 34, 0.073  # characters of a name, and inches of one
_PANEL, _GAP, _ROW, _BELOW = 1.75, 0.62, 0.36, 0.3  # inches


@dataclass(frozen=True)
class Panel:
    """One kind of cost.

    Attributes:
        title: what it is, with its unit.
        values: of each arm; None where there is nothing of the kind.
        beyond: a second number of each arm, such as the gates after transpilation.
    """

    title: str
    values: Sequence[float | None]
    beyond: Sequence[float | None] = ()


def cost(names: Sequence[str], panels: Sequence[Panel], *, title: str, note: str, stamp: str | None = None) -> Figure:
    """Each kind of cost in a panel with a logarithmic axis, one row per arm, every number written beside its mark.

    Args:
        names: of the arms.
        panels: those that hold any number.
        title: what is shown.
        note: how to read it.
        stamp: a warning such as ``"SYNTHETIC DATA"``, or None.
    """
    short = shortened(names, _LONGEST)
    left = 0.3 + _CHARACTER * max(map(len, short))
    width = left + len(panels) * (_PANEL + _GAP)
    room = _ROW * len(names)
    canvas = Canvas(width, _BELOW + room + 0.3, title=title, note=note, stamp=stamp)
    for number, panel in enumerate(panels):
        axes = canvas.axes(left + number * (_PANEL + _GAP), _BELOW, _PANEL, room)
        _draw(axes, panel, len(names))
        axes.set_yticks(range(len(names)), short if number == 0 else [""] * len(names), fontsize=8.5)
    return canvas.figure


def _draw(axes: Axes, panel: Panel, n: int) -> None:
    numbers = [value for value in (*panel.values, *panel.beyond) if value]
    axes.set_xscale("log")
    low, high = (min(numbers), max(numbers)) if numbers else (1.0, 10.0)
    axes.set_xlim(low / 1.6, max(high, low * 8) * 1.6)
    axes.set_ylim(n - 0.5, -0.5)
    for row, value in enumerate(panel.values):
        beyond = panel.beyond[row] if panel.beyond else None
        _mark(axes, row, value, beyond)
    axes.set_title(panel.title, loc="left", fontsize=8.5, pad=5)
    axes.grid(axis="x", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.minorticks_off()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0, labelbottom=False)


def _mark(axes: Axes, row: int, value: float | None, beyond: float | None) -> None:
    if not value:
        axes.text(0.02, row, "–" if value is None else "0", transform=axes.get_yaxis_transform(), va="center",
                  size=8.5, color=GREY)  # fmt: skip
        return
    axes.plot([value], [row], "o", color=BLUE, markersize=5.5, gid="cost")
    last, words = value, short_number(value)
    if beyond is not None:
        last, words = max(value, beyond), f"{words} → {short_number(beyond)}"
        if beyond:
            axes.plot([value, beyond], [row, row], color=GREY, linewidth=1, zorder=1)
            axes.plot([beyond], [row], "D", color=ORANGE, markersize=4.8)
    axes.annotate(words, (last, row), (6, 0), textcoords="offset points", va="center", size=8.5, color=INK)


def short_number(value: float) -> str:
    """A number with three digits, or all of them where it is whole: 0.0123, 4.56, 78.9, 1,234."""
    if value >= 100 or value == round(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"
