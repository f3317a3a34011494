"""Circuits as matplotlib figures; the only module of the contract that draws with it, and only when called."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from qplug.circuits.drawn_text import (
    CONTROL,
    CROSS,
    TARGET,
    columns,
    end_labels,
    observable_list,
    span,
    symbols,
)
from qplug.contract.circuit.model import Circuit, Encoding, Gate, Weight

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INCHES = 0.44  # one unit of length: the distance of two wires
PAGE = 25.0  # units after which the circuit folds
LEGEND = 14.5  # units that the legend needs
LINE = "#4a4a4a"
STAMP = "#b3261e"
FILLS = {"encoding": ("#d6e8f7", "#1f6aa5"), "weight": ("#fde4cb", "#c2691a"), "fixed": ("#efefef", "#6b6b6b")}
MEANINGS = {
    "encoding": "encoding angle x: differs per sample",
    "weight": "weight angle w: shared by all samples",
    "fixed": "no angle, or a constant one",
}


def figure(circuit: Circuit, *, title: str = "", stamp: str = "") -> Figure:
    """The circuit as a figure, blue for encoding and orange for weight angles, folded into rows if it is long.

    Args:
        circuit: what is drawn.
        title: stands above, with the circuit's size below it; a figure without one has no head.
        stamp: a warning such as ``"LEAKY"`` above the title.
    """
    from matplotlib.figure import Figure

    rows = list(_folded(columns(circuit)))
    ends = end_labels(circuit)
    margin = 2.0 + 0.3 * max(map(len, ends.values()), default=0)
    width = max(LEGEND, max(sum(_width(column) for column in row) for row in rows) + margin)
    observables = [] if ends else textwrap.wrap(observable_list(circuit), int(width * 6), break_on_hyphens=False)
    row_height = circuit.n_qubits + 0.6
    bottom = -len(rows) * row_height - 0.5 * len(observables)
    head = _head(circuit, width * INCHES, title, stamp)
    body = (1.1 - bottom) * INCHES
    height = body + sum(room for *_, room in head)
    drawn = Figure(figsize=(width * INCHES, height), dpi=150)
    axes = drawn.add_axes((0, 0, 1, body / height))
    axes.set(xlim=(0, width), ylim=(bottom - 0.3, 0.8))
    axes.axis("off")
    _write_head(drawn, head)
    for number, row in enumerate(rows):
        _row(axes, circuit, row, -number * row_height, ends if number == len(rows) - 1 else {})
    for number, line in enumerate(observables):
        _write(axes, 0.5, 0.1 - len(rows) * row_height - 0.5 * number, line, 7, ha="left")
    _legend(axes, circuit)
    return drawn


def size_text(circuit: Circuit) -> str:
    """Qubits, depth and gate counts in one line, such as ``2 qubits, depth 3, 4 gates: 2 ry, 1 cx, 1 rz``."""
    counts = circuit.gate_counts
    gates = ", ".join(f"{count} {name}" for name, count in counts.items())
    sizes = ((circuit.n_qubits, "qubit"), (sum(counts.values()), "gate"))
    qubits, total = (f"{size} {what}" + ("s" if size != 1 else "") for size, what in sizes)
    return f"{qubits}, depth {circuit.depth}, {total}" + (f": {gates}" if gates else "")


def _head(circuit: Circuit, width: float, title: str, stamp: str) -> list[tuple[str, dict[str, Any], float]]:
    """Texts from above, each with its style and the room that it takes, in inches: stamp, title, size."""
    if not title and not stamp:
        return []
    box = {"boxstyle": "round,pad=0.35", "facecolor": STAMP, "edgecolor": "none"}
    lines = textwrap.wrap(title, int((width - 0.3) * 9.8))
    size = textwrap.wrap(size_text(circuit), int((width - 0.3) * 13.6))
    found = [
        (stamp, {"size": 9.5, "weight": "bold", "color": "white", "bbox": box}, 0.4),
        ("\n".join(lines), {"size": 12, "weight": "bold", "color": "#1f2328"}, 0.22 * len(lines) + 0.03),
        ("\n".join(size), {"size": 8.5, "color": "#59636e"}, 0.16 * len(size)),
    ]
    return [("", {}, 0.16), *((text, style, room) for text, style, room in found if text), ("", {}, 0.12)]


def _write_head(drawn: Figure, head: list[tuple[str, dict[str, Any], float]]) -> None:
    width, height = drawn.get_size_inches()
    top = 0.0
    for text, style, room in head:
        # A stamp's box reaches beyond its text.
        left, down = (0.2, 0.03) if "bbox" in style else (0.14, 0.0)
        drawn.text(
            left / width,
            1 - (top + down) / height,
            text,
            va="top",
            linespacing=1.25,
            parse_math=False,
            usetex=False,
            **style,
        )
        top += room


def _folded(laid: list[list[Gate]]) -> Iterator[list[list[Gate]]]:
    row: list[list[Gate]] = []
    size = 0.0
    for column in laid:
        if row and size + _width(column) > PAGE:
            yield row
            row, size = [], 0.0
        row.append(column)
        size += _width(column)
    yield row


def _width(column: list[Gate]) -> float:
    """Units that a column takes: little for bare signs, more for long angles."""
    return max(_box_width(*symbol) for gate in column for symbol in symbols(gate)) + 0.25


def _box_width(name: str, angles: str) -> float:
    if name in (CONTROL, TARGET, CROSS):
        return 0.45
    return max(0.72, 0.21 * len(name) + 0.2, 0.155 * len(angles) + 0.2)


def _row(axes: Axes, circuit: Circuit, row: list[list[Gate]], top: float, ends: dict[int, str]) -> None:
    left = 1.0
    right = left + sum(_width(column) for column in row) + 0.3
    for wire in range(circuit.n_qubits):
        axes.plot([left - 0.3, right], [top - wire] * 2, color=LINE, lw=0.8, zorder=1)
        _write(axes, left - 0.45, top - wire, str(wire), 8, ha="right")
        _write(axes, right + 0.12, top - wire, ends.get(wire, ""), 8, ha="left")
    for column in row:
        for gate in column:
            _gate(axes, gate, left + _width(column) / 2, top)
        left += _width(column)


def _gate(axes: Axes, gate: Gate, x: float, top: float) -> None:
    fill, edge = FILLS[_kind(gate)]
    wires = span(gate)
    if len(wires) > 1:
        axes.plot([x, x], [top - wires[0], top - wires[-1]], color=edge, lw=1.2, zorder=2)
    for wire, (name, angles) in zip(gate.wires, symbols(gate), strict=True):
        y = top - wire
        if name in (CONTROL, TARGET, CROSS):
            _sign(axes, name, x, y, edge)
        else:
            _box(axes, name, angles, x, y, fill, edge)


def _kind(gate: Gate) -> str:
    if any(isinstance(angle, Encoding) for angle in gate.angles):
        return "encoding"
    return "weight" if any(isinstance(angle, Weight) for angle in gate.angles) else "fixed"


def _sign(axes: Axes, name: str, x: float, y: float, edge: str) -> None:
    from matplotlib.patches import Circle

    arms: list[tuple[tuple[float, float], tuple[float, float]]] = []
    if name == CONTROL:
        axes.add_patch(Circle((x, y), 0.1, color=edge, zorder=3))
    elif name == TARGET:
        axes.add_patch(Circle((x, y), 0.19, facecolor="white", edgecolor=edge, lw=1.2, zorder=3))
        arms = [((x - 0.19, x + 0.19), (y, y)), ((x, x), (y - 0.19, y + 0.19))]
    else:
        arms = [((x - 0.13, x + 0.13), (y - 0.13, y + 0.13)), ((x - 0.13, x + 0.13), (y + 0.13, y - 0.13))]
    for horizontal, vertical in arms:
        axes.plot(horizontal, vertical, color=edge, lw=1.2, zorder=4)


def _box(axes: Axes, name: str, angles: str, x: float, y: float, fill: str, edge: str) -> None:
    from matplotlib.patches import FancyBboxPatch

    width, height = _box_width(name, angles), 0.72
    style = "round,pad=0,rounding_size=0.08"
    corner = (x - width / 2, y - height / 2)
    axes.add_patch(FancyBboxPatch(corner, width, height, boxstyle=style, facecolor=fill, edgecolor=edge, zorder=3))
    _write(axes, x, y + (0.14 if angles else 0), name, 7.5)
    if angles:
        _write(axes, x, y - 0.18, angles, 5.5, color=edge)


def _legend(axes: Axes, circuit: Circuit) -> None:
    """Says what the colours mean that occur."""
    from matplotlib.patches import Patch

    kinds = {_kind(gate) for gate in circuit.gates}
    patches = [
        Patch(facecolor=FILLS[kind][0], edgecolor=FILLS[kind][1], label=MEANINGS[kind])
        for kind in FILLS
        if kind in kinds
    ]
    if patches:
        axes.legend(handles=patches, loc="lower left", fontsize=6.5, frameon=False, ncols=len(patches))


def _write(axes: Axes, x: float, y: float, content: str, size: float, **options: Any) -> None:
    style: dict[str, Any] = {
        "ha": "center",
        "va": "center",
        "fontsize": size,
        "color": "#222222",
        "zorder": 5,
        "parse_math": False,
        "usetex": False,
    } | options
    axes.text(x, y, content, **style)
