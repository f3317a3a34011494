"""One look for all figures: quiet, readable at 600 pixels and in print, and with any kind of colour vision."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

BLUE, ORANGE, RED = "#0B5FA5", "#D9730D", "#B3261E"
COLOURS = (BLUE, ORANGE, "#2A8C5A", RED, "#7B4FB0", "#8A5A2B", "#D6569B", "#59636E", "#A89B00", "#1AA6B7")
"""For classes; told apart with most kinds of colour vision, and by their markers where they repeat."""
MARKERS = ("o", "s", "^", "D", "v")
INK, GREY, RULE = "#1F2328", "#59636E", "#D1D9E0"

_SETTINGS: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "axes.edgecolor": RULE,
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.linewidth": 0.8,
    "axes.titlesize": 9.5,
    "text.color": INK,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.usetex": False,
    "text.parse_math": False,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
}


class PlainFigure(Figure):
    """A figure in which no text is mathematics or TeX: names of users may hold dollar signs."""

    def draw(self, renderer: RendererBase) -> None:
        """As any figure is drawn, but every text as it is; labels of ticks are made while it is drawn."""
        with rc_context({"text.parse_math": False, "text.usetex": False}):
            for text in self.findobj(Text):
                assert isinstance(text, Text)
                text.set_parse_math(False)
                text.set_usetex(False)
            super().draw(renderer)


class Canvas:
    """A figure with a title, a line below it, and room for axes; nothing global is touched.

    Args:
        width: in inches.
        height: in inches, of the room for axes; the head comes on top.
        title: what is shown.
        note: one line that says how to read it.
        stamp: a warning such as ``"SYNTHETIC DATA"`` or ``"LEAKY"`` that nobody can overlook.
    """

    def __init__(self, width: float, height: float, *, title: str, note: str, stamp: str | None) -> None:
        self.width, self.body = width, height
        # A line that is full ends with a dot; none begins with one.
        title_lines = _wrap(title.replace(" · ", "\N{NO-BREAK SPACE}· "), int((width - 0.3) * 9.8))
        note_lines = _wrap(note, int((width - 0.3) * 13.6))
        self._head = 0.24 + 0.22 * len(title_lines) + 0.16 * len(note_lines) + (0.34 if stamp else 0.0)
        self.height = height + self._head
        with rc_context(_SETTINGS):
            self.figure = PlainFigure(figsize=(width, self.height))
            FigureCanvasAgg(self.figure)
            self._write_head(title_lines, note_lines, stamp)

    def axes(self, left: float, bottom: float, width: float, height: float) -> Axes:
        """Axes at a place of the body, in inches from its lower left corner."""
        place = (left / self.width, bottom / self.height, width / self.width, height / self.height)
        with rc_context(_SETTINGS):
            return self.figure.add_axes(place)

    def _write_head(self, title: list[str], note: list[str], stamp: str | None) -> None:
        top = 0.14
        if stamp:
            box = {"boxstyle": "round,pad=0.35", "facecolor": RED, "edgecolor": "none"}
            self._text(0.2, top + 0.1, stamp, color="white", size=9.5, weight="bold", bbox=box, va="center")
            top += 0.34
        self._text(0.14, top, "\n".join(title), size=12, weight="bold", va="top", linespacing=1.25)
        top += 0.22 * len(title) + 0.03
        self._text(0.14, top, "\n".join(note), size=8.5, color=GREY, va="top", linespacing=1.25)

    def _text(self, left: float, top: float, text: str, **how: Any) -> None:
        self.figure.text(left / self.width, 1 - top / self.height, text, **how)


def shortened(names: Sequence[str], length: int) -> list[str]:
    """The names with at most ``length`` characters, cut so that those that differ still do, wherever they differ.

    The end is left out; where names then look alike the start, else the middle, which may not tell all of them apart.
    """
    middle = length // 3
    cuts: tuple[Callable[[str], str], ...] = (
        lambda name: f"{name[: length - 1]}…",
        lambda name: f"…{name[1 - length :]}",
        lambda name: f"{name[:middle]}…{name[middle + 1 - length :]}",
    )
    found = list(names)
    for cut in cuts:
        found = [name if len(name) <= length else cut(name) for name in names]
        if len(set(found)) == len(set(names)):
            break
    return found


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width) or [""]
