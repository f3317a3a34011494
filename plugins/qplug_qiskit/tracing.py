"""A parametrised QuantumCircuit becomes a circuit of the contract, and back.

Wire i of the contract is qubit i in Qiskit. Qiskit writes its Pauli labels and bit strings with qubit 0 on the right,
the contract counts wire 0 as the most significant bit: nothing here passes a label or a bit string on unread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeGuard

from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterExpression
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.quantum_info import SparsePauliOp

from qplug.contract.circuit import Angle, Circuit, Encoding, Gate, Observable, Weight
from qplug.contract.errors import CircuitError, UserError
from qplug.heads.angles import trace
from qplug.heads.proof import prove
from qplug.heads.traced_head import TracedCircuit

from .expressions import Value, angle_function
from .given import refuse_misnamed
from .lowering import structure
from .original import Original, Written, refuse_other_definitions

_STANDARD = get_standard_gate_name_mapping()


def trace_circuit(
    circuit: QuantumCircuit,
    inputs: Sequence[Parameter],
    weights: Sequence[Parameter],
    observables: Sequence[SparsePauliOp],
    *,
    again: Callable[[], Written] | None = None,
) -> TracedCircuit:
    """The contract's circuit for a QuantumCircuit as Qiskit users write it, proven at fresh inputs and weights.

    Args:
        circuit: any gates that Qiskit can decompose; measurements at the end are left out, those that decide gates by
            ``if_test`` become controls on further qubits.
        inputs: the parameters that stand for the inputs, in their order.
        weights: the parameters that stand for the weights, in their order.
        observables: what is measured, each a sum of Pauli strings.
        again: makes all of these once more; by default they are the same.

    Raises:
        CircuitError: an operation or an observable that cannot be expressed, or a parameter that is neither an input
            nor a weight, or a circuit that is not the same when it is made again.
    """
    refuse_misnamed(circuit, inputs, weights)
    written = Written(circuit, inputs, weights, observables)
    try:
        return _traced(written, again)
    except UserError:
        raise
    except Exception as error:
        raise CircuitError(
            f"the Qiskit circuit cannot be made a head: {type(error).__name__}: {error}. Its gates, also those that "
            "others are defined by, and its observables must do without the values of its parameters."
        ) from error


def _traced(written: Written, again: Callable[[], Written] | None) -> TracedCircuit:
    inputs, weights = written.inputs, written.weights
    seen = structure(written.circuit, written.observables)
    values = [value for values in seen.values for value in values if is_expression(value)]
    traced = trace(angle_function(values, inputs, weights), len(inputs), len(weights))
    left = iter(traced.angles)
    placed = tuple(
        Gate(name, on, tuple(next(left) if is_expression(value) else float(value) for value in its_values))
        for (name, on), its_values in zip(seen.gates, seen.values, strict=True)
    )
    made = Circuit(seen.n_wires, placed, seen.observables)
    original = Original(written, seen) if again is None else Original.of(again())
    refuse_other_definitions(written, seen)
    prove(original, made, traced, seen.sums, len(inputs), len(weights), batched=original, in_torch=False)
    return TracedCircuit(made, traced, seen.sums)


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


def pauli(observable: Observable, n_qubits: int) -> SparsePauliOp:
    """The observable in Qiskit's words."""
    return SparsePauliOp.from_sparse_list([(observable.paulis, list(observable.wires), 1.0)], num_qubits=n_qubits)


def is_expression(value: Value) -> TypeGuard[ParameterExpression]:
    """Whether an angle is still to be bound."""
    return isinstance(value, ParameterExpression)
