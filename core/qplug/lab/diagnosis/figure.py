"""A diagnosis as a figure: gradients, states and entanglement by size, and the ladder of scales."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator, PercentFormatter

from qplug.lab.diagnosis.diagnosis import Diagnosis, SizeFacts
from qplug.lab.figures.style import BLUE, COLOURS, GREY, MARKERS, ORANGE, RED, RULE, Canvas

_WIDTH, _LEFT, _GAP, _RIGHT = 9.6, 0.85, 1.45, 1.0  # in inches, as all lengths here
_COLUMN = (_WIDTH - _LEFT - _GAP - _RIGHT) / 2
_PANEL = 2.3
_APART = 0.085
"""Of the height of a panel, between two names."""


def figure(diagnosis: Diagnosis) -> Figure:
    """The figure of a diagnosis."""
    height = 2 * _PANEL + 1.75
    title = f"Diagnosis of {diagnosis.head}"
    canvas = Canvas(_WIDTH, height, title=title, note=diagnosis.prediction.sentence, stamp=None)
    right, upper, lower = _LEFT + _COLUMN + _GAP, height - 0.4 - _PANEL, 0.55
    _by_size(
        canvas.axes(_LEFT, upper, _COLUMN, _PANEL), diagnosis, "variance of a slope", lambda s: s.gradients.variance,
        lambda s: s.gradients.error, log=True,
    )  # fmt: skip
    _by_size(
        canvas.axes(right, upper, _COLUMN, _PANEL), diagnosis, "KL from Haar (nats)", lambda s: s.states.expressibility,
        lambda s: s.states.expressibility_error, log=True,
    )  # fmt: skip
    _by_size(
        canvas.axes(_LEFT, lower, _COLUMN, _PANEL), diagnosis, "Meyer-Wallach Q", lambda s: s.states.entangling,
        lambda s: s.states.entangling_error, log=False,
    )  # fmt: skip
    _ladder(canvas.axes(right, lower, _COLUMN, _PANEL), diagnosis)
    return canvas.figure


def _by_size(
    axes: Axes,
    diagnosis: Diagnosis,
    label: str,
    value: Callable[[SizeFacts], float],
    error: Callable[[SizeFacts], float],
    *,
    log: bool,
) -> None:
    numbers = list(dict.fromkeys(size.n_layers for size in diagnosis.sizes))
    ends: dict[str, tuple[float, str]] = {}
    for place, n_layers in enumerate(numbers):
        mine = [size for size in diagnosis.sizes if size.n_layers == n_layers and (value(size) > 0 or not log)]
        if not mine:
            continue
        colour, values = COLOURS[place % len(COLOURS)], [value(size) for size in mine]
        axes.errorbar(
            [size.n_qubits for size in mine], values, [error(size) for size in mine], color=colour, linewidth=1.5,
            marker=MARKERS[place % len(MARKERS)], markersize=4, elinewidth=0.8,
        )  # fmt: skip
        if n_layers is not None:
            ends[f"{n_layers} layer{'s' * (n_layers != 1)}"] = (values[-1], colour)
    if log:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(numticks=7))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:g}"))
    axes.set_xlabel("qubits", color=GREY)
    _finish(axes, label)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
    if not log:
        axes.set_ylim(-0.02, 1.05)
    _name_ends(axes, ends)


def _name_ends(axes: Axes, ends: dict[str, tuple[float, str]]) -> None:
    """Each line's name at its end, moved apart where the ends meet."""
    to_place = (axes.transData + axes.transAxes.inverted()).transform
    rising = sorted(ends.items(), key=lambda item: item[1][0])
    places: list[float] = []
    for _, (end, _) in rising:
        places.append(max(places[-1] + _APART if places else 0.0, float(to_place((1, end))[1])))
    ceiling = 1.0
    for number in reversed(range(len(places))):
        places[number] = min(places[number], ceiling)
        ceiling = places[number] - _APART
    for place, (name, (_, colour)) in zip(places, rising, strict=True):
        axes.text(1.02, place, name, transform=axes.transAxes, color=colour, size=8, va="center")


def _ladder(axes: Axes, diagnosis: Diagnosis) -> None:
    scales = diagnosis.scales
    rungs = [rung for rung in scales.ladder if rung.scale is not None]
    if not rungs:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no scale to set", transform=axes.transAxes, ha="center", color=GREY)
        return
    places = [rung.scale or 0.0 for rung in rungs]
    lines: Sequence[tuple[str, str, list[float]]] = (
        ("linear", BLUE, [rung.linear_share for rung in rungs]),
        ("saturated", RED, [rung.saturated for rung in rungs]),
        ("spread of ⟨Z⟩", ORANGE, [rung.output_spread for rung in rungs]),
    )
    axes.set_xscale("log", base=2)
    for _, colour, values in lines:
        axes.plot(places, values, color=colour, linewidth=1.6, marker="o", markersize=3.5)
    axes.set_ylim(-0.03, 1.05)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:.2g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(f"{scales.target} (dotted: as set; grey: recommended)", color=GREY)
    axes.axvline(scales.current.scale or 0.0, color=GREY, linewidth=1, linestyle=":")
    best = scales.recommended
    if best is not None and best.scale is not None:
        axes.axvspan(best.scale / 2**0.25, best.scale * 2**0.25, color=RULE, alpha=0.6, linewidth=0)
    _finish(axes, "share")
    _name_ends(axes, {name: (values[-1], colour) for name, colour, values in lines})


def _finish(axes: Axes, label: str) -> None:
    axes.set_ylabel(label, color=GREY)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=0)
