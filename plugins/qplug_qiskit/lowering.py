"""A QuantumCircuit in the contract's gates, and the sums of Pauli strings that are measured on it."""

from __future__ import annotations

import cmath
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from qiskit import QuantumCircuit
from qiskit.circuit import ControlFlowOp
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import Pauli, SparsePauliOp
from qiskit.transpiler import PassManager, generate_preset_pass_manager

from qplug.contract.circuit import GATES, Observable
from qplug.contract.errors import CircuitError
from qplug.heads.readouts import LinearCombination

from .deferral import deferred
from .expressions import Value
from .refused import WITHOUT_EFFECT, refuse


@dataclass(frozen=True)
class Structure:
    """A lowered circuit without its angles' meaning; wires are counted without the idle ones.

    Attributes:
        n_wires: number of wires that a gate or an observable is on.
        gates: name and wires of each gate.
        values: every angle of every gate in turn.
        observables: the Pauli strings that are measured.
        sums: what is measured as sums of them.
    """

    n_wires: int
    gates: tuple[tuple[str, tuple[int, ...]], ...]
    values: tuple[tuple[Value, ...], ...]
    observables: tuple[Observable, ...]
    sums: LinearCombination


def structure(circuit: QuantumCircuit, observables: Sequence[Any]) -> Structure:
    """The circuit lowered, idle qubits left out: one that was made for a device has many.

    Raises:
        CircuitError: an operation or an observable that the contract cannot express.
    """
    return structure_of(lower(circuit), observables)


def structure_of(lowered: QuantumCircuit, observables: Sequence[Any]) -> Structure:
    """``structure`` of a circuit that is lowered already.

    Raises:
        CircuitError: an observable that the contract cannot express.
    """
    named = [instruction for instruction in lowered.data if instruction.operation.name not in WITHOUT_EFFECT]
    on = [tuple(lowered.find_bit(qubit).index for qubit in instruction.qubits) for instruction in named]
    strings, sums = _measured(observables)
    used = sorted({wire for wires in on for wire in wires} | {wire for string in strings for wire in string.wires})
    position = {wire: index for index, wire in enumerate(used)}
    return Structure(
        n_wires=len(used),
        gates=tuple(
            (instruction.operation.name, tuple(position[wire] for wire in wires))
            for instruction, wires in zip(named, on, strict=True)
        ),
        values=tuple(tuple(instruction.operation.params) for instruction in named),
        observables=tuple(
            Observable(string.paulis, tuple(position[wire] for wire in string.wires)) for string in strings
        ),
        sums=sums,
    )


def lower(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit decomposed into the contract's gates by Qiskit's own rules, without measurements at its end.

    Raises:
        CircuitError: an operation that the contract cannot express, by its name.
    """
    circuit = unmeasured(circuit)
    loops_first = sorted(circuit.data, key=lambda instruction: not isinstance(instruction.operation, ControlFlowOp))
    for instruction in loops_first:  # what measures for them is not what is wrong
        refuse(instruction.operation)
    try:
        lowered: QuantumCircuit = _passes().run(circuit)
    except QiskitError as error:
        raise CircuitError(
            f"Qiskit cannot decompose the circuit into a qplug circuit's gates: {error}. A gate's definition must do "
            "without the values of its parameters."
        ) from error
    for instruction in lowered.data:
        if instruction.operation.name not in GATES and instruction.operation.name not in WITHOUT_EFFECT:
            refuse(instruction.operation, "has no decomposition into gates")
    return lowered


def unmeasured(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit without measurements: those at its end left out, those that decide gates deferred.

    Raises:
        CircuitError: what decides gates, or is decided upon, that cannot be deferred.
    """
    circuit = deferred(circuit)
    return circuit.remove_final_measurements(inplace=False) or circuit


@cache
def _passes() -> PassManager:
    return generate_preset_pass_manager(optimization_level=0, basis_gates=sorted(GATES))


def _measured(operators: Sequence[SparsePauliOp]) -> tuple[list[Observable], LinearCombination]:
    """The Pauli strings that occur, on Qiskit's qubits, and how each operator is a sum of them."""
    rows: list[dict[Observable, float]] = []
    offsets: list[float] = []
    for operator in operators:
        row: dict[Observable, float] = {}
        offset = 0.0
        for letters, qubits, factor in _terms(operator):
            if letters:
                string = Observable(letters, qubits)
                row[string] = row.get(string, 0.0) + factor
            else:
                offset += factor
        rows.append(row)
        offsets.append(offset)
    strings = list(dict.fromkeys(string for row in rows for string in row))
    if not strings:
        raise CircuitError("nothing is measured; give at least one observable that is not the identity.")
    matrix = torch.tensor([[row.get(string, 0.0) for string in strings] for row in rows], dtype=torch.float64)
    return strings, LinearCombination(matrix, torch.tensor(offsets, dtype=torch.float64))


def _terms(operator: Any) -> list[tuple[str, tuple[int, ...], float]]:
    """(letters, qubits, factor) of each term; qubits ascending."""
    if isinstance(operator, Pauli):
        operator = SparsePauliOp(operator)
    if not isinstance(operator, SparsePauliOp):
        raise CircuitError(
            f"the observable {operator!r} is a {type(operator).__name__}, not a sum of Pauli strings. "
            "Convert it with SparsePauliOp.from_operator."
        )
    terms = []
    for letters, qubits, factor in operator.to_sparse_list():
        _refuse_parameter(factor, letters)
        if not cmath.isfinite(complex(factor)):
            raise CircuitError(f"the observable's factor {factor} is not finite; give a number.")
        if abs(complex(factor).imag) > 1e-12:
            raise CircuitError(f"the observable's factor {factor} is not real; an observable must be Hermitian.")
        pairs = sorted(zip(qubits, letters, strict=True))
        terms.append(("".join(letter for _, letter in pairs), tuple(qubit for qubit, _ in pairs), complex(factor).real))
    return terms


def _refuse_parameter(factor: Any, letters: str) -> None:
    names = sorted(parameter.name for parameter in getattr(factor, "parameters", ()))
    if names:
        raise CircuitError(
            f"the factor of the observable's term {letters} is {factor}, which holds the parameter {', '.join(names)}; "
            "a factor must be a number. Bind it first (observable.assign_parameters), or scale the outputs behind "
            "the head."
        )
