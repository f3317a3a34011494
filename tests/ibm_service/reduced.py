"""A circuit for a large device as one for the few qubits that it uses, with the noise of those."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

IDLE = {"barrier", "delay"}
"""What does nothing to a qubit that nothing else is done to."""

EXACT_QUBITS = 9
"""Up to here the noise of gates is computed, with 4^n numbers. Above, only read-outs have noise: a row takes seconds
there, or a state for each shot minutes. ``Pub.qubits`` tells a test which of them it was."""


@dataclass(frozen=True)
class Part:
    """Some qubits of a device, by their numbers there, which here are 0, 1 and so on."""

    target: Any
    qubits: tuple[int, ...]

    @cached_property
    def place(self) -> dict[int, int]:
        return {qubit: index for index, qubit in enumerate(self.qubits)}

    def circuit(self, whole: Any) -> Any:
        """The circuit on these qubits only."""
        from qiskit import QuantumCircuit, QuantumRegister

        small = QuantumCircuit(QuantumRegister(len(self.qubits), "q"), *whole.cregs)
        for step in whole.data:
            qubits = [self.place.get(qubit) for qubit in numbers(whole, step)]
            if step.operation.name == "barrier":
                qubits = [qubit for qubit in qubits if qubit is not None]
                if qubits:
                    small.barrier(qubits)
            elif None not in qubits:
                small.append(step.operation, qubits, list(step.clbits))
        return small

    def paulis(self, label: str) -> str:
        """A Pauli string of the whole device on these qubits; the last letter is that of qubit 0."""
        return "".join(label[-1 - qubit] for qubit in reversed(self.qubits))

    def noise(self) -> Any:
        """The noise of their gates, decays and read-outs."""
        from qiskit_aer import AerSimulator
        from qiskit_aer.noise import NoiseModel

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # calibration data hold T2 above 2·T1, which Aer corrects
            return NoiseModel.from_backend(AerSimulator(target=self._target()))

    def readout_noise(self) -> Any:
        """The noise of their read-outs alone."""
        from qiskit_aer.noise import NoiseModel
        from qiskit_aer.noise.device import basic_device_readout_errors

        noise = NoiseModel(basis_gates=sorted(self.target.operation_names))
        for qubits, error in basic_device_readout_errors(target=self._target()):
            noise.add_readout_error(error, qubits)
        return noise

    def _target(self) -> Any:
        from qiskit.transpiler import Target

        properties = self.target.qubit_properties
        small = Target(
            num_qubits=len(self.qubits), dt=self.target.dt, qubit_properties=[properties[each] for each in self.qubits]
        )
        for name in self.target.operation_names:
            places = {
                tuple(self.place[qubit] for qubit in qubits): about
                for qubits, about in (self.target[name] or {}).items()
                if qubits is not None and set(qubits) <= self.place.keys()
            }
            if places:
                small.add_instruction(self.target.operation_from_name(name), places, name=name)
        return small


def numbers(circuit: Any, step: Any) -> list[int]:
    """The qubits of one instruction, by their numbers in the circuit."""
    return [circuit.find_bit(qubit).index for qubit in step.qubits]


def used(circuit: Any, labels: Iterable[str] = ()) -> tuple[int, ...]:
    """The qubits that something is done to, or that an observable looks at; qubit 0 where there are none."""
    busy = {qubit for step in circuit.data if step.operation.name not in IDLE for qubit in numbers(circuit, step)}
    seen = {index for label in labels for index, letter in enumerate(reversed(label)) if letter != "I"}
    return tuple(sorted(busy | seen)) or (0,)


def simulator(part: Part, *, noise: bool, seed: int, gates: bool = True) -> Any:
    """What runs circuits of this part; nothing is left to chance but the shots.

    Args:
        part: the qubits.
        noise: with the noise of the device.
        seed: of the shots.
        gates: with that of gates too, where it can be computed.
    """
    from qiskit_aer import AerSimulator

    options: dict[str, Any] = {"seed_simulator": seed, "max_parallel_threads": 1}
    exact = gates and len(part.qubits) <= EXACT_QUBITS
    if noise:
        options |= {"noise_model": _remembered(part, exact), "method": "density_matrix" if exact else "automatic"}
    return AerSimulator(**options)


_noises: dict[tuple[int, tuple[int, ...], bool], Any] = {}


def _remembered(part: Part, gates: bool) -> Any:
    """Its noise, which takes longer to make than most circuits to run; targets stay as long as the process does."""
    key = id(part.target), part.qubits, gates
    if key not in _noises:
        _noises[key] = part.noise() if gates else part.readout_noise()
    return _noises[key]
