"""Circuits as Qiskit users write them become circuits of the contract with the same numbers."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from qiskit import QuantumCircuit
from qiskit.circuit import Gate as QiskitGate
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit.library import (
    QFTGate,
    XXMinusYYGate,
    efficient_su2,
    n_local,
    pauli_feature_map,
    real_amplitudes,
    zz_feature_map,
)
from qiskit.quantum_info import Operator, SparsePauliOp, Statevector

from qplug.contract.circuit import GATES, Circuit, Encoding, Gate, Observable, Weight
from qplug.contract.errors import CircuitError
from qplug.testing import reference
from qplug.testing.circuits import each_gate, random_angles, random_circuit
from qplug_qiskit.expressions import angle_function
from qplug_qiskit.head import Parametrised, QiskitHead
from qplug_qiskit.outcomes import probabilities
from qplug_qiskit.tracing import pauli, to_qiskit, trace_circuit, with_named_angles

X = ParameterVector("x", 3)
W = ParameterVector("w", 30)


def feature_map_and_ansatz() -> QuantumCircuit:
    ansatz = real_amplitudes(3, reps=2)
    return zz_feature_map(3, 2).assign_parameters(list(X)).compose(ansatz.assign_parameters(list(W[:9])))


def library() -> QuantumCircuit:
    circuit = pauli_feature_map(3, 1, paulis=["Z", "XY"]).assign_parameters(list(X))
    circuit = circuit.compose(efficient_su2(3, reps=1).assign_parameters(list(W[:12])))
    circuit = circuit.compose(n_local(3, ["rx", "p"], "crz", reps=1).assign_parameters(list(W[12:27])))
    return circuit.compose(QFTGate(3).definition)


def expressions() -> QuantumCircuit:
    circuit = QuantumCircuit(3)
    for qubit in range(3):
        circuit.ry(2 * X[qubit].arctan() + np.pi / 3, qubit)
        circuit.rz((X[qubit] * W[qubit]).sin() - 1.5, qubit)
    circuit.cx(0, 1)
    circuit.rx((X[0] - np.pi) * (X[1] - np.pi) / 4, 1)
    circuit.p(W[3] ** 2 + X[2], 2)
    circuit.ry((W[4].exp() + X[0] ** 2).cos(), 0)
    circuit.rz(X[1].sign() * W[5] + (X[2] + W[6]).sign() + (X[0] - 1).abs(), 1)
    return circuit


def many_gates() -> QuantumCircuit:
    circuit = QuantumCircuit(3)
    for qubit in range(3):
        circuit.h(qubit)
        circuit.rx(X[qubit], qubit)
    circuit.u(W[0], X[1], 0.3, 0)
    circuit.r(W[1], 0.4, 1)
    circuit.rzx(W[2], 0, 1)
    circuit.cu(W[3], W[4], 0.1, 0.2, 1, 2)
    circuit.crx(W[5], 0, 2)
    circuit.cry(W[6], 2, 1)
    circuit.crz(X[0], 1, 0)
    circuit.cp(W[7], 0, 1)
    circuit.rxx(W[8], 0, 1)
    circuit.ryy(W[9], 1, 2)
    circuit.rzz(X[2], 0, 2)
    circuit.append(XXMinusYYGate(0.3), [0, 1])
    circuit.sdg(0)
    circuit.tdg(1)
    circuit.sxdg(2)
    circuit.iswap(0, 1)
    circuit.ccx(0, 1, 2)
    circuit.cswap(0, 1, 2)
    circuit.mcp(W[10], [0, 1], 2)
    circuit.unitary(Operator(np.array([[0.6, 0.8j], [0.8j, 0.6]])), [1])
    circuit.barrier()
    circuit.id(0)
    return circuit


OBSERVABLES = [
    SparsePauliOp("IIZ"),
    SparsePauliOp(["ZXI", "IYI"], [0.5, -2.0]),
    SparsePauliOp(["III", "XIZ"], [0.25, 1.0]),
]


@pytest.mark.parametrize("make", [feature_map_and_ansatz, library, expressions, many_gates], ids=lambda m: m.__name__)
def test_values_are_qiskits_own(make: Callable[[], QuantumCircuit]) -> None:
    circuit = make()
    traced = trace_circuit(circuit, list(X), list(W), OBSERVABLES)
    generator = np.random.default_rng(0)
    inputs, weights = generator.normal(size=(3, 3)), generator.normal(size=30)
    encoding = traced.angles.encode(torch.tensor(inputs), torch.tensor(weights))
    values = reference.expectations(
        traced.circuit, encoding.numpy(), traced.angles.weight_angles(torch.tensor(weights)).numpy()
    )
    values = traced.values.double()(torch.tensor(values)).numpy()
    known = dict(zip(W, weights, strict=True))
    for sample, row in zip(inputs, values, strict=True):
        binds = {**known, **dict(zip(X, sample, strict=True))}
        bound = circuit.assign_parameters({p: v for p, v in binds.items() if p in circuit.parameters})
        state = Statevector(bound)
        wanted = [state.expectation_value(observable).real for observable in OBSERVABLES]
        np.testing.assert_allclose(row, wanted, atol=1e-9)


def test_wire_i_is_qubit_i() -> None:
    circuit = QuantumCircuit(3)
    circuit.ry(X[0], 0)
    circuit.cx(0, 2)
    observable = SparsePauliOp("XIZ")  # Qiskit's labels have qubit 0 on the right
    traced = trace_circuit(circuit, [X[0]], [], [observable, SparsePauliOp("IZI")])
    assert traced.circuit.gates == (Gate("ry", (0,), (Encoding(0),)), Gate("cx", (0, 2)))
    assert traced.circuit.observables == (Observable("ZX", (0, 2)), Observable("Z", (1,)))


def test_idle_qubits_of_a_device_are_left_out() -> None:
    circuit = QuantumCircuit(50)
    circuit.ry(W[0], 20)
    circuit.cx(20, 40)
    traced = trace_circuit(circuit, [], [W[0]], [SparsePauliOp.from_sparse_list([("Z", [40], 1)], 50)])
    assert traced.circuit == Circuit(2, (Gate("ry", (0,), (Weight(0),)), Gate("cx", (0, 1))), (Observable("Z", (1,)),))


def test_measurements_at_the_end_are_left_out() -> None:
    circuit = QuantumCircuit(2)
    circuit.ry(X[0], 0)
    circuit.measure_all()
    assert [gate.name for gate in trace_circuit(circuit, [X[0]], [], [SparsePauliOp("IZ")]).circuit.gates] == ["ry"]
    assert circuit.count_ops()["measure"] == 2


def with_operation(name: str) -> QuantumCircuit:
    circuit = QuantumCircuit(2, 1)
    circuit.ry(X[0], 0)
    if name == "measure":
        circuit.measure(0, 0)
    elif name == "reset":
        circuit.reset(0)
    elif name == "initialize":
        circuit.initialize([0.6, 0.8], 1)
    elif name == "state_preparation":
        circuit.prepare_state([0.6, 0.8], 1)
    elif name == "if_else":
        with circuit.if_test((circuit.clbits[0], 1)):
            circuit.x(0)
    else:
        circuit.append(QiskitGate(name, 1, []), [0])
    circuit.h(0)
    return circuit


@pytest.mark.parametrize("name", ["measure", "reset", "initialize", "state_preparation", "if_else", "mystery"])
def test_what_cannot_be_expressed_is_refused_by_name(name: str) -> None:
    with pytest.raises(CircuitError, match=name):
        trace_circuit(with_operation(name), [X[0]], [], [SparsePauliOp("IZ")])


def test_a_parameter_that_is_neither_input_nor_weight_is_refused_by_name() -> None:
    circuit = QuantumCircuit(1)
    circuit.rx(X[0] + Parameter("phase"), 0)
    with pytest.raises(CircuitError, match=r"parameters phase are neither inputs nor weights.*x\[0\]"):
        trace_circuit(circuit, [X[0]], [], [SparsePauliOp("Z")])


@pytest.mark.parametrize(
    ("observable", "named"),
    [
        (SparsePauliOp(["Z"], [1j]), "1j is not real"),
        (Operator(np.eye(2)), "is a Operator"),
        (SparsePauliOp("I"), "nothing is measured"),
        (
            SparsePauliOp(["Z"], [2 * Parameter("k")]),
            r"factor of the observable's term Z is .*holds the parameter k;",
        ),
    ],
)
def test_other_observables_are_refused(observable: object, named: str) -> None:
    circuit = QuantumCircuit(1)
    circuit.rx(X[0], 0)
    with pytest.raises(CircuitError, match=named):
        trace_circuit(circuit, [X[0]], [], [observable])  # type: ignore[list-item]


@pytest.mark.parametrize("name", GATES)
def test_every_gate_of_the_contract_is_qiskits(name: str) -> None:
    circuit = each_gate((name,))[name]
    made, encoding, weights = with_named_angles(circuit)
    angles, shared = random_angles(circuit, 1, 0)
    bound = made.assign_parameters(dict(zip([*encoding, *weights], [*angles[0], *shared], strict=True)))
    wanted = reference.expectations(circuit, angles, shared)[0]
    state = Statevector(bound)
    got = [state.expectation_value(pauli(each, circuit.n_qubits)).real for each in circuit.observables]
    np.testing.assert_allclose(got, wanted, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_there_and_back_is_the_same_circuit(seed: int) -> None:
    circuit = random_circuit(3, 15, seed)
    made, encoding, weights = with_named_angles(circuit)
    observables = [pauli(each, 3) for each in circuit.observables]
    traced = trace_circuit(made, encoding, weights, observables)
    angles, shared = random_angles(circuit, 2, seed)
    values = reference.expectations(
        traced.circuit,
        traced.angles.encode(torch.tensor(angles), torch.tensor(shared)).numpy(),
        traced.angles.weight_angles(torch.tensor(shared)).numpy(),
    )
    values = traced.values.double()(torch.tensor(values)).numpy()
    np.testing.assert_allclose(values, reference.expectations(circuit, angles, shared), atol=1e-12)


def test_probabilities_are_sums_of_z_strings() -> None:
    generator = np.random.default_rng(0)
    state = Statevector(generator.normal(size=8) + 1j * generator.normal(size=8))
    state = state / np.linalg.norm(state.data)
    interpretation = np.array([bin(outcome).count("1") % 3 for outcome in range(8)])
    got = [state.expectation_value(operator).real for operator in probabilities(3, range(3), interpretation, 3)]
    wanted = [state.probabilities()[interpretation == value].sum() for value in range(3)]
    np.testing.assert_allclose(got, wanted, atol=1e-12)


def test_a_parity_takes_one_string() -> None:
    even, odd = probabilities(4, range(4), np.array([bin(outcome).count("1") % 2 for outcome in range(16)]), 2)
    assert even == SparsePauliOp(["IIII", "ZZZZ"], [0.5, 0.5])
    assert odd == SparsePauliOp(["IIII", "ZZZZ"], [0.5, -0.5])


def test_gates_take_numbers_as_well() -> None:
    circuit = Circuit(1, (Gate("rx", (0,), (Weight(0),)),), (Observable("Z", (0,)),))
    assert to_qiskit(circuit, [[0.5]]).data[0].operation.params == [0.5]


class Unsettled(QiskitHead):
    """Its constant is drawn anew whenever it is asked for its circuit."""

    n_inputs = 1
    read_out = "linear"

    def parametrised(self) -> Parametrised:
        circuit = QuantumCircuit(1)
        circuit.ry(X[0] + np.random.rand(), 0)
        return Parametrised(circuit, [X[0]], [])


def test_an_expression_that_comes_down_to_one_parameter_is_that_parameter() -> None:
    for _ in range(12):  # Qiskit orders the parameters of an expression by chance
        a, b = Parameter("a"), Parameter("b")
        (angle,) = angle_function([a - a + b], [a, b], [])(torch.tensor([0.25, 0.75]), torch.zeros(0))
        assert float(angle) == 0.75


def test_a_circuit_that_is_another_one_at_each_call_is_refused() -> None:
    with pytest.raises(CircuitError, match=r"the angle of ry on 0 is not what tracing found.*random structure a seed"):
        Unsettled().trace()


def test_the_sign_of_a_parameter_is_traced() -> None:
    circuit = QuantumCircuit(1)
    circuit.ry(X[0].sign() * X[0] ** 2, 0)
    traced = trace_circuit(circuit, [X[0]], [], [SparsePauliOp("Z")])
    angles = traced.angles.encode(torch.tensor([[0.5], [-3.0]]), torch.zeros(0))
    torch.testing.assert_close(angles, torch.tensor([[0.25], [-9.0]]))
