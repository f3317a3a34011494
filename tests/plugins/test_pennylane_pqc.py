"""The heads pennylane-pqc and pennylane-ry-rz-ring."""

import copy
import math
from typing import Any

import pennylane as qml
import pytest
import torch

from qplug.contract.errors import NotSupported
from qplug.heads.quantum_module import QuantumModule
from qplug_pennylane.default_qubit import DefaultQubit
from qplug_pennylane.head import PennyLaneHead
from qplug_pennylane.pqc import Pqc
from qplug_pennylane.ry_rz_ring import RyRzRing

VARIANTS: list[PennyLaneHead] = [
    Pqc(n_qubits=4),
    Pqc(n_qubits=3, rotation="x", layers="basic", n_layers=3),
    Pqc(n_qubits=3, rotation="z", re_uploading=True, scale=1.0),
    Pqc(n_qubits=2, angle_map="tanh"),
    Pqc(n_qubits=2, angle_map="arctan", re_uploading=True),
    Pqc(n_qubits=1),
    Pqc(n_qubits=1, layers="basic"),
    Pqc(n_qubits=3, read_out="parity"),
    Pqc(n_qubits=3, read_out="z"),
    Pqc(n_qubits=2, layers="basic", n_layers=2),
    Pqc(n_qubits=3, n_layers=5),
    RyRzRing(),
    RyRzRing(n_qubits=2, n_layers=2, scale=0.5),
    RyRzRing(n_qubits=1),
    RyRzRing(read_out="parity"),
]


@pytest.mark.parametrize("head", VARIANTS, ids=lambda head: f"{type(head).__name__}-{VARIANTS.index(head)}")
def test_every_variant_is_its_quantum_function(head: PennyLaneHead) -> None:
    torch.manual_seed(0)
    n_inputs = head.n_inputs
    module = QuantumModule(head, DefaultQubit(), n_inputs, 2 if n_inputs > 1 else 1)
    inputs = torch.randn(3, n_inputs, requires_grad=True)
    weights = module.circuit_parameters.reshape(head.weight_shape)
    qnode = qml.QNode(head.quantum_function, qml.device("default.qubit"))
    rows = [qnode(sample.double(), weights.double()) for sample in inputs]
    wanted = torch.stack([torch.stack(row) if isinstance(row, list | tuple) else row[None] for row in rows])
    got = module.expectations(inputs)
    torch.testing.assert_close(got.double(), wanted, atol=1e-6, rtol=0)
    both = [inputs, module.circuit_parameters]
    gradients = [torch.autograd.grad(values.square().sum(), both, retain_graph=True) for values in (got, wanted)]
    torch.testing.assert_close(gradients[0], gradients[1], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("head", [head for head in VARIANTS if isinstance(head, Pqc)], ids=repr)
def test_the_circuit_that_is_written_out_is_the_one_that_is_traced(head: Pqc) -> None:
    written, traced = head.trace(), PennyLaneHead.trace(head)
    assert written.circuit == traced.circuit
    inputs, parameters = torch.randn(5, head.n_inputs), torch.randn(head.n_parameters)
    assert torch.equal(written.angles.encode(inputs, parameters), traced.angles.encode(inputs, parameters))
    assert torch.equal(written.angles.weight_angles(parameters), traced.angles.weight_angles(parameters))
    assert torch.equal(written.values.matrix, traced.values.matrix)
    assert torch.equal(written.values.offset, traced.values.offset)


def test_layers_are_pennylanes_template_in_one_call() -> None:
    def one_call(inputs: torch.Tensor, weights: torch.Tensor) -> Any:
        qml.AngleEmbedding(0.5 * inputs, wires=range(4), rotation="Y")
        qml.StronglyEntanglingLayers(weights, wires=range(4))
        return [qml.expval(qml.PauliZ(wire)) for wire in range(4)]

    head = Pqc(n_qubits=4, n_layers=4)
    inputs, weights = torch.randn(4), torch.randn(head.weight_shape)
    device = qml.device("default.qubit")
    wanted = qml.QNode(one_call, device)(inputs, weights)
    got = qml.QNode(head.quantum_function, device)(inputs, weights)
    torch.testing.assert_close(torch.stack(list(got)), torch.stack(list(wanted)))


@pytest.mark.parametrize("rotation", ["x", "y", "z"])
def test_every_embedding_lets_the_inputs_through(rotation: Any) -> None:
    module = QuantumModule(Pqc(n_qubits=2, rotation=rotation), DefaultQubit(), 2, 2)
    inputs = torch.randn(3, 2, requires_grad=True)
    module.expectations(inputs).square().sum().backward()
    assert (inputs.grad.abs() > 1e-6).all()


def test_scale_is_radians_per_unit() -> None:
    head = Pqc(n_qubits=2, scale=0.25)
    inputs, parameters = torch.tensor([[1.0, -2.0]]), torch.zeros(12)
    torch.testing.assert_close(head.encode(inputs, parameters), torch.tensor([[0.25, -0.5]]))
    head = Pqc(n_qubits=2, scale=math.pi, angle_map="tanh")
    torch.testing.assert_close(head.encode(inputs, parameters), math.pi * torch.tanh(inputs))


def test_z_read_out_refuses_more_classes_than_qubits() -> None:
    with pytest.raises(NotSupported, match="2 qubits for 10 classes"):
        QuantumModule(Pqc(n_qubits=2, read_out="z"), DefaultQubit(), 2, 10)


def test_weights_start_uniform_over_the_circle() -> None:
    head = Pqc(n_qubits=8, n_layers=20)
    start = head.initial_parameters(head.circuit(8), torch.Generator().manual_seed(0))
    assert start.shape == (480,)
    assert 0 <= start.min() < 0.2
    assert 2 * math.pi - 0.2 < start.max() < 2 * math.pi


def test_a_head_learns_two_classes_and_its_copy_keeps_them() -> None:
    torch.manual_seed(0)
    labels = torch.arange(60) % 2
    inputs = torch.randn(60, 2) * 0.3 + torch.where(labels[:, None] == 1, 1.0, -1.0)
    module = QuantumModule(Pqc(n_qubits=2), DefaultQubit(), 2, 2)
    optimiser = torch.optim.Adam(module.parameters(), lr=0.1)
    for _ in range(25):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(module(inputs), labels).backward()
        optimiser.step()
    assert (module.eval()(inputs).argmax(1) == labels).float().mean() > 0.95
    assert torch.equal(copy.deepcopy(module)(inputs), module(inputs))
