"""What a QNN's outcomes are read from: layouts, ancillas, classical bits, interpret."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, transpile
from qiskit.circuit import ParameterVector
from qiskit.primitives import StatevectorEstimator, StatevectorSampler
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit.transpiler import CouplingMap, generate_preset_pass_manager
from qiskit_machine_learning.neural_networks import EstimatorQNN, SamplerQNN

from qplug.contract.errors import CircuitError
from qplug.heads.quantum_module import QuantumModule
from qplug_qiskit.aer import Aer
from qplug_qiskit.head import QiskitHead

BASIS = ["cx", "rz", "ry", "sx"]
X, W = ParameterVector("x", 3), ParameterVector("w", 3)
INPUTS = np.array([[0.4, 1.9, -0.7], [2.4, -0.3, 1.1]])
WEIGHTS = np.array([0.9, -1.3, 0.5])


def circuit(*registers: Any) -> QuantumCircuit:
    """Three qubits of which each gives other outcomes, entangled all with all: a line map must move some."""
    made = QuantumCircuit(*(registers or (3,)))
    for qubit in range(3):
        made.ry(X[qubit] + qubit, qubit)
    for control, target in ((0, 1), (0, 2), (1, 2)):
        made.crx(W[control] + target, control, target)
    made.ry(W[2], 0)
    return made


def on_a_line(n_qubits: int, seed: int) -> QuantumCircuit:
    pairs = CouplingMap.from_line(n_qubits)
    return transpile(circuit(), coupling_map=pairs, basis_gates=BASIS, seed_transpiler=seed)


def sampler(of: QuantumCircuit, **options: Any) -> SamplerQNN:
    exact = StatevectorSampler(default_shots=20_000, seed=1)
    return SamplerQNN(circuit=of, sampler=exact, input_params=list(X), weight_params=list(W), **options)


def head_values(head: Any, n_values: int, inputs: np.ndarray = INPUTS) -> np.ndarray:
    return QuantumModule(head, Aer(), 3, n_values)(torch.tensor(inputs)).detach().numpy()


def assert_same(qnn: SamplerQNN, inputs: np.ndarray = INPUTS) -> np.ndarray:
    got = head_values(QiskitHead.from_qnn(qnn, weights=WEIGHTS, read_out="values"), qnn.output_shape[0], inputs)
    np.testing.assert_allclose(got, qnn.forward(inputs, WEIGHTS), atol=0.02)
    return got


@pytest.mark.parametrize(("n_qubits", "seed"), [(3, 1), (3, 4), (5, 2)])
def test_outcomes_are_read_through_the_layout(n_qubits: int, seed: int) -> None:
    plain = assert_same(sampler(circuit()))
    moved = on_a_line(n_qubits, seed)
    assert moved.layout.final_index_layout(filter_ancillas=True) != [0, 1, 2]
    np.testing.assert_allclose(assert_same(sampler(moved)), plain, atol=1e-5)
    first_bit = {"interpret": lambda outcome: outcome & 1, "output_shape": 2}
    one_bit = assert_same(sampler(moved, **first_bit))
    np.testing.assert_allclose(one_bit[:, 1], plain[:, 1::2].sum(1), atol=1e-5)


def test_a_pass_manager_is_followed() -> None:
    line = CouplingMap.from_line(5)
    manager = generate_preset_pass_manager(1, coupling_map=line, basis_gates=BASIS, seed_transpiler=2)
    plain = assert_same(sampler(circuit()))
    np.testing.assert_allclose(assert_same(sampler(circuit(), pass_manager=manager)), plain, atol=1e-5)


def test_a_circuits_own_measurements_give_its_classical_bits() -> None:
    plain = assert_same(sampler(circuit()))
    all_measured = circuit()
    all_measured.measure_all()
    np.testing.assert_allclose(assert_same(sampler(all_measured)), plain, atol=1e-5)

    last_only = circuit(QuantumRegister(3), ClassicalRegister(1, "meas"))
    last_only.measure(2, 0)
    fewer = assert_same(sampler(last_only))
    np.testing.assert_allclose(fewer[:, :2], np.stack([plain[:, :4].sum(1), plain[:, 4:].sum(1)], 1), atol=1e-5)
    assert not fewer[:, 2:].any()
    assert_same(sampler(last_only, interpret=lambda outcome: 1 - outcome, output_shape=2))


def test_several_registers_and_turned_bits_are_read_as_qiskit_joins_them() -> None:
    turned = circuit(QuantumRegister(3), ClassicalRegister(2, "b"), ClassicalRegister(1, "a"))
    turned.measure([2, 0, 1], [0, 1, 2])
    # With registers of other names Qiskit Machine Learning mixes the samples of a batch: one at a time.
    assert_same(sampler(turned), INPUTS[:1])
    np.testing.assert_allclose(assert_same(sampler(turned), INPUTS[1:]).sum(1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("interpret", "words"),
    [
        (lambda outcome: outcome, r"interpret\(2\) gives 2, which is no index of its 2 outputs"),
        (lambda outcome: -outcome, r"interpret\(1\) gives -1, which is no index"),
        (lambda outcome: outcome / 2, r"interpret\(0\) gives 0\.0, which is no index"),
        (lambda outcome: [0, 1][outcome], r"interpret\(2\) fails: IndexError: list index out of range"),
    ],
)
def test_an_interpret_beyond_its_outputs_is_refused(interpret: Any, words: str) -> None:
    with pytest.raises(CircuitError, match=words):
        QiskitHead.from_qnn(sampler(circuit(), interpret=interpret, output_shape=2))


def test_probabilities_of_many_qubits_are_refused() -> None:
    wide = QuantumCircuit(13)
    wide.ry(X[0], 0)
    qnn = SamplerQNN(circuit=wide, sampler=StatevectorSampler(), input_params=[X[0]], weight_params=[])
    with pytest.raises(CircuitError, match="13 measured qubits are sums of 8192 Pauli strings"):
        QiskitHead.from_qnn(qnn)


def test_an_estimator_on_a_wider_map_wants_observables_of_its_width_as_in_qiskit() -> None:
    def qnn(of: QuantumCircuit, observable: SparsePauliOp) -> EstimatorQNN:
        return EstimatorQNN(circuit=of, estimator=StatevectorEstimator(), observables=observable, default_precision=0.0,
                            input_params=list(X), weight_params=list(W))  # fmt: skip

    wide, label = on_a_line(5, 2), SparsePauliOp("XZY")
    with pytest.raises(
        CircuitError, match=r"acts on 3 qubits, the circuit has 5\. Give it as observable\.apply_layout"
    ):
        QiskitHead.from_qnn(qnn(wide, label))
    laid_out = qnn(wide, label.apply_layout(wide.layout))
    got = head_values(QiskitHead.from_qnn(laid_out, weights=WEIGHTS, read_out="values"), 1)
    np.testing.assert_allclose(got, laid_out.forward(INPUTS, WEIGHTS), atol=1e-5)
    np.testing.assert_allclose(got, qnn(circuit(), label).forward(INPUTS, WEIGHTS), atol=1e-5)


def test_a_transpiled_circuit_measures_the_qubits_that_it_was_written_for() -> None:
    moved = on_a_line(5, 2)
    head = QiskitHead.from_circuit(moved, inputs=list(X), weights=list(W), start=WEIGHTS, read_out="values")
    state = Statevector(circuit().assign_parameters({X: INPUTS[0], W: WEIGHTS}))
    wanted = [state.expectation_value(SparsePauliOp(label)).real for label in ("IIZ", "IZI", "ZII")]
    assert head.circuit(3).n_qubits <= 5
    np.testing.assert_allclose(head_values(head, 3)[0], wanted, atol=1e-5)
