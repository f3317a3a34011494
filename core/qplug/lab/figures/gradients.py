"""How large the gradients were, in the circuits and elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from qplug.lab.figures.style import BLUE, GREY, ORANGE, RULE, Canvas

_COLOURS = {"classical": ORANGE, "quantum": BLUE}
_LEFT, _WIDTH, _RIGHT, _BELOW, _HEIGHT = 0.72, 4.9, 1.0, 0.55, 2.4  # inches


def has_quantum_gradients(history: Sequence[Mapping[str, float]]) -> bool:
    """Whether circuits were trained in that history."""
    return bool(history) and all(row.get("gradient_norm_quantum", 0) > 0 for row in history)


def gradient_norms(
    history: Sequence[Mapping[str, float]], *, title: str = "Gradients", stamp: str | None = None
) -> Figure:
    """The norms of the gradients of quantum and classical parameters over the epochs, on a logarithmic scale.

    Gradients of circuits that shrink with their size, or over the epochs long before the loss is low, are what a
    barren plateau looks like.

    Args:
        history: one row per epoch with ``epoch``, ``gradient_norm_quantum`` and, where classical parameters are
            trained, ``gradient_norm_classical``.
        title: what is shown.
        stamp: a warning such as ``"SYNTHETIC DATA"``, or None.
    """
    note = "Norm of the loss's gradient before clipping, mean over the steps of an epoch."
    canvas = Canvas(_LEFT + _WIDTH + _RIGHT, _BELOW + _HEIGHT + 0.1, title=title, note=note, stamp=stamp)
    axes = canvas.axes(_LEFT, _BELOW, _WIDTH, _HEIGHT)
    axes.set_yscale("log")
    epochs = [row["epoch"] for row in history]
    marker = "o" if len(history) <= 15 else ""
    ends = {}
    for part, colour in _COLOURS.items():
        values = [row.get(f"gradient_norm_{part}", 0.0) for row in history]
        if not any(values):
            continue
        axes.plot(epochs, values, color=colour, linewidth=1.8, marker=marker, markersize=3.5)
        ends[part] = values[-1]
    axes.set_xlabel("epoch", color=GREY)
    axes.set_ylabel("gradient norm", color=GREY)
    axes.xaxis.set_major_locator(MaxNLocator(9, integer=True, min_n_ticks=1))
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 300 * low else (1,), numticks=8))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.margins(x=0.02, y=0.12)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=0)
    _name_lines(axes, ends)
    return canvas.figure


def _name_lines(axes: Axes, ends: Mapping[str, float]) -> None:
    """Each line's name at its end, moved apart where the ends meet."""
    to_place = (axes.transData + axes.transAxes.inverted()).transform
    places = {part: float(to_place((1, max(end, axes.get_ylim()[0])))[1]) for part, end in ends.items()}
    if len(places) == 2:
        upper, lower = sorted(places, key=lambda part: places[part], reverse=True)
        short = max(0.0, 0.09 - (places[upper] - places[lower]))
        places[upper] += short / 2
        places[lower] -= short / 2
    for part, place in places.items():
        axes.text(1.015, place, part, transform=axes.transAxes, color=_COLOURS[part], weight="bold", va="center")
