"""Qiskit's state vectors as a backend."""

from collections.abc import Sequence
from typing import final

import numpy as np
import torch
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp, Statevector
from qplug import Backend, BackendCapabilities, Circuit, Encoding, Weight
from torch import Tensor


@final
class QiskitStatevector(Backend):
    """Exact values, one sample after the other. Gradients: none.

    Wire i is Qiskit's qubit i. That Qiskit counts bits from the right does not matter, since no states are given back.
    """

    summary = "Qiskit's Statevector: exact, one sample at a time, no gradients"
    source = "https://quantum.cloud.ibm.com/docs/api/qiskit/qiskit.quantum_info.Statevector"
    capabilities = BackendCapabilities(interface=1, gradient=None, max_qubits=16)

    def expectations(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
        """Expectation values (batch, n_observables)."""
        # A Pauli string names its wires, so that it needs no letters for the others.
        measured = [
            SparsePauliOp.from_sparse_list([(each.paulis, each.wires, 1.0)], circuit.n_qubits)
            for each in circuit.observables
        ]
        values = np.empty((len(encoding), len(measured)))
        for row, angles in enumerate(encoding.tolist()):
            state = Statevector(bound(circuit, angles, weights.tolist()))
            values[row] = [state.expectation_value(observable).real for observable in measured]
        return torch.from_numpy(values).to(encoding)


def bound(circuit: Circuit, encoding: Sequence[float], weights: Sequence[float]) -> QuantumCircuit:
    """The circuit in Qiskit's words, with numbers for all of its angles."""
    made = QuantumCircuit(circuit.n_qubits)
    for gate in circuit.gates:
        angles = []
        for angle in gate.angles:
            match angle:
                case Encoding(index):
                    angles.append(encoding[index])
                case Weight(index):
                    angles.append(weights[index])
                case constant:
                    angles.append(constant)
        getattr(made, gate.name)(*angles, *gate.wires)  # both use the names of OpenQASM 3
    return made
