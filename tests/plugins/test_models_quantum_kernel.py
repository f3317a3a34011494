"""The head quantum-kernel: its states, its kernels, and the machine on top of them."""

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from qiskit.circuit.library import zz_feature_map
from qiskit.quantum_info import Statevector
from sklearn.svm import SVC

from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import TrainingPart
from qplug.testing import reference
from qplug.testing.components import check_head, training_part
from qplug_models.feature_maps import FeatureMap, fidelities, single_qubit_expectations
from qplug_models.quantum_kernel import KernelModule, QuantumKernel


def noisy(n_classes: int, n_samples: int = 90) -> TrainingPart:
    """Clouds that overlap."""
    training = training_part(3, n_classes, n_samples=n_samples)
    training.inputs.add_(torch.randn(n_samples, 3, generator=torch.Generator().manual_seed(9)))
    return training


def head(**values: Any) -> QuantumKernel:
    return QuantumKernel(n_qubits=3, **values)


def gram(module: KernelModule, training: TrainingPart) -> np.ndarray:
    scaled = (training.inputs.double() - module.mean) / module.spread
    return np.asarray(module.double().between(scaled, scaled).numpy())


@pytest.mark.parametrize("kernel", ["fidelity", "projected"])
@pytest.mark.parametrize("values", [{}, {"feature_map": "zz", "standardise": False}, {"landmarks": 20}])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_keeps_the_contract(kernel: Any, values: dict[str, Any], n_classes: int) -> None:
    check_head(head(kernel=kernel, **values), n_classes=n_classes)


@pytest.mark.parametrize(("name", "n_qubits"), [("iqp", 5), ("zz", 3), ("angle", 4), ("iqp", 1)])
def test_states_are_those_of_the_circuit(name: Any, n_qubits: int) -> None:
    feature_map = FeatureMap(name, n_qubits, 3, 0.7)
    inputs = torch.randn(4, n_qubits, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    angles, circuit = feature_map.angles(inputs).numpy(), feature_map.circuit()
    wanted = reference.final_states(circuit, angles, np.zeros(0)).reshape(4, -1)
    states = feature_map.states(inputs)
    np.testing.assert_allclose(np.abs((torch.complex(*states).numpy().conj() * wanted).sum(1)), 1, atol=1e-12)
    overlaps = np.abs(wanted.conj() @ wanted.T) ** 2
    np.testing.assert_allclose(fidelities(states, states).numpy(), overlaps, atol=1e-12)
    z = single_qubit_expectations(states)[:, 2::3]
    np.testing.assert_allclose(z.numpy(), reference.expectations(circuit, angles, np.zeros(0)), atol=1e-12)


def test_zz_is_qiskits_feature_map() -> None:
    inputs = torch.randn(3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    circuit = zz_feature_map(3, 2, entanglement="full")
    states = [Statevector(circuit.assign_parameters(0.5 * row.numpy())).data for row in inputs]
    wanted = np.abs(np.conj(states) @ np.transpose(states)) ** 2
    ours = FeatureMap("zz", 3, 2, 0.5).states(inputs)
    np.testing.assert_allclose(fidelities(ours, ours).numpy(), wanted, atol=1e-12)


def test_projected_kernel_is_of_the_distances_between_density_matrices() -> None:
    module = KernelModule(FeatureMap("iqp", 3, 2, 0.8), "projected", 2).double()
    module.gamma = torch.tensor(0.6).double()
    inputs = torch.randn(3, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    states = torch.complex(*module.feature_map.states(inputs)).reshape(3, 2, 2, 2).numpy()
    density = [np.einsum(f"{a},{b}->nij", states, states.conj()) for a, b in (
        ("niab", "njab"), ("naib", "najb"), ("nabi", "nabj"))]  # fmt: skip
    squares = sum((np.abs(rho[:, None] - rho[None]) ** 2).sum((2, 3)) for rho in density)
    np.testing.assert_allclose(module.between(inputs, inputs).numpy(), np.exp(-0.6 * squares), atol=1e-9)


@pytest.mark.parametrize("kernel", ["fidelity", "projected"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_it_is_scikit_learns_machine_on_the_gram_matrix(kernel: Any, n_classes: int) -> None:
    training = noisy(n_classes)
    made = head(kernel=kernel, c=2.0)
    made.fit(training)
    module = made.build(3, n_classes)
    matrix = gram(module, training)
    assert np.linalg.eigvalsh(matrix).min() > -1e-9
    other = SVC(C=2.0, kernel="precomputed", decision_function_shape="ovo").fit(matrix, training.labels)
    decisions = other.decision_function(matrix).reshape(90, -1)
    ours = module.decisions(training.inputs.double()).numpy()
    np.testing.assert_allclose(ours, -decisions if n_classes == 2 else decisions, atol=2e-3)  # SVC's tolerance
    single = made.build(3, n_classes)(training.inputs)
    assert torch.equal(single.argmax(1), module(training.inputs.double()).argmax(1))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_all_samples_as_landmarks_change_nothing(n_classes: int) -> None:
    training = noisy(n_classes)
    exact, nystroem = head(scale=0.5), head(scale=0.5, landmarks=90)
    for each in (exact, nystroem):
        each.fit(training)
    one, other = (each.build(3, n_classes).double().decisions(training.inputs) for each in (exact, nystroem))
    np.testing.assert_allclose(one.numpy(), other.numpy(), atol=5e-3)  # how near SVC comes to its optimum


def test_landmarks_are_so_many_and_follow_the_seed() -> None:
    training = noisy(3)
    marks = []
    for seed in (0, 0, 1):
        made = head(landmarks=12)
        made.fit(TrainingPart(training.inputs, training.labels, 3, seed))
        marks.append(made.build(3, 3).support)
    assert marks[0].shape == (12, 3)
    assert torch.equal(marks[0], marks[1])
    assert not torch.equal(marks[0], marks[2])


def test_a_large_set_is_compared_with_landmarks_only() -> None:
    assert head()._landmarks(2000) is None
    assert head()._landmarks(2001) == 500
    assert head(landmarks=50)._landmarks(10) == 10


def test_batches_of_any_size_give_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    training = noisy(3)
    for kernel in ("fidelity", "projected"):
        module = KernelModule(FeatureMap("iqp", 3, 2, 0.5), kernel, 3)  # type: ignore[arg-type]
        whole = module.between(training.inputs, training.inputs[:40])
        with monkeypatch.context() as patched:
            patched.setattr("qplug_models.quantum_kernel._AMPLITUDES", 7 * 8)
            torch.testing.assert_close(module.between(training.inputs, training.inputs[:40]), whole)


@pytest.mark.parametrize("kernel", ["fidelity", "projected"])
def test_a_concentrated_kernel_warns_and_another_does_not(kernel: Any) -> None:
    training = training_part(8, 2, n_samples=60)
    training.inputs.copy_(torch.randn(60, 8, generator=torch.Generator().manual_seed(0)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        QuantumKernel(kernel=kernel, scale=0.1).fit(training)
    concentrated = {"fidelity": {"scale": 3.0}, "projected": {"scale": 0.001, "feature_map": "angle"}}[kernel]
    with pytest.warns(UserWarning, match=rf"the {kernel} kernel is concentrated: .* a spread of 0\.0"):
        QuantumKernel(kernel=kernel, **concentrated).fit(training)  # type: ignore[arg-type]


def test_it_takes_an_input_per_qubit() -> None:
    with pytest.raises(NotSupported, match="quantum-kernel takes 3 inputs, one per qubit, but 5 were given"):
        head().build(5, 2)
    made = head()
    made.fit(noisy(3))
    with pytest.raises(NotSupported, match="fitted for 3 inputs and 3 classes, not for 3 and 2"):
        made.build(3, 2)
    training = noisy(3)
    kept = training.labels == 1
    with pytest.raises(NotSupported, match="all 30 training samples are of class 1"):
        head().fit(TrainingPart(training.inputs[kept], training.labels[kept], 3, 0))
