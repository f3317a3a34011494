"""A circuit made ready for Aer: compiled once, then run for any number of rows of angles in one call."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from qiskit import ClassicalRegister, QuantumCircuit, transpile
from qiskit.circuit import Parameter
from qiskit_aer.primitives import EstimatorV2, SamplerV2

from qplug.contract.circuit import GATES, Angle, Circuit, Encoding, Observable, Weight

from .devices import DENSITY_MATRIX_QUBITS, on_device
from .expressions import Value
from .shift import Rows
from .tracing import pauli, to_qiskit

_BINDABLE = sorted(set(GATES) - {"ch", "crx", "cry", "crz", "cp"})


class Program(Protocol):
    """A circuit that is ready to run."""

    def run(self, rows: Rows) -> Rows:
        """Expectation values (row, n_observables) for angles (row, n_slots)."""


class ExactProgram:
    """Exact expectation values: one PUB for all rows and observables."""

    def __init__(self, circuit: Circuit) -> None:
        made, self.parameters = with_slots(circuit)
        self.circuit = in_aers_gates(made)
        self.observables = [[pauli(observable, circuit.n_qubits)] for observable in circuit.observables]
        self.estimator = EstimatorV2(options={"backend_options": {"method": "statevector"}})

    def run(self, rows: Rows) -> Rows:
        """Expectation values (row, n_observables)."""
        if not self.parameters:
            (result,) = self.estimator.run([(self.circuit, [row[0] for row in self.observables])]).result()
            return np.tile(np.asarray(result.data.evs, dtype=np.float64), (len(rows), 1))
        (result,) = self.estimator.run([(self.circuit, self.observables, bindings(self.parameters, rows))]).result()
        return np.asarray(result.data.evs, dtype=np.float64).T


class SampledProgram:
    """Sampled expectation values: observables that can be measured together share their shots.

    Args:
        circuit: the circuit.
        shots: number of shots for each row and each group of observables.
        seed: rows and calls differ from one another; the same angles with the same seed give the same values.
        device: a modelled device whose noise is added; None for ideal shots.
    """

    def __init__(self, circuit: Circuit, shots: int, seed: int, device: Any = None) -> None:
        self.shots = shots
        self.seed = seed
        self.n_observables = len(circuit.observables)
        bare, self.parameters = with_slots(circuit)
        self.groups = measurable_together(circuit.observables)
        self.runs = []
        for members in self.groups:
            observables = [circuit.observables[member] for member in members]
            measured = measured_in_basis(bare, observables)
            options: dict[str, Any] = {"method": "statevector"}
            if device is None:
                measured = in_aers_gates(measured)
            else:
                measured, noise = on_device(measured, device)
                exactly = measured.num_qubits <= DENSITY_MATRIX_QUBITS
                options = {"method": "density_matrix" if exactly else "statevector", "noise_model": noise}
            self.runs.append((members, observables, measured, options))

    def run(self, rows: Rows) -> Rows:
        """Expectation values (row, n_observables)."""
        values = np.empty((len(rows), self.n_observables))
        for number, (members, observables, measured, options) in enumerate(self.runs):
            bits = self._bits(measured, options, rows, number)
            for member, observable in zip(members, observables, strict=True):
                odd = bits[:, :, list(observable.wires)].sum(2) % 2
                values[:, member] = 1 - 2 * odd.mean(1)
        return values

    def _bits(self, measured: QuantumCircuit, options: dict[str, Any], rows: Rows, number: int) -> NDArray[np.uint8]:
        """(row, shot, wire) of 0 and 1."""
        sampler = SamplerV2(seed=seed_of(self.seed, number, rows), options={"backend_options": options})
        n_wires = measured.num_clbits
        # Onto a device a circuit may be compiled without angles that no measurement shows.
        kept = [slot for slot, parameter in enumerate(self.parameters) if parameter in measured.parameters]
        if kept:
            angles = bindings([self.parameters[slot] for slot in kept], rows[:, kept])
            job = sampler.run([(measured, angles)], shots=self.shots)
        else:
            job = sampler.run([(measured,)], shots=self.shots * len(rows))
        (result,) = job.result()
        packed = result.data.wires.array.reshape(len(rows), self.shots, -1)
        # Bit 0 stands last in Qiskit's arrays.
        return np.unpackbits(packed, axis=-1)[..., ::-1][..., :n_wires]


def with_slots(circuit: Circuit) -> tuple[QuantumCircuit, list[Parameter]]:
    """The circuit with a parameter of its own for every angle that is not constant, and these parameters in order."""
    parameters: list[Parameter] = []

    def value(angle: Angle) -> Value:
        if not isinstance(angle, Encoding | Weight):
            return angle
        parameters.append(Parameter(f"a{len(parameters):05d}"))
        return parameters[-1]

    angles = [[value(angle) for angle in gate.angles] for gate in circuit.gates]
    return to_qiskit(circuit, angles), parameters


def in_aers_gates(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit in gates whose angles Aer binds for many rows at once, on the same wires.

    Of controlled rotations and phases it would silently run the first row only.
    """
    translated: QuantumCircuit = transpile(circuit, basis_gates=_BINDABLE, optimization_level=0)
    return translated


def bindings(parameters: Sequence[Parameter], rows: Rows) -> dict[tuple[Parameter, ...], Rows]:
    """Angles (row, n_slots) in the form that a PUB takes."""
    return {tuple(parameters): rows}


def measurable_together(observables: Sequence[Observable]) -> list[list[int]]:
    """Positions of observables in groups that agree on the basis of every wire they share."""
    groups: list[tuple[dict[int, str], list[int]]] = []
    for position, observable in enumerate(observables):
        letters = dict(zip(observable.wires, observable.paulis, strict=True))
        for basis, members in groups:
            if all(basis.get(wire, letter) == letter for wire, letter in letters.items()):
                basis.update(letters)
                members.append(position)
                break
        else:
            groups.append((letters, [position]))
    return [members for _, members in groups]


def measured_in_basis(circuit: QuantumCircuit, observables: Sequence[Observable]) -> QuantumCircuit:
    """The circuit, turned into the observables' common basis, with every wire measured into the bit of its number."""
    basis = {
        wire: letter
        for observable in observables
        for wire, letter in zip(observable.wires, observable.paulis, strict=True)
    }
    register = ClassicalRegister(circuit.num_qubits, "wires")
    measured = circuit.copy()
    measured.add_register(register)
    for wire, letter in sorted(basis.items()):
        if letter == "Y":
            measured.sdg(wire)
        if letter in "XY":
            measured.h(wire)
        # Wires that nobody reads stay unmeasured, and so leave room for a better layout on a device.
        measured.measure(wire, register[wire])
    return measured


def seed_of(seed: int, number: int, rows: Rows) -> int:
    """A seed that differs between groups and between angles, and is the same in every process."""
    text = hashlib.blake2b(rows.tobytes(), digest_size=8, key=f"{seed}/{number}".encode()).digest()
    return int.from_bytes(text, "big") >> 1
