"""Which qubits a circuit's outcomes are read from: its layout on a device, its classical bits, an ``interpret``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import ClassicalRegister, Clbit
from qiskit.quantum_info import SparsePauliOp

from qplug.contract.errors import CircuitError

from .deferral import deciding

_MOST_MEASURED = 12


def own_qubits(circuit: QuantumCircuit) -> list[int]:
    """Where the qubits of the circuit as it was written stand now: on other ones after transpiling for a device.

    Ancillas that a device adds are left out.
    """
    if circuit.layout is None:
        return list(range(circuit.num_qubits))
    return list(circuit.layout.final_index_layout(filter_ancillas=True))


def z_of_every_qubit(circuit: QuantumCircuit) -> list[SparsePauliOp]:
    """⟨Z⟩ of every qubit of the circuit as it was written, in its order."""
    n_qubits = circuit.num_qubits
    return [SparsePauliOp.from_sparse_list([("Z", [qubit], 1.0)], n_qubits) for qubit in own_qubits(circuit)]


def refuse_other_widths(circuit: QuantumCircuit, observables: Sequence[Any]) -> None:
    """Refuses what Qiskit's primitives refuse.

    Raises:
        CircuitError: an observable acts on another number of qubits than the circuit has.
    """
    if not isinstance(observables, Sequence):
        raise CircuitError(f"the observables are a {type(observables).__name__}, not a list of SparsePauliOp.")
    for observable in observables:
        n_qubits = getattr(observable, "num_qubits", circuit.num_qubits)
        if n_qubits != circuit.num_qubits:
            cure = "Give it as observable.apply_layout(circuit.layout)" if circuit.layout else "Give it on all of them"
            raise CircuitError(
                f"an observable acts on {n_qubits} qubits, the circuit has {circuit.num_qubits}. {cure}."
            )


def sampler_outputs(qnn: Any) -> list[SparsePauliOp]:
    """Observables whose expectation values are a SamplerQNN's outputs.

    Outcomes are read as it reads them: from the circuit's classical bits where it has its own, else from all qubits;
    of a circuit with a layout the bits at its qubits' final places; through ``interpret``.

    Raises:
        CircuitError: outputs of several dimensions, more than 12 measured qubits, or an ``interpret`` that fails or
            gives what is no index of an output.
    """
    if len(qnn.output_shape) != 1:
        raise CircuitError(f"a SamplerQNN with outputs of shape {qnn.output_shape} cannot become a head; flatten them.")
    circuit: QuantumCircuit = qnn.circuit
    bits = _bits(circuit)
    if circuit.layout is not None:
        bits = [bits[place] if place < len(bits) else None for place in own_qubits(circuit)]
    measured = list(dict.fromkeys(qubit for qubit in bits if qubit is not None))
    if len(measured) > _MOST_MEASURED:
        raise CircuitError(
            f"the probabilities of {len(measured)} measured qubits are sums of {2 ** len(measured)} Pauli strings; at "
            f"most {_MOST_MEASURED} qubits are possible. Use expectation values instead, as EstimatorQNN does."
        )
    # Beyond its own qubits' bits a SamplerQNN drops outcomes, but only where it reads them without a layout.
    limit = None if circuit.layout is not None else 2**qnn.num_virtual_qubits
    outcomes = [_outcome(pattern, bits, measured) for pattern in range(2 ** len(measured))]
    kept = [outcome for outcome in outcomes if limit is None or outcome < limit]
    index = {outcome: _interpreted(qnn.interpret, outcome, qnn.output_shape[0]) for outcome in kept}
    interpretation = np.array([index.get(outcome, -1) for outcome in outcomes], dtype=np.int64)
    return probabilities(circuit.num_qubits, measured, interpretation, qnn.output_shape[0])


def probabilities(
    n_qubits: int, measured: Sequence[int], interpretation: NDArray[np.int64], n_values: int
) -> list[SparsePauliOp]:
    """Observables whose expectation values are probabilities of measured outcomes.

    P(k) = Σ_{x: interpretation(x) = k} p(x), and p(x) = 2⁻ᵐ Σ_S (−1)^{x·S} ⟨Z_S⟩ over all sets S of measured qubits.

    Args:
        n_qubits: of the circuit.
        measured: the m measured qubits; the first is the least bit.
        interpretation: (2^m,), the value that each bit string counts for, in [0, n_values); -1: for none.
        n_values: number of values.
    """
    n_measured = len(measured)
    members = np.zeros((n_values, 2**n_measured))
    counted = np.flatnonzero(interpretation >= 0)
    members[interpretation[counted], counted] = 1.0
    factors = members.reshape(n_values, *[2] * n_measured)
    for axis in range(1, n_measured + 1):
        even, odd = np.split(factors, 2, axis)
        factors = np.concatenate([even + odd, even - odd], axis)
    operators = []
    for row in factors.reshape(n_values, -1) / 2**n_measured:
        sets = [int(index) for index in np.flatnonzero(np.abs(row) > 1e-14)] or [0]
        terms = [_z_string(index, measured, float(row[index])) for index in sets]
        operators.append(SparsePauliOp.from_sparse_list(terms, num_qubits=n_qubits))
    return operators


def _z_string(index: int, measured: Sequence[int], factor: float) -> tuple[str, list[int], float]:
    qubits = [qubit for bit, qubit in enumerate(measured) if index >> bit & 1]
    return "Z" * len(qubits), qubits, factor


def _bits(circuit: QuantumCircuit) -> list[int | None]:
    """The qubit that each bit of an outcome is measured from, least bit first; None: the bit stays 0.

    Without classical bits a SamplerQNN measures all qubits. Of several registers it reads ``meas`` alone if there is
    one, else all, the first as the least bits.
    """
    if not circuit.clbits:
        return list(range(circuit.num_qubits))
    source: dict[Clbit, int] = {}
    for instruction in circuit.data:
        if instruction.operation.name == "measure":
            source[instruction.clbits[0]] = circuit.find_bit(instruction.qubits[0]).index
    registers = [register for register in circuit.cregs if register.name == "meas"] or list(circuit.cregs)
    _refuse_deciding(circuit, registers)
    return [source.get(bit) for register in registers for bit in register]


def _refuse_deciding(circuit: QuantumCircuit, registers: Sequence[ClassicalRegister]) -> None:
    """Refuses outcomes with a result that was measured to decide gates, and not measured again."""
    places = deciding(circuit)
    last = {each.clbits[0]: place for place, each in enumerate(circuit.data) if each.operation.name == "measure"}
    for register in registers:
        held = [str(place) for place, bit in enumerate(register) if last.get(bit) in places]
        if held:
            raise CircuitError(
                f"the SamplerQNN's outcomes hold {register.name}[{', '.join(held)}], measured to decide an if_else; a "
                "head's values are read at the end. Measure what is to be read there with circuit.measure_all(): of "
                "its register 'meas' alone a SamplerQNN makes its outcomes."
            )


def _outcome(pattern: int, bits: Sequence[int | None], measured: Sequence[int]) -> int:
    value = {qubit: pattern >> position & 1 for position, qubit in enumerate(measured)}
    return sum(value[qubit] << place for place, qubit in enumerate(bits) if qubit is not None)


def _interpreted(interpret: Callable[[int], Any], outcome: int, n_values: int) -> int:
    try:
        given = interpret(outcome)
    except Exception as error:
        raise CircuitError(
            f"the SamplerQNN's interpret({outcome}) fails: {type(error).__name__}: {error}. It must give an index for "
            "every outcome that can be measured."
        ) from error
    index = given[0] if isinstance(given, (tuple, list, np.ndarray)) and len(given) == 1 else given
    if not isinstance(index, Integral) or not 0 <= int(index) < n_values:
        raise CircuitError(
            f"the SamplerQNN's interpret({outcome}) gives {given!r}, which is no index of its {n_values} outputs. Give "
            f"whole numbers from 0 to {n_values - 1}, or a larger output_shape."
        )
    return int(index)
