"""Circuits as JSON text.

An object with ``format`` ("qplug-circuit"), ``version`` (1), ``n_qubits``, ``gates`` ([name, wires, angles] each) and
``observables`` ([paulis, wires] each). An angle is a number in radians, or ``"x3"`` for encoding angle 3, or ``"w3"``
for weight angle 3.
"""

from __future__ import annotations

import json
import re
from typing import Any

from qplug.contract.circuit.model import Angle, Circuit, Encoding, Gate, Observable, Weight
from qplug.contract.errors import CircuitError, UnknownName

FORMAT = "qplug-circuit"
VERSION = 1


def dump(circuit: Circuit) -> str:
    """JSON text of a circuit; ``load`` gives back an equal one."""
    return json.dumps(
        {
            "format": FORMAT,
            "version": VERSION,
            "n_qubits": circuit.n_qubits,
            "gates": [[gate.name, gate.wires, [_written(angle) for angle in gate.angles]] for gate in circuit.gates],
            "observables": [[observable.paulis, observable.wires] for observable in circuit.observables],
        }
    )


def load(text: str) -> Circuit:
    """The circuit that ``dump`` wrote.

    Raises:
        CircuitError: the text is not JSON, not a circuit, of a later version, or the circuit is malformed.
    """
    try:
        return _circuit(_parsed(text))
    except RecursionError as error:
        raise CircuitError("the JSON text is no circuit: it is nested too deeply.") from error


def _circuit(whole: dict[str, Any]) -> Circuit:
    try:
        gates = tuple(_gate(position, entry) for position, entry in enumerate(whole["gates"]))
        observables = tuple(_observable(position, entry) for position, entry in enumerate(whole["observables"]))
        return Circuit(whole["n_qubits"], gates, observables)
    except (KeyError, TypeError) as error:
        raise CircuitError(
            f"the JSON text is not a whole circuit ({error}). It needs n_qubits, gates and observables."
        ) from error


def _parsed(text: str) -> dict[str, Any]:
    try:
        whole = json.loads(text)
    except ValueError as error:
        raise CircuitError(f"the circuit is not JSON: {error}.") from error
    if not isinstance(whole, dict) or whole.get("format") != FORMAT:
        raise CircuitError(f'the JSON text is not a circuit: it needs "format": "{FORMAT}".')
    if whole.get("version") != VERSION:
        raise CircuitError(
            f"the circuit has format version {whole.get('version')!r}; this qplug reads version {VERSION}. "
            "Upgrade qplug if the file is newer."
        )
    return whole


def _gate(position: int, entry: Any) -> Gate:
    try:
        name, wires, angles = entry
        return Gate(name, tuple(wires), tuple(_read(angle) for angle in angles))
    except (CircuitError, UnknownName, TypeError, ValueError, OverflowError) as error:
        raise CircuitError(f"gate {position} ({entry!r}): {error}") from error


def _observable(position: int, entry: Any) -> Observable:
    try:
        paulis, wires = entry
        return Observable(paulis, tuple(wires))
    except (CircuitError, TypeError, ValueError) as error:
        raise CircuitError(f"observable {position} ({entry!r}): {error}") from error


def _written(angle: Angle) -> float | str:
    return angle if isinstance(angle, float) else str(angle)


def _read(angle: Any) -> Angle:
    if not isinstance(angle, str):
        number: Angle = angle  # Gate checks it
        return number
    found = re.fullmatch(r"([xw])(\d+)", angle)
    if not found:
        raise CircuitError(f"the angle {angle!r} must be a number, or x or w and an index, such as 'x3'.")
    return (Encoding if found[1] == "x" else Weight)(int(found[2]))
