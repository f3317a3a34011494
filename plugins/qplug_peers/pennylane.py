"""PennyLane's ``TorchLayer``, as its documentation shows it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from qplug.bench.peers import Peer
from qplug.bench.problem import Outcome, Problem
from qplug.bench.timing import Step
from qplug.contract.circuit import Circuit, Encoding, Gate, Observable, Weight

_NAMES = {
    "x": "PauliX", "y": "PauliY", "z": "PauliZ", "h": "Hadamard", "s": "S", "t": "T", "sx": "SX",
    "rx": "RX", "ry": "RY", "rz": "RZ", "p": "PhaseShift",
    "cx": "CNOT", "cy": "CY", "cz": "CZ", "ch": "CH", "swap": "SWAP",
    "crx": "CRX", "cry": "CRY", "crz": "CRZ", "cp": "ControlledPhaseShift",
    "rxx": "IsingXX", "ryy": "IsingYY", "rzz": "IsingZZ", "ccx": "Toffoli",
}  # fmt: skip


def backprop(problem: Problem) -> Step:
    """On default.qubit, differentiated by backpropagation."""
    return _layer_step(problem, "default.qubit", "backprop")


def adjoint(problem: Problem) -> Step:
    """On lightning.qubit, differentiated by the adjoint method."""
    return _layer_step(problem, "lightning.qubit", "adjoint")


def _layer_step(problem: Problem, device_name: str, diff_method: str) -> Step:
    layer = _layer(problem.circuit, device_name, diff_method)
    with torch.no_grad():
        layer.weights.copy_(problem.parameters)

    def step() -> Outcome:
        values: Tensor = layer(problem.inputs)
        inputs, weights = torch.autograd.grad(values, (problem.inputs, layer.weights), problem.cotangent)
        return Outcome(values.detach(), inputs, weights)

    return step


def _layer(circuit: Circuit, device_name: str, diff_method: str) -> Any:
    import pennylane as qml

    device = qml.device(device_name, wires=circuit.n_qubits)

    def circuit_function(inputs: Any, weights: Any) -> Any:
        for gate in circuit.gates:
            _apply(qml, gate, inputs, weights)
        return [qml.expval(qml.pauli.string_to_pauli_word(each.paulis, _order(each))) for each in circuit.observables]

    node = qml.QNode(circuit_function, device, interface="torch", diff_method=diff_method)
    return qml.qnn.TorchLayer(node, {"weights": (circuit.n_weights,)})


def _order(observable: Observable) -> dict[int, int]:
    """Which letter of the Pauli string belongs to each wire."""
    return {wire: place for place, wire in enumerate(observable.wires)}


def _apply(qml: Any, gate: Gate, inputs: Any, weights: Any) -> None:
    angles = [_value(angle, inputs, weights) for angle in gate.angles]
    if gate.name == "u":  # the same up to a phase that nobody sees, and it takes batches
        theta, phi, lam = angles
        (wire,) = gate.wires
        qml.RZ(lam, wire)
        qml.RY(theta, wire)
        qml.RZ(phi, wire)
    elif gate.name in ("sdg", "tdg"):
        qml.adjoint(getattr(qml, gate.name[0].upper())(gate.wires))
    else:
        getattr(qml, _NAMES[gate.name])(*angles, wires=gate.wires)


def _value(angle: Any, inputs: Any, weights: Any) -> Any:
    match angle:
        case Encoding(index):
            return inputs[..., index]
        case Weight(index):
            return weights[index]
        case _:
            return angle


BACKPROP = Peer(prepare=backprop, requires=("pennylane",))
"""``TorchLayer`` on default.qubit."""


ADJOINT = Peer(prepare=adjoint, requires=("pennylane", "pennylane_lightning"))
"""``TorchLayer`` on lightning.qubit."""
