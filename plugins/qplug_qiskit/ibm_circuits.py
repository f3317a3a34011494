"""Circuits in a device's own gates: compiled once each, with what is known of the qubits that they use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer.noise import NoiseModel

from qplug.contract.circuit import Circuit, Observable

from .devices import DENSITY_MATRIX_QUBITS, active_qubits, placed, reduced
from .ibm_work import Kind, bases_of
from .programs import measured_in_basis, with_slots
from .shift import Rows, Slots


@dataclass(frozen=True)
class Compiled:
    """A circuit on a device.

    Attributes:
        source: what was compiled.
        kind: the primitive that it is meant for; with measurements for a sampler, without for an estimator.
        circuit: in the device's gates, on all of its qubits.
        parameters: those of its angles that were not compiled away, and the slots that they stand for.
        wires: the device's qubit that each wire ends on.
        seed: of the layout that was kept.
        fidelity: the predicted chance that nothing goes wrong.
        tried: how many layouts were compared.
        facts: what is known of it and of the qubits that it uses, as JSON can hold it.
    """

    source: Circuit
    kind: Kind
    circuit: QuantumCircuit
    parameters: tuple[tuple[int, Parameter], ...]
    wires: tuple[int, ...]
    seed: int
    fidelity: float
    tried: int
    facts: Mapping[str, Any] = field(default_factory=dict)

    def pub(self, encoding: Rows, weights: Rows) -> tuple[Any, ...]:
        """One PUB for all rows and observables."""
        return self._pub(self.circuit, self.wires, encoding, weights)

    def reduced_pub(self, smaller: Reduced, encoding: Rows, weights: Rows) -> tuple[Any, ...]:
        """The same on the qubits that are used, and nothing else."""
        position = {qubit: index for index, qubit in enumerate(smaller.qubits)}
        places = tuple(position.get(qubit, -1) for qubit in self.wires)  # wires that nobody reads may be missing
        return self._pub(smaller.circuit, places, encoding, weights)

    def _pub(self, circuit: QuantumCircuit, places: tuple[int, ...], encoding: Rows, weights: Rows) -> tuple[Any, ...]:
        angles = self._bindings(encoding, weights)
        if self.kind == "sampler":
            return (circuit, angles) if angles else (circuit,)
        observables = [
            [_laid_out(each.paulis, [places[wire] for wire in each.wires], circuit.num_qubits)]
            for each in self.source.observables
        ]
        if not angles:
            return circuit, [one for (one,) in observables]
        return circuit, observables, angles

    def _bindings(self, encoding: Rows, weights: Rows) -> dict[tuple[Parameter, ...], NDArray[np.float64]]:
        if not self.parameters:
            return {}
        values = Slots.of(self.source).values(encoding, weights)
        slots = [slot for slot, _ in self.parameters]
        return {tuple(parameter for _, parameter in self.parameters): np.ascontiguousarray(values[:, slots])}


@dataclass(frozen=True)
class Reduced:
    """A compiled circuit on the qubits that it uses, and their noise."""

    circuit: QuantumCircuit
    noise: NoiseModel
    qubits: list[int]


def compile_for(circuit: Circuit, kind: Kind, device: Any, n_seeds: int, simulated: bool) -> Compiled:
    """The circuit in the device's gates, on the best of several layouts.

    Args:
        circuit: the circuit.
        kind: the primitive that is to run it.
        device: a Qiskit backend with a target.
        n_seeds: how many layouts are tried.
        simulated: whether layouts that can be simulated exactly with their noise go before others.
    """
    bare, parameters = with_slots(circuit)
    if kind == "sampler":
        made = measured_in_basis(bare, circuit.observables)
    else:
        # Layouts are judged by their readout too; the barrier keeps gates that a measurement of Z could do without.
        made = bare.copy()
        made.barrier()
        made = measured_in_basis(made, [Observable("Z", (wire,)) for wire in observed_wires(circuit)])
    best = placed(made, device, range(n_seeds), most=DENSITY_MATRIX_QUBITS if simulated else None)
    wires = _places(best.circuit)
    whole = best.circuit if kind == "sampler" else _unmeasured(best.circuit)
    whole.global_phase = 0  # says nothing, but would hold on to angles that were compiled away
    kept = tuple((slot, each) for slot, each in enumerate(parameters) if each in whole.parameters)
    made = Compiled(circuit, kind, whole, kept, wires, best.seed, best.fidelity, n_seeds)
    return replace(made, facts=_facts_of(made, device))


def observed_wires(circuit: Circuit) -> list[int]:
    """The wires that some observable is on."""
    return sorted({wire for observable in circuit.observables for wire in observable.wires})


def _places(circuit: QuantumCircuit) -> tuple[int, ...]:
    """The qubit on which each wire ends: where it is measured, or where the compiler says so if it is not."""
    places = list(circuit.layout.final_index_layout())
    for instruction in circuit.data:
        if instruction.operation.name == "measure":
            wire = circuit.find_bit(instruction.clbits[0]).index
            places[wire] = circuit.find_bit(instruction.qubits[0]).index
    return tuple(places)


def _unmeasured(circuit: QuantumCircuit) -> QuantumCircuit:
    bare = QuantumCircuit(*circuit.qregs)
    for instruction in circuit.data:
        if instruction.operation.name not in ("measure", "barrier"):
            bare.append(instruction.operation, instruction.qubits)
    return bare


def reduce(compiled: Compiled, device: Any) -> Reduced:
    """The compiled circuit on the qubits that it uses, and their noise."""
    observed = {compiled.wires[wire] for wire in observed_wires(compiled.source)}
    qubits = sorted({*active_qubits(compiled.circuit), *observed})
    return Reduced(*reduced(compiled.circuit, device, qubits), qubits)


def _facts_of(compiled: Compiled, device: Any) -> dict[str, Any]:
    target, used = device.target, active_qubits(compiled.circuit)
    return {
        "primitive": compiled.kind,
        "depth": compiled.circuit.depth(),
        "gates": compiled.circuit.size(),
        "two_qubit_gates": compiled.circuit.num_nonlocal_gates(),
        "bases": bases_of(compiled.source),
        "layout": list(compiled.wires),
        "layout_seed": compiled.seed,
        "layouts_tried": compiled.tried,
        "predicted_fidelity": compiled.fidelity,
        "duration_seconds": _duration_of(compiled, device),
        "qubits": [_qubit(target, qubit) for qubit in sorted({*used, *compiled.wires})],
        "pairs": _pairs(compiled.circuit, target),
    }


def _duration_of(compiled: Compiled, device: Any) -> float | None:
    """Seconds that the scheduled circuit takes, where the device says how long its gates take."""
    try:
        return float(compiled.circuit.estimate_duration(device.target))
    except Exception:  # no durations, or not of every gate: whatever the reason, it is not known
        return None


def _qubit(target: Any, qubit: int) -> dict[str, Any]:
    properties = (target.qubit_properties or {})[qubit] if target.qubit_properties else None
    measure = (target["measure"] or {}).get((qubit,)) if "measure" in target.operation_names else None
    return {
        "qubit": qubit,
        "t1_seconds": getattr(properties, "t1", None),
        "t2_seconds": getattr(properties, "t2", None),
        "readout_error": getattr(measure, "error", None),
    }


def _pairs(circuit: QuantumCircuit, target: Any) -> list[dict[str, Any]]:
    found: dict[tuple[str, tuple[int, ...]], None] = {}
    for instruction in circuit.data:
        if len(instruction.qubits) == 2 and instruction.operation.name in target.operation_names:
            found[instruction.operation.name, tuple(circuit.find_bit(bit).index for bit in instruction.qubits)] = None
    return [
        {"qubits": list(qubits), "gate": name, "error": getattr((target[name] or {}).get(qubits), "error", None)}
        for name, qubits in sorted(found)
    ]


def _laid_out(paulis: str, qubits: Iterable[int], n_qubits: int) -> SparsePauliOp:
    return SparsePauliOp.from_sparse_list([(paulis, list(qubits), 1.0)], num_qubits=n_qubits)
