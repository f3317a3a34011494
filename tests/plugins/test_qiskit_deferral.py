"""Measurements in mid-circuit whose results decide gates: the head equals the circuit with its measurements."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import ParameterVector
from qiskit.circuit.classical import expr
from qiskit.circuit.library import RYGate
from qiskit.primitives import StatevectorSampler
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit_machine_learning.neural_networks import SamplerQNN

from qplug.contract.errors import CircuitError
from qplug.heads.quantum_module import QuantumModule
from qplug_qiskit.circuit_file import CircuitFile
from qplug_qiskit.head import QiskitHead
from qplug_torch.backend import Torch

X, W = ParameterVector("x", 2), ParameterVector("w", 2)
OBSERVABLES = [SparsePauliOp(["IIZ", "XZI"], [1, 0.5]), SparsePauliOp("YIX"), SparsePauliOp("ZZZ")]


def started() -> QuantumCircuit:
    """Three entangled qubits, two measured bits' places and one that nothing is measured into."""
    circuit = QuantumCircuit(QuantumRegister(3, "q"), ClassicalRegister(2, "c"), ClassicalRegister(1, "other"))
    circuit.ry(X[0] + 0.3, 0)
    circuit.rx(2 * W[0] * X[1], 1)
    circuit.crx(1.1, 0, 2)
    circuit.cry(W[0], 1, 0)
    circuit.h(2)
    return circuit


def one_bit() -> QuantumCircuit:
    circuit = started()
    circuit.measure(0, 1)
    with circuit.if_test((circuit.clbits[1], 0)):
        circuit.rx(X[1] * W[1], 2)
        circuit.barrier()
        circuit.cx(2, 1)
    circuit.ry(0.4, 0)
    return circuit


def a_register_or_else() -> QuantumCircuit:
    circuit = started()
    circuit.measure([0, 1], [0, 1])
    with circuit.if_test((circuit.cregs[0], 2)) as otherwise:
        circuit.u(X[0], W[0], W[1], 2)
    with otherwise:
        circuit.h(0)
        circuit.rzz(W[1], 0, 2)
    circuit.ry(X[1], 1)
    return circuit


def within_one_another() -> QuantumCircuit:
    circuit = started()
    circuit.measure([0, 1], [0, 1])
    with circuit.if_test((circuit.clbits[0], 1)) as otherwise:
        circuit.sx(1)
        with circuit.if_test((circuit.clbits[1], 1)) as other:
            circuit.ry(W[1], 2)
        with other:
            circuit.append(RYGate(X[0]).control(1), [0, 1])
        with circuit.if_test((circuit.clbits[0], 0)):
            circuit.x(2)
    with otherwise, circuit.if_test((circuit.cregs[0], 2)):
        circuit.p(X[1], 2)
        circuit.h(2)
    return circuit


def a_bit_measured_twice() -> QuantumCircuit:
    circuit = started()
    for target in (1, 2):
        circuit.measure(0, 0)
        with circuit.if_test((circuit.clbits[0], 1)):
            circuit.ry(W[1] + target, target)
        circuit.ry(X[0], 0)
        circuit.cx(1, 0)
    return circuit


def a_bit_without_a_result_and_parts_of_parts() -> QuantumCircuit:
    circuit, part = started(), QuantumCircuit(2, name="part", global_phase=0.7)
    part.ry(W[1], 0)
    part.cz(0, 1)
    circuit.measure(2, 1)
    body = QuantumCircuit(2, 2)
    body.append(part, [0, 1])
    inner = QuantumCircuit(1, 1)
    inner.rx(X[1], 0)
    body.if_else((body.clbits[0], 1), inner, None, [1], [0])
    circuit.if_else((circuit.cregs[0], 2), body, None, [2, 0], [1, 0])
    return circuit


def collapsed(
    circuit: QuantumCircuit, state: np.ndarray, places: Sequence[int], bits: dict[Any, int]
) -> Iterator[np.ndarray]:
    """The states, not normalised, that the measurements leave, each with the gates that its results decide."""
    branches = [(Statevector(state), dict(bits))]
    for instruction in circuit.data:
        operation = instruction.operation
        on = [places[circuit.find_bit(qubit).index] for qubit in instruction.qubits]
        after = []
        for vector, known in branches:
            if operation.name == "measure":
                for value in (0, 1):
                    kept = np.array([index >> on[0] & 1 == value for index in range(len(vector.data))])
                    after.append((Statevector(vector.data * kept), {**known, instruction.clbits[0]: value}))
            elif operation.name == "if_else":
                target, wanted = operation.condition
                register = list(target) if isinstance(target, ClassicalRegister) else [target]
                met = sum(known.get(bit, 0) << place for place, bit in enumerate(register)) == wanted
                for body in operation.blocks[:1] if met else operation.blocks[1:]:
                    inside = {own: known.get(bit, 0) for own, bit in zip(body.clbits, instruction.clbits, strict=True)}
                    (left,) = collapsed(body, vector.data, on, inside)
                    vector = Statevector(left)
                after.append((vector, known))
            elif operation.name == "barrier":
                after.append((vector, known))
            else:
                after.append((vector.evolve(operation, on), known))
        branches = after
    yield from (vector.data for vector, _ in branches)


def measured(make: Callable[[], QuantumCircuit], at: np.ndarray) -> np.ndarray:
    bound = make().assign_parameters(dict(zip([*X, *W], at, strict=True)))
    states = [Statevector(state) for state in collapsed(bound, np.eye(8)[0], range(3), {})]
    assert sum(np.linalg.norm(state.data) ** 2 for state in states) == pytest.approx(1)
    return np.array([sum(state.expectation_value(o).real for state in states) for o in OBSERVABLES])


def values(head: Any, n_values: int) -> Callable[..., torch.Tensor]:
    module = QuantumModule(head, Torch(), 2, n_values).double()
    name = next(name for name, parameter in module.named_parameters() if parameter.numel() == 2)
    return lambda inputs, weights: torch.func.functional_call(module, {name: weights}, (inputs,))


CIRCUITS = [
    one_bit,
    a_register_or_else,
    within_one_another,
    a_bit_measured_twice,
    a_bit_without_a_result_and_parts_of_parts,
]


@pytest.mark.parametrize("make", CIRCUITS, ids=lambda make: make.__name__)
def test_values_and_gradients_are_those_of_the_measured_circuit(make: Callable[[], QuantumCircuit]) -> None:
    circuit = make()
    head = QiskitHead.from_circuit(circuit, inputs=X, weights=W, observables=OBSERVABLES, read_out="values")
    assert circuit == make()
    generator = np.random.default_rng(1)
    batch, weights = generator.normal(size=(2, 2)), generator.normal(size=2)
    leaves = torch.tensor(batch, requires_grad=True), torch.tensor(weights, requires_grad=True)
    got = values(head, 3)(*leaves)
    wanted = np.array([measured(make, np.concatenate([row, weights])) for row in batch])
    np.testing.assert_allclose(got.detach(), wanted, atol=1e-9)

    mixed, at = np.array([0.7, -1.2, 0.4]), np.concatenate([batch[0], weights])
    slopes = [(measured(make, at + step) - measured(make, at - step)) @ mixed / 2e-4 for step in 1e-4 * np.eye(4)]
    by_inputs, by_weights = torch.autograd.grad((got[0] * torch.tensor(mixed)).sum(), leaves)
    np.testing.assert_allclose(torch.cat([by_inputs[0], by_weights]), slopes, atol=1e-6)
    assert np.abs(slopes).max() > 0.05


def test_a_circuit_file_may_decide(tmp_path: Any) -> None:
    path = tmp_path / "teleport.qasm"
    path.write_text(
        'OPENQASM 3.0;\ninclude "stdgates.inc";\ninput float[64] x0;\nqubit[3] q;\nbit[2] c;\nry(x0) q[0];\nh q[1];\n'
        "cx q[1], q[2];\ncx q[0], q[1];\nh q[0];\nc[0] = measure q[0];\nc[1] = measure q[1];\n"
        "if (c[1]) { x q[2]; }\nif (c[0]) { z q[2]; }\n// observable: Z2\n// observable: X2\n"
    )
    head = CircuitFile(path=str(path))
    module = QuantumModule(QiskitHead.from_circuit(
        head.parametrised().circuit, inputs=head.parametrised().inputs, weights=[], read_out="values",
        observables=head.observables(head.parametrised().circuit)), Torch(), 1, 2)  # fmt: skip
    got = module(torch.tensor([[0.8]], dtype=torch.float64))
    np.testing.assert_allclose(got.detach(), [[np.cos(0.8), np.sin(0.8)]], atol=1e-9)


def test_a_sampler_reads_what_is_measured_at_the_end() -> None:
    def qnn(circuit: QuantumCircuit) -> SamplerQNN:
        return SamplerQNN(circuit=circuit, sampler=StatevectorSampler(), input_params=X, weight_params=W)

    circuit = one_bit()
    with pytest.raises(CircuitError, match=r"outcomes hold c\[1\], measured to decide.*circuit\.measure_all\(\)"):
        QiskitHead.from_qnn(qnn(circuit))
    circuit.measure_all()
    got = values(QiskitHead.from_qnn(qnn(circuit), read_out="values"), 8)
    at = np.array([0.3, -0.8, 1.2, 0.5])
    chances = got(torch.tensor(at[None, :2]), torch.tensor(at[2:])).detach().numpy()[0]
    bound = one_bit().assign_parameters(dict(zip([*X, *W], at, strict=True)))
    wanted = sum(np.abs(state) ** 2 for state in collapsed(bound, np.eye(8)[0], range(3), {}))
    np.testing.assert_allclose(chances, wanted, atol=1e-9)


def with_condition(condition: Any) -> QuantumCircuit:
    circuit = started()
    circuit.measure([0, 1], [0, 1])
    with circuit.if_test(condition(circuit)):
        circuit.x(2)
    return circuit


def within(step: Callable[[QuantumCircuit], Any]) -> QuantumCircuit:
    circuit = started()
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        step(circuit)
    return circuit


def loop() -> QuantumCircuit:
    circuit = started()
    circuit.measure(0, 0)
    with circuit.while_loop((circuit.clbits[0], 1)):
        circuit.h(0)
        circuit.measure(0, 0)
    return circuit


def cases() -> QuantumCircuit:
    circuit = started()
    circuit.measure(0, 0)
    with circuit.switch(circuit.cregs[0]) as case, case(1):
        circuit.x(1)
    return circuit


def only_measured() -> QuantumCircuit:
    circuit = one_bit()
    circuit.measure(1, 0)
    circuit.h(1)
    return circuit


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: with_condition(lambda c: expr.less(c.cregs[0], 2)), r"expression .*Op\.LESS.*if_test\(\(bit, 1\)\)"),
        (lambda: with_condition(lambda c: (c.cregs[0], 4)), r"whether c\[0\], c\[1\] have the value 4; 2 bits never"),
        (lambda: with_condition(lambda c: (c.cregs[1], 1)), r"reads other\[0\], which no measurement .*decompose\(\)"),
        (lambda: within(lambda c: c.measure(1, 1)), "measure within if_else measures in mid-circuit.*an if_test reads"),
        (lambda: within(lambda c: c.reset(1)), "reset within if_else resets a qubit.*Go on with a further qubit"),
        (lambda: within(lambda c: c.initialize([0.6, 0.8], 1)), "operation initialize within if_else prepares a state"),
        (loop, "operation while_loop decides in mid-circuit.*as many rounds as are possible"),
        (cases, "operation switch_case decides in mid-circuit.*Write each case as an if_test"),
        (only_measured, "operation measure measures in mid-circuit.*or where an if_test reads its result"),
    ],
)  # fmt: skip
def test_what_cannot_be_deferred_is_refused_with_what_to_write(make: Callable[[], QuantumCircuit], told: str) -> None:
    circuit = make()
    with pytest.raises(CircuitError, match=told):
        QiskitHead.from_circuit(circuit, inputs=X, weights=W)
