"""A quantum function is run once and becomes a circuit, plus the torch code that computes its angles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pennylane as qml
import torch
from torch import Tensor

from qplug.contract.circuit import Circuit, Encoding, Gate
from qplug.contract.errors import CircuitError
from qplug.heads.angles import trace
from qplug.heads.proof import Evaluated, prove
from qplug.heads.traced_head import TracedCircuit

from .gates import WITHOUT_EFFECT, contract_name
from .measured import factors_of, measured
from .returned import naming_wires, refuse_other_returns

QuantumFunction: TypeAlias = Callable[[Tensor, Tensor], Any]
"""(n_inputs,) or (batch, n_inputs), and (n_parameters,) → PennyLane measurements; queues PennyLane operations."""
TapeFunction: TypeAlias = Callable[[Tensor, Tensor], Any]
"""The same arguments → a PennyLane tape."""


def trace_function(function: QuantumFunction, n_inputs: int, n_parameters: int) -> TracedCircuit:
    """Traces a quantum function as PennyLane users write it, and proves that its circuit is the function's.

    It is called with one sample (n_inputs,); a function that indexes a batch (``inputs[:, 0]``) with a batch of one.

    Raises:
        CircuitError: it prepares a state, uses an operation that does not decompose into the contract's gates, measures
            what is not a sum of Pauli strings, depends on values, or returns other measurements than it makes.
    """
    return trace_tape(lambda inputs, weights: _tape(function, inputs, weights), n_inputs, n_parameters, batched=False)


def trace_tape(tape_of: TapeFunction, n_inputs: int, n_parameters: int, *, batched: bool = True) -> TracedCircuit:
    """``trace_function`` for what makes a tape; ``batched``: it is also used with whole batches, as a QNode is."""
    try:
        return _Tracer(tape_of, tape_of if batched else None).trace(n_inputs, n_parameters)
    except CircuitError:
        raise
    except Exception as first:
        # Whatever went wrong with one sample, a function written for batches may go well with a batch of one.
        try:
            return _Tracer(lambda inputs, weights: tape_of(inputs[None], weights), tape_of).trace(
                n_inputs, n_parameters
            )
        except CircuitError:
            raise
        except Exception:
            raise CircuitError(
                f"the quantum function cannot be run with {n_inputs} inputs and {n_parameters} weights: "
                f"{type(first).__name__}: {first}"
            ) from first


def _tape(function: QuantumFunction, inputs: Tensor, weights: Tensor) -> Any:
    """The tape, if what is returned is what was measured."""
    with qml.queuing.AnnotatedQueue() as queue:
        returned = function(inputs, weights)
    tape = qml.tape.QuantumScript.from_queue(queue)
    refuse_other_returns(returned, tape.measurements)
    return naming_wires(tape, None)


class _Tracer:
    def __init__(self, tape_of: TapeFunction, batched: TapeFunction | None) -> None:
        self.tape_of = tape_of
        self.batched = batched
        self.tape: Any = None
        self.placed: tuple[Gate, ...] = ()

    def trace(self, n_inputs: int, n_parameters: int) -> TracedCircuit:
        traced = trace(self._angles, n_inputs, n_parameters)
        wires, gates = _structure(self.tape)
        left = iter(traced.angles)
        self.placed = tuple(
            Gate(name, on, tuple(next(left) for _ in operation.data))
            for (name, on), operation in zip(gates, _gates(self.tape), strict=True)
        )
        observables, values = measured(self.tape.measurements, wires)
        circuit = Circuit(len(wires), self.placed, observables)
        batched = None if self.batched is None else self._evaluated_batch
        prove(self._evaluated, circuit, traced, values, n_inputs, n_parameters, batched=batched)
        return TracedCircuit(circuit, traced, values)

    def _angles(self, inputs: Tensor, parameters: Tensor) -> list[Tensor]:
        """Every gate's angles in turn, for one sample; keeps the tape for its structure."""
        self.tape = lower(self.tape_of(inputs, parameters))
        return [_angle(angle).reshape(()) for operation in _gates(self.tape) for angle in operation.data]

    def _evaluated(self, inputs: Tensor, parameters: Tensor) -> Evaluated:
        return _seen(lower(self.tape_of(inputs, parameters)), ())

    def _evaluated_batch(self, inputs: Tensor, parameters: Tensor) -> Evaluated | None:
        """None if the original does not take a batch: it then knows samples only."""
        assert self.batched is not None
        tape = self.batched(inputs, parameters)
        sees_inputs = any(isinstance(angle, Encoding) for gate in self.placed for angle in gate.angles)
        if tape.batch_size != len(inputs) and (sees_inputs or tape.batch_size is not None):
            return None
        return _seen(lower(tape), (len(inputs),))


def _seen(tape: Any, shape: tuple[int, ...]) -> Evaluated:
    wires, gates = _structure(tape)
    angles = [_angle(angle) for operation in _gates(tape) for angle in operation.data]
    columns = [angle.reshape(shape if angle.numel() > 1 else ()).expand(shape) for angle in angles]
    stacked = torch.stack(columns, -1) if columns else torch.zeros(*shape, 0, dtype=torch.float64)
    observables, values = measured(tape.measurements, wires)
    return Evaluated(gates, stacked, observables, values, factors_of(tape.measurements))


def _angle(angle: Any) -> Tensor:
    return torch.as_tensor(angle, dtype=torch.float64)


def _gates(tape: Any) -> list[Any]:
    return [operation for operation in tape.operations if contract_name(operation)]


def _structure(tape: Any) -> tuple[dict[Any, int], list[tuple[str, tuple[int, ...]]]]:
    """The position of each wire, and name and wires of each gate."""
    position = {wire: index for index, wire in enumerate(_wires(tape))}
    return position, [
        (str(contract_name(operation)), tuple(position[wire] for wire in operation.wires)) for operation in _gates(tape)
    ]


def lower(tape: Any) -> Any:
    """The tape decomposed into the contract's gates by PennyLane's own rules.

    Raises:
        CircuitError: an operation that the contract cannot express, by its name.
    """
    tape = _deferred(tape)
    for operation in tape.operations:
        _refuse(operation)
    if all(map(_is_lowered, tape.operations)):
        return tape  # as PennyLane would give it back, but for the time that its transforms take around that
    (lowered,), _ = qml.devices.preprocess.decompose(
        tape,
        stopping_condition=_is_lowered,
        skip_initial_state_prep=False,
        error=CircuitError,
        name="the circuit contract",
    )
    return lowered


def _is_lowered(operation: Any) -> bool:
    return contract_name(operation) is not None or operation.name in WITHOUT_EFFECT


def _deferred(tape: Any) -> Any:
    """Mid-circuit measurements that only control gates become controls on further wires."""
    made = [op for op in tape.operations if isinstance(op, qml.ops.MidMeasure)]
    used = {m for op in tape.operations if isinstance(op, qml.ops.Conditional) for m in op.meas_val.measurements}
    if not made or any(op not in used or op.postselect is not None for op in made):
        return tape  # refused by name
    if any(measurement.mv is not None for measurement in tape.measurements):
        raise CircuitError(
            "the quantum function returns the result of a mid-circuit measurement; a qplug circuit can only use it to "
            "control gates (qml.cond). Measure the wire at the end instead."
        )
    (deferred,), _ = qml.defer_measurements(tape)
    return deferred


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
