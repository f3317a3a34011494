"""What a device answered beside the exact values, and what shots alone would do to labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from qplug.lab.figures.style import COLOURS, GREY, MARKERS, ORANGE, RULE, Canvas

_SIDE, _LEFT, _GAP, _BELOW, _RIGHT = 3.1, 0.75, 0.85, 0.6, 0.3  # inches
_NAMED = 8
"""So many observables at most are named; of more, the dots look alike."""


def verification_figure(
    exact: Sequence[NDArray[np.float64]],
    device: Sequence[NDArray[np.float64]],
    names: Sequence[str],
    curve: Sequence[tuple[int, float]],
    *,
    shots: int,
    thought: str = "",
    title: str,
    stamp: str | None = None,
) -> Figure:
    """Each expectation value of the device over the exact one, and the share of labels that shot noise flips.

    Args:
        exact: of each circuit, (row, n_observables), without shots and noise.
        device: likewise, as the device gave them.
        names: of all observables, circuit after circuit.
        curve: numbers of shots with the share of labels, in [0, 1], that they would flip.
        shots: as many as were taken.
        thought: over which samples the curve is, such as ``" over all 300 samples of the test part"``.
        title: what is shown, such as the data set, the head and the device.
        stamp: a warning such as ``"SYNTHETIC DATA"``, or None.
    """
    note = (
        f"Left: each dot is one expectation value of one sample. Grey: where 95 % of them lie if {shots:,} shots are "
        "all that differs. Right: how many labels shots alone would change, thought before anything was "
        f"sent{thought}."
    )
    canvas = Canvas(_LEFT + 2 * _SIDE + _GAP + _RIGHT, _BELOW + _SIDE + 0.35, title=title, note=note, stamp=stamp)
    left = canvas.axes(_LEFT, _BELOW, _SIDE, _SIDE)
    right = canvas.axes(_LEFT + _SIDE + _GAP, _BELOW, _SIDE, _SIDE)
    _draw_values(left, _columns(exact), _columns(device), names, shots)
    _draw_curve(right, curve, shots)
    return canvas.figure


def _columns(values: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Of each observable, circuit after circuit, its values; a circuit of a backbone may have many for a sample."""
    return [column for each in values for column in each.T]


def _draw_values(
    axes: Axes,
    exact: Sequence[NDArray[np.float64]],
    device: Sequence[NDArray[np.float64]],
    names: Sequence[str],
    shots: int,
) -> None:
    line = np.linspace(-1, 1, 201)
    width = 1.96 * np.sqrt((1 - line**2) / shots)
    axes.fill_between(line, line - width, line + width, color=RULE, linewidth=0, zorder=1)
    axes.plot(line, line, color=GREY, linewidth=0.9, linestyle=(0, (4, 3)), zorder=2)
    for number, (right, found) in enumerate(zip(exact, device, strict=True)):
        look = number if len(names) <= _NAMED else 0
        axes.plot(
            right, found, MARKERS[look % len(MARKERS)], color=COLOURS[look % len(COLOURS)],
            markersize=3.2, alpha=0.7, markeredgewidth=0, label=names[number], zorder=3,
        )  # fmt: skip
    if 1 < len(names) <= _NAMED:
        axes.legend(loc="upper left", fontsize=7.5, frameon=False, handletextpad=0.1, borderaxespad=0.2)
    for limits, values in ((axes.set_xlim, exact), (axes.set_ylim, device)):
        low, high = (float(end(np.concatenate(values))) for end in (np.min, np.max))
        margin = max(0.05, 0.08 * (high - low))
        limits(low - margin, high + margin)
    _frame(axes, "⟨P⟩ on the device", "exact ⟨P⟩", "⟨P⟩")


def _draw_curve(axes: Axes, curve: Sequence[tuple[int, float]], shots: int) -> None:
    numbers, flipped = zip(*curve, strict=True)
    axes.plot(numbers, flipped, "o-", color=COLOURS[0], markersize=4, linewidth=1.5, clip_on=False)
    axes.axvline(shots, color=ORANGE, linewidth=1.2)
    axes.set_xscale("log", base=2)
    axes.set_xticks(numbers, [f"{number:,}" for number in numbers], rotation=45, fontsize=7.5)
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    _frame(axes, f"labels changed by shots, {shots:,} taken", "shots of each sample", "")


def _frame(axes: Axes, title: str, below: str, beside: str) -> None:
    axes.set_title(title, loc="left", fontsize=9.5)
    axes.set_xlabel(below, color=GREY)
    axes.set_ylabel(beside, color=GREY)
    axes.grid(color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=0)
