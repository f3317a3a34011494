"""A parametrised QuantumCircuit becomes a circuit of the contract, and back.

Wire i of the contract is qubit i in Qiskit. Qiskit writes its Pauli labels and bit strings with qubit 0 on the right,
the contract counts wire 0 as the most significant bit: nothing here passes a label or a bit string on unread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import ControlFlowOp, Parameter, ParameterExpression
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import Pauli, SparsePauliOp

from qplug.contract.circuit import GATES, Angle, Circuit, Encoding, Gate, Observable, Weight
from qplug.contract.errors import CircuitError
from qplug.heads.angles import trace
from qplug.heads.readouts import LinearCombination
from qplug.heads.traced_head import TracedCircuit

from .expressions import Value, angle_function

_WITHOUT_EFFECT = {"barrier", "id", "delay", "global_phase"}
_REFUSED = {
    "measure": "measures in mid-circuit",
    "reset": "resets a qubit in mid-circuit",
    "initialize": "prepares a state",
    "state_preparation": "prepares a state",
    "set_statevector": "prepares a state",
    "kraus": "is a noise channel",
    "quantum_channel": "is a noise channel",
}
_STANDARD = get_standard_gate_name_mapping()


def trace_circuit(
    circuit: QuantumCircuit,
    inputs: Sequence[Parameter],
    weights: Sequence[Parameter],
    observables: Sequence[SparsePauliOp],
) -> TracedCircuit:
    """The contract's circuit for a QuantumCircuit as Qiskit users write it.

    Args:
        circuit: any gates that Qiskit can decompose; measurements at the end are left out.
        inputs: the parameters that stand for the inputs, in their order.
        weights: the parameters that stand for the weights, in their order.
        observables: what is measured, each a sum of Pauli strings.

    Raises:
        CircuitError: an operation or an observable that cannot be expressed, or a parameter that is neither an input
            nor a weight.
    """
    lowered = lower(circuit)
    gates: list[tuple[str, tuple[int, ...], int]] = []
    values: list[Value] = []
    for instruction in lowered.data:
        name = instruction.operation.name
        if name in _WITHOUT_EFFECT:
            continue
        parameters = instruction.operation.params
        gates.append((name, tuple(lowered.find_bit(qubit).index for qubit in instruction.qubits), len(parameters)))
        values += parameters
    traced = trace(angle_function(values, inputs, weights), len(inputs), len(weights))
    strings, combination = _measured(observables)
    wires = _used_wires(gates, strings)
    position = {wire: index for index, wire in enumerate(wires)}
    left = iter(traced.angles)
    placed = tuple(
        Gate(name, tuple(position[wire] for wire in on), tuple(next(left) for _ in range(n_angles)))
        for name, on, n_angles in gates
    )
    observed = tuple(Observable(string.paulis, tuple(position[wire] for wire in string.wires)) for string in strings)
    return TracedCircuit(Circuit(len(wires), placed, observed), traced, combination)


def lower(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit decomposed into the contract's gates by Qiskit's own rules, without measurements at its end.

    Raises:
        CircuitError: an operation that the contract cannot express, by its name.
    """
    circuit = circuit.remove_final_measurements(inplace=False) or circuit
    for instruction in circuit.data:
        _refuse(instruction.operation)
    try:
        lowered: QuantumCircuit = transpile(circuit, basis_gates=sorted(GATES), optimization_level=0)
    except QiskitError as error:
        raise CircuitError(f"Qiskit cannot decompose the circuit into a qplug circuit's gates: {error}") from error
    for instruction in lowered.data:
        if instruction.operation.name not in GATES and instruction.operation.name not in _WITHOUT_EFFECT:
            _refuse(instruction.operation, "has no decomposition into gates")
    return lowered


def _refuse(operation: Any, reason: str | None = None) -> None:
    why = reason or _REFUSED.get(operation.name)
    if isinstance(operation, ControlFlowOp):
        why = "decides in mid-circuit"
    if why:
        raise CircuitError(
            f"the operation {operation.name} {why}, which a qplug circuit cannot express: it is made of gates on |0…0> "
            "and expectation values at the end. Write the circuit without it."
        )


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
        if abs(complex(factor).imag) > 1e-12:
            raise CircuitError(f"the observable's factor {factor} is not real; an observable must be Hermitian.")
        pairs = sorted(zip(qubits, letters, strict=True))
        terms.append(("".join(letter for _, letter in pairs), tuple(qubit for qubit, _ in pairs), complex(factor).real))
    return terms


def _used_wires(gates: Sequence[tuple[str, tuple[int, ...], int]], strings: Sequence[Observable]) -> list[int]:
    """A circuit that was made for a device has many idle qubits; they are left out."""
    return sorted({wire for _, on, _ in gates for wire in on} | {wire for string in strings for wire in string.wires})


def to_qiskit(circuit: Circuit, angles: Sequence[Sequence[Value]]) -> QuantumCircuit:
    """A QuantumCircuit with the given numbers or parameters as the gates' angles, without measurements.

    Args:
        circuit: the circuit.
        angles: for every gate its angles.
    """
    made = QuantumCircuit(circuit.n_qubits)
    for gate, its_angles in zip(circuit.gates, angles, strict=True):
        operation = _STANDARD[gate.name].base_class(*its_angles)
        made.append(operation, list(gate.wires))
    return made


def with_named_angles(circuit: Circuit) -> tuple[QuantumCircuit, list[Parameter], list[Parameter]]:
    """A QuantumCircuit, the parameters of its encoding angles, and those of its weight angles."""
    encoding = [Parameter(f"x{index:04d}") for index in range(circuit.n_encoding)]
    weights = [Parameter(f"w{index:04d}") for index in range(circuit.n_weights)]

    def value(angle: Angle) -> Value:
        match angle:
            case Encoding(index):
                return encoding[index]
            case Weight(index):
                return weights[index]
            case _:
                return angle

    made = to_qiskit(circuit, [[value(angle) for angle in gate.angles] for gate in circuit.gates])
    return made, encoding, weights


def _refuse_parameter(factor: Any, letters: str) -> None:
    names = sorted(parameter.name for parameter in getattr(factor, "parameters", ()))
    if names:
        raise CircuitError(
            f"the factor of the observable's term {letters} is {factor}, which holds the parameter {', '.join(names)}; "
            "a factor must be a number. Bind it first (observable.assign_parameters), or scale the outputs behind "
            "the head."
        )


def pauli(observable: Observable, n_qubits: int) -> SparsePauliOp:
    """The observable in Qiskit's words."""
    return SparsePauliOp.from_sparse_list([(observable.paulis, list(observable.wires), 1.0)], num_qubits=n_qubits)


def is_expression(value: Value) -> bool:
    """Whether an angle is still to be bound."""
    return isinstance(value, ParameterExpression)
