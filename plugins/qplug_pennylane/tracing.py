"""A quantum function is run once and becomes a circuit, plus the torch code that computes its angles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import pennylane as qml
import torch
from torch import Tensor

from qplug.contract.circuit import Circuit, Gate, Observable
from qplug.contract.errors import CircuitError
from qplug.heads.angles import trace
from qplug.heads.readouts import LinearCombination
from qplug.heads.traced_head import TracedCircuit

from .gates import WITHOUT_EFFECT, contract_name

QuantumFunction: TypeAlias = Callable[[Tensor, Tensor], Any]
"""(n_inputs,) or (batch, n_inputs), and (n_parameters,) → PennyLane measurements; queues PennyLane operations."""
TapeFunction: TypeAlias = Callable[[Tensor, Tensor], Any]
"""The same arguments → a PennyLane tape."""


def trace_function(function: QuantumFunction, n_inputs: int, n_parameters: int) -> TracedCircuit:
    """Traces a quantum function as PennyLane users write it.

    It is called with one sample (n_inputs,); a function that indexes a batch (``inputs[:, 0]``) with a batch of one.

    Raises:
        CircuitError: it measures in mid-circuit, prepares a state, uses an operation that does not decompose into the
            contract's gates, measures what is not an expectation value of Pauli strings, or depends on values.
    """
    return trace_tape(lambda inputs, weights: qml.tape.make_qscript(function)(inputs, weights), n_inputs, n_parameters)


def trace_tape(tape_of: TapeFunction, n_inputs: int, n_parameters: int) -> TracedCircuit:
    """``trace_function`` for what makes a tape."""
    try:
        return _Tracer(tape_of).trace(n_inputs, n_parameters)
    except CircuitError:
        raise
    except Exception as first:
        # Whatever went wrong with one sample, a function written for batches may go well with a batch of one.
        try:
            return _Tracer(lambda inputs, weights: tape_of(inputs[None], weights)).trace(n_inputs, n_parameters)
        except CircuitError:
            raise
        except Exception:
            raise CircuitError(
                f"the quantum function cannot be run with {n_inputs} inputs and {n_parameters} weights: "
                f"{type(first).__name__}: {first}"
            ) from first


class _Tracer:
    def __init__(self, tape_of: TapeFunction) -> None:
        self.tape_of = tape_of
        self.tape: Any = None

    def trace(self, n_inputs: int, n_parameters: int) -> TracedCircuit:
        traced = trace(self._angles, n_inputs, n_parameters)
        wires = _wires(self.tape)
        position = {wire: index for index, wire in enumerate(wires)}
        left = iter(traced.angles)
        gates = []
        for operation in self.tape.operations:
            name = contract_name(operation)
            if name is None:
                continue
            angles = tuple(next(left) for _ in operation.data)
            gates.append(Gate(name, tuple(position[wire] for wire in operation.wires), angles))
        observables, values = _measured(self.tape.measurements, position)
        return TracedCircuit(Circuit(len(wires), tuple(gates), observables), traced, values)

    def _angles(self, inputs: Tensor, parameters: Tensor) -> list[Tensor]:
        """Every gate's angles in turn, for one sample; keeps the tape for its structure."""
        self.tape = lower(self.tape_of(inputs, parameters))
        return [
            torch.as_tensor(angle, dtype=torch.float64).reshape(())
            for operation in self.tape.operations
            if contract_name(operation)
            for angle in operation.data
        ]


def lower(tape: Any) -> Any:
    """The tape decomposed into the contract's gates by PennyLane's own rules.

    Raises:
        CircuitError: an operation that the contract cannot express, by its name.
    """
    for operation in tape.operations:
        _refuse(operation)
    (lowered,), _ = qml.devices.preprocess.decompose(
        tape,
        stopping_condition=lambda operation: contract_name(operation) is not None or operation.name in WITHOUT_EFFECT,
        skip_initial_state_prep=False,
        error=CircuitError,
        name="the circuit contract",
    )
    return lowered


def _refuse(operation: Any) -> None:
    kind = None
    if isinstance(operation, qml.ops.MidMeasure | qml.ops.Conditional):
        kind = "measures in mid-circuit"
    elif isinstance(operation, qml.operation.StatePrepBase) and operation.name not in {"BasisState", "BasisEmbedding"}:
        kind = "prepares a state that gates on |0…0> would have to build"
    elif isinstance(operation, qml.operation.Channel):
        kind = "is a noise channel"
    if kind:
        raise CircuitError(
            f"the operation {operation.name} {kind}, which a qplug circuit cannot express: it is made of gates on "
            "|0…0> and expectation values at the end. Write the quantum function without it."
        )


def _wires(tape: Any) -> list[Any]:
    wires = list(tape.wires)
    return sorted(wires) if all(isinstance(wire, int) for wire in wires) else wires


def _measured(
    measurements: Sequence[Any], position: dict[Any, int]
) -> tuple[tuple[Observable, ...], LinearCombination]:
    """The Pauli strings that occur, and how each measurement is a sum of them."""
    rows: list[dict[Observable, float]] = []
    offsets: list[float] = []
    for measurement in measurements:
        sentence = _sentence(measurement)
        row = {_observable(word, position): float(factor) for word, factor in sentence.items() if len(word)}
        rows.append(row)
        offsets.append(float(sum(factor for word, factor in sentence.items() if not len(word))))
    observables = list(dict.fromkeys(observable for row in rows for observable in row))
    if not observables:
        raise CircuitError("the quantum function measures nothing; end it with qml.expval(…) of Pauli operators.")
    matrix = torch.tensor([[row.get(observable, 0.0) for observable in observables] for row in rows])
    return tuple(observables), LinearCombination(matrix, torch.tensor(offsets))


def _sentence(measurement: Any) -> Any:
    if not isinstance(measurement, qml.measurements.ExpectationMP):
        raise CircuitError(
            f"the measurement {measurement} is not an expectation value. A qplug circuit measures qml.expval of Pauli "
            "operators; use for instance qml.expval(qml.PauliZ(0))."
        )
    sentence = getattr(measurement.obs, "pauli_rep", None)
    if sentence is None:
        raise CircuitError(
            f"the observable {measurement.obs} is not a sum of Pauli strings. A qplug circuit measures products and "
            "sums of qml.PauliX, qml.PauliY and qml.PauliZ."
        )
    return sentence


def _observable(word: Any, position: dict[Any, int]) -> Observable:
    letters = sorted((position[wire], letter) for wire, letter in word.items())
    return Observable("".join(letter for _, letter in letters), tuple(wire for wire, _ in letters))
