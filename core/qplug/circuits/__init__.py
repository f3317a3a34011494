"""A circuit as text, figure, OpenQASM 3 and JSON; with gates taken away; its frequencies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qplug.circuits import json_text, qasm3
from qplug.contract.circuit import Circuit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw", "figure", "from_json", "from_qasm3", "to_json", "to_qasm3"]


def to_json(circuit: Circuit) -> str:
    """The circuit as JSON text, versioned and exact."""
    return json_text.dump(circuit)


def from_json(text: str) -> Circuit:
    """The circuit that ``to_json`` wrote.

    Raises:
        CircuitError: not such a text, or one of a later version.
    """
    return json_text.load(text)


def to_qasm3(circuit: Circuit) -> str:
    """The circuit as an OpenQASM 3 program; observables stand in comments, see ``qplug.circuits.qasm3``."""
    return qasm3.dump(circuit)


def from_qasm3(text: str) -> Circuit:
    """The circuit of an OpenQASM 3 program in the subset that ``to_qasm3`` writes.

    Raises:
        CircuitError: something outside that subset, with its line and what is allowed.
    """
    return qasm3.load(text)


def draw(circuit: Circuit, *, width: int = 100) -> str:
    """The circuit as text, at most ``width`` characters wide, folded if it is longer."""
    from qplug.circuits import drawn_text

    return drawn_text.text(circuit, width)


def figure(circuit: Circuit, *, title: str = "", stamp: str = "") -> Figure:
    """The circuit as a matplotlib figure, to show or to save.

    Args:
        circuit: what is shown.
        title: stands above; qubits, depth and gate counts then stand below it. Without one there is no head.
        stamp: a warning such as ``"LEAKY"`` above the title.
    """
    from qplug.circuits import drawn_figure

    return drawn_figure.figure(circuit, title=title, stamp=stamp)
