"""Existing QNodes and TorchLayers as heads, and the traps of today's layers."""

import copy
import io
import pickle
from typing import Any

import pennylane as qml
import pytest
import torch
from torch import Tensor, nn

from qplug.contract.errors import CircuitError, NotSupported
from qplug.heads.quantum_module import QuantumModule
from qplug.heads.traced_head import ImportedHead
from qplug_pennylane.default_qubit import DefaultQubit
from qplug_pennylane.head import PennyLaneHead
from qplug_pennylane.lightning_qubit import LightningQubit

SHAPES = {"weights": (2, 3, 3), "extra": 2}


@qml.qnode(qml.device("default.qubit", wires=3))
def qnode(inputs: Tensor, weights: Tensor, extra: Tensor) -> Any:
    qml.AngleEmbedding(torch.pi * inputs, wires=range(3))
    qml.StronglyEntanglingLayers(weights, wires=range(3))
    qml.CRX(extra[0] * inputs[..., 0], wires=[0, 2])
    qml.RY(extra[1], wires=1)
    return [qml.expval(qml.PauliZ(wire)) for wire in range(3)]


def values_head(**parameters: Any) -> ImportedHead:
    return PennyLaneHead.from_qnode(qnode, n_inputs=3, weight_shapes=SHAPES, read_out="values", **parameters)


def test_a_torch_layer_as_a_head_gives_its_numbers_and_gradients() -> None:
    torch.manual_seed(0)
    layer = qml.qnn.TorchLayer(qnode, SHAPES)
    head = PennyLaneHead.from_torch_layer(layer, n_inputs=3, read_out="values")
    module = QuantumModule(head, DefaultQubit(), 3, 3)
    inputs = torch.randn(5, 3, requires_grad=True)
    torch.testing.assert_close(module(inputs), layer(inputs).float(), atol=1e-6, rtol=0)
    wanted = torch.autograd.grad(layer(inputs).square().sum(), [inputs, *layer.parameters()])
    got = torch.autograd.grad(module(inputs).square().sum(), [inputs, *module.parameters()])
    torch.testing.assert_close(got[0], wanted[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(got[1], torch.cat([each.reshape(-1) for each in wanted[1:]]), atol=1e-5, rtol=0)


def test_a_qnode_starts_from_the_given_weights() -> None:
    weights = {"weights": torch.rand(2, 3, 3), "extra": torch.rand(2)}
    module = QuantumModule(values_head(weights=weights), DefaultQubit(), 3, 3)
    inputs = torch.randn(4, 3)
    wanted = torch.stack(list(qnode(inputs, **weights)), 1).float()
    torch.testing.assert_close(module(inputs), wanted, atol=1e-6, rtol=0)


def test_without_weights_the_start_is_random_and_seeded() -> None:
    starts = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        starts.append(QuantumModule(values_head(), DefaultQubit(), 3, 3).circuit_parameters.detach())
    assert torch.equal(starts[0], starts[1])
    assert not torch.equal(starts[0], starts[2])
    assert starts[0].shape == (20,)


def test_values_need_as_many_classes() -> None:
    with pytest.raises(NotSupported, match="3 values, which cannot be the logits of 2 classes"):
        QuantumModule(values_head(), DefaultQubit(), 3, 2)


def test_another_number_of_inputs_is_refused() -> None:
    with pytest.raises(NotSupported, match="takes 3 inputs, but 4"):
        values_head().circuit(4)


def test_a_hamiltonian_is_summed_before_the_read_out() -> None:
    @qml.qnode(qml.device("default.qubit"))
    def energy(inputs: Tensor, weights: Tensor) -> Any:
        qml.AngleEmbedding(inputs, wires=range(2))
        qml.BasicEntanglerLayers(weights, wires=range(2))
        return qml.expval(0.5 * qml.PauliZ(0) - 2.0 * qml.PauliX(1) + 0.25 * qml.Identity(0))

    weights = torch.rand(1, 2)
    head = PennyLaneHead.from_qnode(
        energy, n_inputs=2, weight_shapes={"weights": (1, 2)}, weights={"weights": weights}, read_out="values"
    )
    inputs = torch.randn(4, 2)
    wanted = energy(inputs, weights).float()[:, None]
    torch.testing.assert_close(QuantumModule(head, DefaultQubit(), 2, 1)(inputs), wanted, atol=1e-6, rtol=0)


def test_gradients_reach_the_layer_before_the_head() -> None:
    for backend in (DefaultQubit(), LightningQubit()):
        network = nn.Sequential(nn.Linear(5, 3), QuantumModule(values_head(), backend, 3, 3))
        network(torch.randn(4, 5)).square().sum().backward()
        assert network[0].weight.grad.abs().sum() > 0
        assert network[1].circuit_parameters.grad.abs().sum() > 0


@pytest.mark.parametrize("backend", [DefaultQubit(), LightningQubit()])
def test_a_model_can_be_copied_pickled_saved_and_loaded(backend: Any) -> None:
    module = QuantumModule(values_head(), backend, 3, 3)
    inputs = torch.randn(2, 3)
    logits = module(inputs)
    pickled = pickle.loads(pickle.dumps(module))  # noqa: S301, TID251 made in this line
    for twin in (copy.deepcopy(module), pickled):
        torch.testing.assert_close(twin(inputs), logits)
    stored = io.BytesIO()
    torch.save(module.state_dict(), stored)
    stored.seek(0)
    fresh = QuantumModule(values_head(), backend, 3, 3)
    fresh.load_state_dict(torch.load(stored, weights_only=True))
    torch.testing.assert_close(fresh(inputs), logits)


def test_a_qnode_that_samples_mid_circuit_is_refused_by_name() -> None:
    @qml.qnode(qml.device("default.qubit"))
    def measured(inputs: Tensor) -> Any:
        qml.RX(inputs[0], wires=0)
        qml.measure(0)
        return qml.expval(qml.PauliZ(0))

    with pytest.raises(CircuitError, match="MidMeasure"):
        PennyLaneHead.from_qnode(measured, n_inputs=1, weight_shapes={})


def plain(inputs: Tensor) -> Any:
    qml.RX(inputs[..., 0], wires=0)
    return qml.expval(qml.PauliZ(0))


def test_shots_and_noise_of_a_device_are_refused() -> None:
    model = qml.NoiseModel({qml.noise.op_eq(qml.RX): qml.noise.partial_wires(qml.AmplitudeDamping, 0.4)})
    cases = {
        "has a noise model": qml.QNode(plain, qml.add_noise(qml.device("default.mixed", wires=1), model)),
        r"readout errors \(readout_prob=0.1": qml.QNode(plain, qml.device("default.mixed", wires=1, readout_prob=0.1)),
        "from 10 shots": qml.set_shots(qml.QNode(plain, qml.device("default.qubit")), 10),
    }
    for named, noisy in cases.items():
        with pytest.raises(CircuitError, match=named):
            PennyLaneHead.from_qnode(noisy, n_inputs=1, weight_shapes={})


def test_a_qnode_that_mixes_the_samples_of_a_batch_is_refused() -> None:
    @qml.qnode(qml.device("default.qubit"))
    def mixing(inputs: Tensor) -> Any:
        qml.RX(inputs[..., 0] - inputs.mean(), wires=0)
        return qml.expval(qml.PauliZ(0))

    with pytest.raises(CircuitError, match="with a batch of inputs the angle of rx on 0"):
        PennyLaneHead.from_qnode(mixing, n_inputs=2, weight_shapes={})


def test_an_unknown_device_may_have_noise_that_is_left_out() -> None:
    class Elsewhere(qml.devices.DefaultQubit):  # type: ignore[misc]
        name = "elsewhere.qpu"

    with pytest.warns(UserWarning, match=r"the QNode's device 'elsewhere.qpu' may have is left out"):
        PennyLaneHead.from_qnode(qml.QNode(plain, Elsewhere()), n_inputs=1, weight_shapes={})


def test_a_qnode_without_weights_is_a_head() -> None:
    layer = qml.qnn.TorchLayer(qml.QNode(plain, qml.device("default.qubit")), {})
    head = PennyLaneHead.from_torch_layer(layer, n_inputs=1, read_out="values")
    inputs = torch.tensor([[0.3], [1.2]])
    torch.testing.assert_close(QuantumModule(head, DefaultQubit(), 1, 1)(inputs), inputs.cos(), atol=1e-6, rtol=0)


def test_a_number_of_samples_among_the_angles_is_refused() -> None:
    @qml.qnode(qml.device("default.qubit"))
    def counting(inputs: Tensor, weights: Tensor) -> Any:
        qml.RX(weights[0] + len(inputs), wires=0)
        return qml.expval(qml.PauliZ(0))

    with pytest.raises(CircuitError, match="with a batch of inputs the angle of rx on 0"):
        PennyLaneHead.from_qnode(counting, n_inputs=2, weight_shapes={"weights": 1})
