"""Existing QNNs as heads, the heads from Qiskit's library, and the traps of today's layers."""

import copy
import pickle

import numpy as np
import pytest
import torch
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.circuit.library import real_amplitudes, zz_feature_map
from qiskit.primitives import StatevectorEstimator, StatevectorSampler
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit_machine_learning.connectors import TorchConnector
from qiskit_machine_learning.neural_networks import EstimatorQNN, SamplerQNN
from torch import nn

from qplug.contract.errors import CircuitError, NotSupported
from qplug.heads.quantum_module import QuantumModule
from qplug_qiskit.aer import Aer
from qplug_qiskit.head import QiskitHead
from qplug_qiskit.qnn import EfficientSu2, Qnn

FEATURES = zz_feature_map(2, 1)
ANSATZ = real_amplitudes(2, reps=1)
CIRCUIT = FEATURES.compose(ANSATZ)
OBSERVABLES = [SparsePauliOp("IZ"), SparsePauliOp(["XX", "II", "ZI"], [0.5, 0.25, -1.0])]


def estimator_qnn() -> EstimatorQNN:
    return EstimatorQNN(
        circuit=CIRCUIT,
        estimator=StatevectorEstimator(),
        observables=OBSERVABLES,
        input_params=list(FEATURES.parameters),
        weight_params=list(ANSATZ.parameters),
        input_gradients=True,
        default_precision=0.0,
    )


def test_an_estimator_qnn_as_a_head_gives_its_numbers_and_gradients() -> None:
    connector = TorchConnector(estimator_qnn(), initial_weights=np.array([0.3, -1.0, 2.0, 0.7]))
    head = QiskitHead.from_qnn(connector.neural_network, weights=connector.weight, read_out="values")
    module = QuantumModule(head, Aer(), 2, 2)
    inputs = torch.randn(3, 2, generator=torch.Generator().manual_seed(0)).requires_grad_()
    torch.testing.assert_close(module(inputs), connector(inputs), atol=1e-5, rtol=0)
    wanted = torch.autograd.grad(connector(inputs).square().sum(), [inputs, connector.weight])
    got = torch.autograd.grad(module(inputs).square().sum(), [inputs, module.circuit_parameters])
    # Angles near 20 radians leave this much of float32.
    torch.testing.assert_close(got, wanted, atol=1e-4, rtol=0)


def test_a_qnn_without_observables_measures_all_qubits() -> None:
    qnn = EstimatorQNN(
        circuit=CIRCUIT,
        estimator=StatevectorEstimator(),
        input_params=list(FEATURES.parameters),
        weight_params=list(ANSATZ.parameters),
        default_precision=0.0,
    )
    inputs, weights = np.array([[0.1, 0.5]]), np.array([0.3, -1.0, 2.0, 0.7])
    module = QuantumModule(QiskitHead.from_qnn(qnn, weights=weights, read_out="values"), Aer(), 2, 1)
    np.testing.assert_allclose(module(torch.tensor(inputs)).detach(), qnn.forward(inputs, weights), atol=1e-6)


@pytest.mark.parametrize("interpreted", [False, True])
def test_a_sampler_qnn_as_a_head_gives_its_probabilities(interpreted: bool) -> None:
    ways = {"interpret": lambda outcome: bin(outcome).count("1") % 2, "output_shape": 2} if interpreted else {}
    qnn = SamplerQNN(
        circuit=CIRCUIT,
        sampler=StatevectorSampler(default_shots=100_000, seed=1),
        input_params=list(FEATURES.parameters),
        weight_params=list(ANSATZ.parameters),
        **ways,
    )
    inputs, weights = np.array([[0.1, 0.5], [1.0, -2.0]]), np.array([0.3, -1.0, 2.0, 0.7])
    head = QiskitHead.from_qnn(qnn, weights=weights, read_out="values")
    probabilities = QuantumModule(head, Aer(), 2, 2 if interpreted else 4)(torch.tensor(inputs)).detach()
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(probabilities, qnn.forward(inputs, weights), atol=0.01)
    assert len(head.circuit(2).observables) == (1 if interpreted else 3)


def test_something_else_cannot_become_a_head() -> None:
    with pytest.raises(CircuitError, match="a list cannot become a head"):
        QiskitHead.from_qnn([])


def test_values_need_as_many_classes() -> None:
    with pytest.raises(NotSupported, match="2 values, which cannot be the logits of 3"):
        QuantumModule(QiskitHead.from_qnn(estimator_qnn(), read_out="values"), Aer(), 2, 3)


def test_any_circuit_can_be_a_head() -> None:
    x, w = ParameterVector("x", 2), ParameterVector("w", 2)
    circuit = QuantumCircuit(2)
    circuit.ry(2 * x[0], 0)
    circuit.ry(x[1] * w[0], 1)
    circuit.crx(w[1], 0, 1)
    head = QiskitHead.from_circuit(circuit, inputs=list(x), weights=list(w), start=[0.5, 1.0], read_out="values")
    inputs = torch.tensor([[0.2, 0.9]])
    bound = Statevector(circuit.assign_parameters({x: [0.2, 0.9], w: [0.5, 1.0]}))
    wanted = [bound.expectation_value(SparsePauliOp(label)).real for label in ("IZ", "ZI")]
    np.testing.assert_allclose(QuantumModule(head, Aer(), 2, 2)(inputs)[0].detach(), wanted, atol=1e-6)


def qnn_by_hand(entanglement: str, inputs: np.ndarray, weights: np.ndarray) -> list[float]:
    features = zz_feature_map(3, 1, entanglement=entanglement)
    ansatz = real_amplitudes(3, entanglement=entanglement, reps=2)
    state = Statevector(features.assign_parameters(inputs).compose(ansatz.assign_parameters(weights)))
    return [state.expectation_value(SparsePauliOp(label)).real for label in ("IIZ", "IZI", "ZII")]


@pytest.mark.parametrize("entanglement", ["full", "linear", "circular", "reverse_linear"])
def test_the_qnn_is_qiskits_feature_map_and_ansatz(entanglement: str) -> None:
    head = Qnn(n_qubits=3, entanglement=entanglement, scale=0.4)  # type: ignore[arg-type]
    module = QuantumModule(head, Aer(), 3, 2)
    inputs = torch.randn(2, 3)
    got = module.expectations(inputs).detach().numpy()
    weights = module.circuit_parameters.detach().numpy()
    wanted = [qnn_by_hand(entanglement, 0.4 * sample.numpy(), weights) for sample in inputs]
    np.testing.assert_allclose(got, wanted, atol=1e-5)


def test_defaults_are_the_qc_cnn_systems_circuit() -> None:
    circuit = Qnn().circuit(8)
    assert circuit.n_qubits == 8
    assert circuit.n_weights == 24
    assert circuit.gate_counts == {"cx": 112, "p": 36, "ry": 24, "h": 8}


@pytest.mark.parametrize(
    "head", [Qnn(n_qubits=2), EfficientSu2(n_qubits=1), EfficientSu2(n_qubits=2, angle_map="tanh")]
)
def test_gradients_reach_the_layer_before_the_head(head: QiskitHead) -> None:
    network = nn.Sequential(nn.Linear(3, head.n_inputs), QuantumModule(head, Aer(), head.n_inputs, 2))
    (network(torch.randn(4, 3)) * torch.randn(4, 2)).sum().backward()
    assert network[0].weight.grad.abs().sum() > 0
    assert network[1].circuit_parameters.grad.abs().sum() > 0


@pytest.mark.parametrize("head", [Qnn(n_qubits=2), QiskitHead.from_qnn(estimator_qnn())])
def test_a_model_can_be_copied_and_pickled(head: QiskitHead) -> None:
    module = QuantumModule(head, Aer(), 2, 2).eval()
    inputs = torch.randn(2, 2)
    logits = module(inputs)
    pickled = pickle.loads(pickle.dumps(module))  # noqa: S301, TID251 made in this line
    for twin in (copy.deepcopy(module), pickled):
        torch.testing.assert_close(twin(inputs), logits)


def test_scale_and_map_come_before_the_feature_map() -> None:
    plain, scaled = Qnn(n_qubits=2, scale=1.0), Qnn(n_qubits=2, scale=0.5, angle_map="tanh")
    inputs, parameters = torch.randn(3, 2), torch.zeros(6)
    torch.testing.assert_close(scaled.encode(inputs, parameters), plain.encode(0.5 * torch.tanh(inputs), parameters))


def test_parity_measures_one_string() -> None:
    observables = EfficientSu2(n_qubits=3, read_out="parity").circuit(3).observables
    assert [str(observable) for observable in observables] == ["Z0 Z1 Z2"]
