"""Circuits as text, and the layout that text and figure share."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from qplug.contract.circuit.model import Circuit, Encoding, Gate, Weight

CONTROL, TARGET, CROSS = "●", "⊕", "╳"
_NAMES = {"sdg": "S†", "tdg": "T†", "sx": "√X"}


def columns(circuit: Circuit) -> list[list[Gate]]:
    """The gates in columns, each as far left as the wires between its first and last are free."""
    free = [0] * circuit.n_qubits
    laid: list[list[Gate]] = []
    for gate in circuit.gates:
        wires = span(gate)
        column = max(free[wire] for wire in wires)
        for wire in wires:
            free[wire] = column + 1
        laid += [[] for _ in range(column + 1 - len(laid))]
        laid[column].append(gate)
    return laid


def span(gate: Gate) -> range:
    """The wires from a gate's first to its last."""
    return range(min(gate.wires), max(gate.wires) + 1)


def symbols(gate: Gate) -> tuple[tuple[str, str], ...]:
    """What stands on each of a gate's wires: its name or sign, and its angles.

    The angles of a gate without controls on two wires stand on the first of them only.
    """
    n_controls = len(gate.name) - len(gate.name.lstrip("c"))
    base = gate.name[n_controls:]
    angles = ",".join(angle_text(angle) for angle in gate.angles)
    if gate.name == "swap":
        return (CROSS, ""), (CROSS, "")
    if n_controls:
        target = {"x": TARGET, "z": CONTROL}.get(base, _NAMES.get(base, base.upper()))
        return ((CONTROL, ""),) * n_controls + ((target, angles),)
    name = _NAMES.get(base, base.upper())
    return ((name, angles),) + ((name, ""),) * (len(gate.wires) - 1)


def angle_text(angle: float | Encoding | Weight) -> str:
    """An angle in a few characters: ``x3``, ``w17`` or a number to three digits."""
    return f"{angle:.3g}" if isinstance(angle, float) else str(angle)


def end_labels(circuit: Circuit) -> dict[int, str]:
    """By wire, what is measured on it; empty if a Pauli string covers several wires and a list must say it."""
    if any(len(observable.wires) > 1 for observable in circuit.observables):
        return {}
    labels: dict[int, str] = {}
    for observable in circuit.observables:
        wire = observable.wires[0]
        labels[wire] = labels.get(wire, "") + f"⟨{observable.paulis}⟩"
    return labels


def observable_list(circuit: Circuit) -> str:
    """All observables in one line, where labels at the wires' ends do not do."""
    return "measured: " + ", ".join(f"⟨{observable}⟩" for observable in circuit.observables)


def text(circuit: Circuit, width: int = 100) -> str:
    """The circuit in box-drawing characters, one line per wire and one between, folded at ``width`` characters.

    Encoding angles are called x0, x1, … and weight angles w0, w1, …; ``»`` marks where a fold goes on.
    """
    label = len(str(circuit.n_qubits - 1)) + 3
    drawn = [_column(circuit.n_qubits, gates) for gates in columns(circuit)]
    ends = end_labels(circuit)
    if ends:
        drawn.append(
            _padded([ends.get(wire, "") for wire in range(circuit.n_qubits)], [" "] * circuit.n_qubits, "left")
        )
    blocks = list(_folded(drawn, width - label - 2))
    lines = []
    for number, block in enumerate(blocks):
        first, last = number == 0, number == len(blocks) - 1
        end = "─»" if not last else "" if ends else "─"
        lines += [*_block(circuit.n_qubits, block, label, "─" if first else "»", end), ""]
    if not ends:
        lines += textwrap.wrap(observable_list(circuit), width, subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join(line.rstrip() for line in lines).rstrip()


def _column(n_qubits: int, gates: list[Gate]) -> list[str]:
    """A column's lines, all of one length: wire 0, the space under it, wire 1, and so on."""
    wires, spaces = ["─"] * n_qubits, [" "] * n_qubits
    for gate in gates:
        for wire in span(gate):
            wires[wire] = "┼"
        for wire in span(gate)[:-1]:
            spaces[wire] = "│"
        for wire, (name, angles) in zip(gate.wires, symbols(gate), strict=True):
            wires[wire] = f"{name}({angles})" if angles else name
    return _padded(wires, spaces, "centre")


def _padded(wires: list[str], spaces: list[str], side: str) -> list[str]:
    size = max(map(len, wires))
    lines = []
    for wire, space in zip(wires, spaces, strict=True):
        lines += [wire.ljust(size, "─") if side == "left" else _centred(wire, size, "─"), _centred(space, size, " ")]
    return lines


def _centred(content: str, size: int, fill: str) -> str:
    left = (size - len(content)) // 2
    return fill * left + content + fill * (size - len(content) - left)


def _folded(drawn: list[list[str]], width: int) -> Iterator[list[list[str]]]:
    """Columns in blocks that are at most ``width`` wide, one column at least in each."""
    block: list[list[str]] = []
    size = 0
    for column in drawn:
        if block and size + len(column[0]) + 1 > width:
            yield block
            block, size = [], 0
        block.append(column)
        size += len(column[0]) + 1
    yield block


def _block(n_qubits: int, block: list[list[str]], label: int, start: str, end: str) -> Iterator[str]:
    for wire in range(n_qubits):
        name = f"{wire}: ".rjust(label - 1)
        yield name + start + "".join("─" + column[2 * wire] for column in block) + end
        if wire < n_qubits - 1:
            yield " " * label + "".join(" " + column[2 * wire + 1] for column in block)
