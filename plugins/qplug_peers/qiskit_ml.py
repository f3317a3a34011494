"""Qiskit Machine Learning's ``TorchConnector`` around an ``EstimatorQNN``, as its tutorials show it.

Everything is left as it is by default (a state-vector estimator, parameter-shift gradients), but for two arguments:
``input_gradients=True``, without which nothing before the circuit learns, and ``default_precision=0``, without which
values carry random errors of some hundredths and cannot be compared. Neither changes what is simulated.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from qplug.bench.peers import Peer
from qplug.bench.problem import Outcome, Problem
from qplug.bench.timing import Step
from qplug.contract.circuit import Circuit, Encoding, Weight


def connector(problem: Problem) -> Step:
    """The circuit as a ``TorchConnector``."""
    layer = _connector(problem.circuit, problem.parameters)

    def step() -> Outcome:
        values: Tensor = layer(problem.inputs)
        inputs, weights = torch.autograd.grad(values, (problem.inputs, layer.weight), problem.cotangent)
        return Outcome(values.detach(), inputs, weights)

    return step


def _connector(circuit: Circuit, weights: Tensor) -> Any:
    from qiskit.primitives import StatevectorEstimator
    from qiskit_machine_learning.connectors import TorchConnector
    from qiskit_machine_learning.neural_networks import EstimatorQNN

    built, inputs, weight_angles = _quantum_circuit(circuit)
    network = EstimatorQNN(
        circuit=built,
        observables=_observables(circuit),
        input_params=inputs,
        weight_params=weight_angles,
        input_gradients=True,
        default_precision=0.0,
        estimator=StatevectorEstimator(),
    )
    return TorchConnector(network, initial_weights=weights.detach().numpy())


def _quantum_circuit(circuit: Circuit) -> tuple[Any, list[Any], list[Any]]:
    from qiskit.circuit import ParameterVector, QuantumCircuit

    inputs, weights = ParameterVector("x", circuit.n_encoding), ParameterVector("w", circuit.n_weights)
    built = QuantumCircuit(circuit.n_qubits)
    for gate in circuit.gates:
        angles = [
            inputs[angle.index]
            if isinstance(angle, Encoding)
            else weights[angle.index]
            if isinstance(angle, Weight)
            else angle
            for angle in gate.angles
        ]
        getattr(built, gate.name)(*angles, *gate.wires)  # Qiskit's methods carry OpenQASM's names
    return built, list(inputs), list(weights)


def _observables(circuit: Circuit) -> list[Any]:
    from qiskit.quantum_info import SparsePauliOp

    # Letters are paired with wires here, so that nobody's order of qubits matters.
    return [
        SparsePauliOp.from_sparse_list([(each.paulis, list(each.wires), 1.0)], num_qubits=circuit.n_qubits)
        for each in circuit.observables
    ]


CONNECTOR = Peer(
    prepare=connector,
    requires=("qiskit_machine_learning",),
    packages=("qiskit", "qiskit-machine-learning"),
    patient=True,
)
"""``TorchConnector``."""
