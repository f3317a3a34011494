"""Quantum functions as PennyLane users write them become circuits with the same numbers."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from torch import Tensor

from qplug.contract.circuit import Encoding, Gate, Observable, Weight
from qplug.contract.errors import CircuitError
from qplug.heads.traced_head import TracedCircuit
from qplug_pennylane.default_qubit import DefaultQubit
from qplug_pennylane.head import PennyLaneHead
from qplug_pennylane.tracing import trace_function, trace_tape


def templates(inputs: Tensor, weights: Tensor) -> Any:
    qml.AngleEmbedding(inputs, wires=range(3), rotation="Y")
    qml.StronglyEntanglingLayers(weights[:18].reshape(2, 3, 3), wires=range(3))
    qml.BasicEntanglerLayers(weights[18:24].reshape(2, 3), wires=range(3))
    return [qml.expval(qml.PauliZ(wire)) for wire in range(3)]


def other_templates(inputs: Tensor, weights: Tensor) -> Any:
    qml.IQPEmbedding(inputs, wires=range(3), n_repeats=2)
    qml.SimplifiedTwoDesign(weights[:3], weights[3:11].reshape(2, 2, 2), wires=range(3))
    qml.RandomLayers(weights[11:14].reshape(1, 3), wires=range(3), seed=3)
    qml.QFT(wires=range(3))
    return [qml.expval(qml.PauliX(wire)) for wire in range(3)]


def preprocessing(inputs: Tensor, weights: Tensor) -> Any:
    angles = 2 * torch.atan(inputs)
    for wire in range(3):
        qml.RY(angles[wire], wires=wire)
        qml.RX(np.pi * inputs[wire] + weights[wire], wires=wire)
        qml.RZ(weights[3 + wire] * inputs[wire], wires=wire)
    qml.CNOT([0, 2])
    qml.RY(inputs[0] * inputs[1], wires=2)
    return qml.expval(qml.PauliY(2))


def many_gates(inputs: Tensor, weights: Tensor) -> Any:
    for wire in range(3):
        qml.Hadamard(wire)
        qml.RX(0.3 + 0.2 * wire, wires=wire)
    qml.Rot(inputs[0], weights[0], 0.4, wires=0)
    qml.U1(weights[1], wires=1)
    qml.U2(weights[2], inputs[1], wires=1)
    qml.U3(weights[3], weights[21], inputs[2], wires=2)
    qml.CRot(weights[4], weights[5], 0.2, wires=[0, 1])
    qml.ControlledPhaseShift(weights[6], wires=[1, 2])
    for gate, weight in ((qml.CRX, weights[7]), (qml.CRY, weights[8]), (qml.CRZ, weights[9])):
        gate(weight, wires=[2, 0])
    for gate, weight in ((qml.IsingXX, weights[10]), (qml.IsingYY, weights[11]), (qml.IsingZZ, weights[12])):
        gate(weight, wires=[0, 1])
    qml.IsingXY(weights[13], wires=[1, 2])
    qml.MultiRZ(weights[14], wires=[0, 1, 2])
    qml.MultiRZ(weights[15], wires=[0, 2])
    qml.PauliRot(weights[16], "XYZ", wires=[0, 1, 2])
    for gate in (qml.S, qml.T, qml.SX, qml.PauliX, qml.PauliY, qml.PauliZ):
        gate(0)
        qml.adjoint(gate)(1)
    for gate in (qml.CY, qml.CZ, qml.CH, qml.SWAP, qml.ISWAP, qml.ECR):
        gate(wires=[1, 2])
    qml.Toffoli([0, 1, 2])
    qml.CSWAP([0, 1, 2])
    qml.adjoint(qml.RX)(weights[17], wires=0)
    qml.ctrl(qml.RY, control=1)(weights[18], wires=2)
    qml.pow(qml.RZ(weights[19], wires=0), 2)
    qml.SingleExcitation(weights[20], wires=[0, 1])
    qml.BasisState(np.array([1, 0]), wires=[3, 4])
    qml.CNOT([3, 0])
    qml.Barrier(wires=[0, 1])
    qml.Identity(0)
    return [qml.expval(qml.PauliX(0)), qml.expval(qml.PauliY(1)), qml.expval(qml.PauliZ(2) @ qml.PauliX(0))]


def re_uploading(inputs: Tensor, weights: Tensor) -> Any:
    for layer in range(3):
        qml.AngleEmbedding(0.5 * inputs, wires=range(3), rotation="X")
        qml.StronglyEntanglingLayers(
            weights[None, 9 * layer % 15 : 9 * layer % 15 + 9].reshape(1, 3, 3), wires=range(3)
        )
    return [qml.expval(qml.PauliZ(0))]


def sums_of_paulis(inputs: Tensor, weights: Tensor) -> Any:
    qml.AngleEmbedding(inputs, wires=range(3))
    qml.BasicEntanglerLayers(weights[:3].reshape(1, 3), wires=range(3))
    energy = qml.Hamiltonian([0.5, -2.0, 1.5], [qml.PauliX(0), qml.PauliZ(0) @ qml.PauliY(1), qml.Identity(2)])
    return qml.expval(energy), qml.expval(qml.PauliZ(1)), qml.expval(2 * qml.PauliX(0) + qml.PauliZ(1))


def named_wires(inputs: Tensor, weights: Tensor) -> Any:
    qml.RY(inputs[0], wires="right")
    qml.RX(weights[0], wires="left")
    qml.CNOT(["left", "right"])
    qml.RX(inputs[1] * 0.3, wires=7)
    qml.CRX(weights[1], wires=[7, "left"])
    return [qml.expval(qml.PauliZ("left")), qml.expval(qml.PauliY("right")), qml.expval(qml.PauliZ(7))]


def other_observables(inputs: Tensor, weights: Tensor) -> Any:
    qml.AngleEmbedding(inputs, wires=range(3))
    qml.BasicEntanglerLayers(weights[:3].reshape(1, 3), wires=range(3))
    matrix = torch.arange(64.0, dtype=torch.float64).reshape(8, 8).numpy()
    return [
        qml.expval(qml.Projector([0, 1], wires=[2, 0])),
        qml.probs(wires=[1, 0]),
        qml.expval(qml.Hermitian((matrix + matrix.T) / 64, wires=[2, 0, 1])),
        qml.expval(qml.Z(0) @ qml.X(0) @ qml.Z(0)),
        qml.probs(),
    ]


def deferred(inputs: Tensor, weights: Tensor) -> Any:
    qml.AngleEmbedding(inputs % 0.7 - torch.floor(inputs), wires=range(3))
    qml.cond(qml.measure(0), qml.RY)(weights[0], wires=1)
    qml.CNOT([1, 2])
    return [qml.expval(qml.PauliZ(1)), qml.expval(qml.PauliX(2))]


SINGLE = [
    other_observables,
    deferred,
    templates,
    other_templates,
    preprocessing,
    many_gates,
    re_uploading,
    sums_of_paulis,
    named_wires,
]


def for_batches(inputs: Tensor, weights: Tensor) -> Any:
    qml.RX(inputs[:, 0], wires=0)
    for wire, angle in enumerate(torch.tanh(inputs[:, 1:]).unbind(1)):
        qml.RY(angle * weights[wire], wires=wire)
    qml.CNOT([0, 1])
    return [qml.expval(qml.PauliZ(0)), qml.expval(qml.PauliX(1))]


def values_of(traced: TracedCircuit, inputs: Tensor, weights: Tensor) -> Tensor:
    angles = traced.angles
    expectations = DefaultQubit()(traced.circuit, angles.encode(inputs, weights), angles.weight_angles(weights))
    return traced.values.double()(expectations)


def original(function: Callable[..., Any], inputs: Tensor, weights: Tensor) -> Tensor:
    """The numbers that PennyLane itself gives, sample by sample."""
    qnode = qml.QNode(function, qml.device("default.qubit"))
    rows = []
    for sample in inputs if function is not for_batches else inputs[:, None]:
        result = qnode(sample, weights)
        values = result if isinstance(result, list | tuple) else [result]
        rows.append(torch.cat([value.real.reshape(-1) for value in values]))
    return torch.stack(rows)


@pytest.mark.parametrize("function", [*SINGLE, for_batches], ids=lambda function: function.__name__)
def test_values_and_gradients_are_pennylanes_own(function: Callable[..., Any]) -> None:
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(3, 3, generator=generator, dtype=torch.float64).requires_grad_()
    weights = torch.randn(24, generator=generator, dtype=torch.float64).requires_grad_()
    got = values_of(trace_function(function, 3, 24), inputs, weights)
    wanted = original(function, inputs, weights)
    torch.testing.assert_close(got, wanted, atol=1e-10, rtol=0)
    factors = torch.randn(got.shape, generator=generator, dtype=torch.float64)
    gradients = [torch.autograd.grad((values * factors).sum(), [inputs, weights]) for values in (got, wanted)]
    torch.testing.assert_close(gradients[0], gradients[1], atol=1e-8, rtol=0)


def test_a_circuit_is_what_the_function_says() -> None:
    def function(inputs: Tensor, weights: Tensor) -> Any:
        qml.Hadamard(1)
        qml.RY(0.5 * inputs[0], wires=0)
        qml.CNOT([1, 0])
        qml.RZ(weights[0], wires=1)
        qml.RX(0.25, wires=1)
        return qml.expval(qml.PauliX(1) @ qml.PauliZ(0))

    circuit = trace_function(function, 1, 1).circuit
    assert circuit.gates == (
        Gate("h", (1,)),
        Gate("ry", (0,), (Encoding(0),)),
        Gate("cx", (1, 0)),
        Gate("rz", (1,), (Weight(0),)),
        Gate("rx", (1,), (0.25,)),
    )
    assert circuit.observables == (Observable("ZX", (0, 1)),)


def after_a_gate(operation: Callable[[], Any], measured: Callable[[], Any] = lambda: qml.expval(qml.Z(0))) -> Any:
    def function(inputs: Tensor, weights: Tensor) -> Any:
        qml.RX(inputs[0], wires=0)
        operation()
        return measured()

    return function


@pytest.mark.parametrize(
    ("operation", "named"),
    [
        (lambda: qml.measure(0), "MidMeasure.* measures in mid-circuit"),
        (lambda: qml.StatePrep(np.array([0.6, 0.8]), wires=1), "StatePrep prepares a state"),
        (lambda: qml.AmplitudeEmbedding(np.array([0.6, 0.8]), wires=1), "AmplitudeEmbedding prepares a state"),
        (lambda: qml.DepolarizingChannel(0.1, wires=0), "DepolarizingChannel is a noise channel"),
    ],
)
def test_what_cannot_be_expressed_is_refused_by_name(operation: Callable[[], Any], named: str) -> None:
    with pytest.raises(CircuitError, match=named):
        trace_function(after_a_gate(operation), 1, 0)


@pytest.mark.parametrize(
    ("measured", "named"),
    [
        (lambda: qml.probs(wires=range(7)), "probs of 7 wires is not an expectation value"),
        (lambda: qml.var(qml.PauliZ(0)), "var.* is not an expectation value"),
        (lambda: qml.sample(), "sample.* is not an expectation value"),
        (lambda: qml.expval(qml.Projector([0] * 5, wires=range(5))), "Projector.* is not a sum of Pauli strings"),
        (lambda: qml.expval(qml.Hermitian(np.eye(32), wires=range(5))), "(?s)Hermitian.* is not a sum of Pauli"),
        (lambda: qml.expval(qml.Z(0) @ qml.X(0) @ qml.Z(1)), "factor 1j, which is not real"),
        (lambda: None, "measures nothing"),
    ],
)
def test_other_measurements_are_refused_by_name(measured: Callable[[], Any], named: str) -> None:
    with pytest.raises(CircuitError, match=named):
        trace_function(after_a_gate(lambda: None, measured), 1, 0)


def test_all_wires_are_too_many_probabilities_from_seven_on() -> None:
    with pytest.raises(CircuitError, match="probs of 7 wires"):
        trace_function(after_a_gate(lambda: [qml.S(wire) for wire in range(7)], qml.probs), 1, 0)


def test_an_operation_that_does_not_decompose_is_refused_by_name() -> None:
    class Mystery(qml.operation.Operation):  # type: ignore[misc]
        num_wires = 1

    with pytest.raises(CircuitError, match="Mystery"):
        trace_function(after_a_gate(lambda: Mystery(wires=0)), 1, 0)


def test_a_structure_that_depends_on_values_is_refused() -> None:
    def function(inputs: Tensor, weights: Tensor) -> Any:
        if inputs[0] > 0:
            qml.RX(inputs[0], wires=0)
        return qml.expval(qml.PauliZ(0))

    with pytest.raises(CircuitError, match="decides by the values"):
        trace_function(function, 1, 0)


def test_a_function_that_fails_is_reported_with_its_own_error() -> None:
    def function(inputs: Tensor, weights: Tensor) -> Any:
        qml.AngleEmbedding(inputs, wires=range(2))
        return qml.expval(qml.PauliZ(0))

    with pytest.raises(
        CircuitError, match=r"with 5 inputs and 0 weights: ValueError: .*length 2 or less; got length 5"
    ):
        trace_function(function, 5, 0)


def test_a_transformed_qnode_keeps_its_transforms() -> None:
    @qml.transforms.cancel_inverses
    @qml.qnode(qml.device("default.qubit"))
    def qnode(inputs: Tensor, weights: Tensor) -> Any:
        qml.RX(inputs[0], wires=0)
        qml.Hadamard(0)
        qml.Hadamard(0)
        return qml.expval(qml.PauliZ(0))

    traced = trace_tape(lambda inputs, weights: qml.workflow.construct_tape(qnode, level="user")(inputs, weights), 1, 0)
    assert [gate.name for gate in traced.circuit.gates] == ["rx"]


Angles = Callable[[Tensor, Tensor], Any]
READ: dict[str, Angles] = {
    "z.tolist()": lambda z, w: z.tolist(),
    "z.detach().numpy()": lambda z, w: z.detach().numpy(),
    "np.asarray(z.detach())": lambda z, w: np.asarray(z.detach()),
    "qml.math.toarray(z)": lambda z, w: qml.math.toarray(z),
    "qml.math.unwrap([z])[0]": lambda z, w: qml.math.unwrap([z])[0],
    "torch.tensor([z[0], z[1]])": lambda z, w: torch.tensor([z[0], z[1]]),
    "np.arctan(z)": lambda z, w: np.arctan(z),
    "np.clip(z.detach().numpy(), -1, 1)": lambda z, w: np.clip(z.detach().numpy(), -1, 1),
    "z * np.array([0.5, 2.0])": lambda z, w: z * np.array([0.5, 2.0]),
    "qml.numpy.tanh(z.detach().numpy())": lambda z, w: qml.numpy.tanh(z.detach().numpy()),
    "np.tanh(z[1].detach().numpy())": lambda z, w: [z[0], np.tanh(z[1].detach().numpy())],
    "w.detach().numpy()[:2]": lambda z, w: z + w.detach().numpy()[:2],
    "w.tolist()[0]": lambda z, w: [z[0] + w.tolist()[0], z[1]],
    "z.tolist()[0] < 100": lambda z, w: [z[0], z[1] if z.tolist()[0] < 100 else w[0]],
    "float(z[0])": lambda z, w: [float(z[0]), z[1]],
}
"""What stands in the message, with the angles by which it does."""


def two_angles(angles_of: Angles) -> Callable[..., Any]:
    def function(inputs: Tensor, weights: Tensor) -> Any:
        angles = angles_of(inputs, weights)
        qml.RY(angles[0], wires=0)
        qml.RX(angles[1], wires=1)
        return qml.expval(qml.PauliZ(0))

    return function


@pytest.mark.parametrize("read", READ)
def test_what_would_stay_as_it_was_is_refused_with_its_line(read: str) -> None:
    with pytest.raises(CircuitError, match=f"Values are read in `.*{re.escape(read)}"):
        trace_function(two_angles(READ[read]), 2, 3)


class Tripled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return 3 * gradient


@pytest.mark.parametrize(
    ("named", "angles_of"),
    [
        ("angle of ry on 0 is not what tracing found", lambda z, w: z + np.random.rand()),
        ("angle of ry on 0 is not what tracing found", lambda z, w: z * np.random.default_rng().random()),
        (r"draws random numbers \(randn\)", lambda z, w: z + torch.randn(2)),
        (r"draws random numbers \(randn_like\)", lambda z, w: z + torch.randn_like(z)),
        (r"draws random numbers \(bernoulli_\)", lambda z, w: torch.nn.functional.dropout(z)),
        ("torch.floor_divide has no derivative", lambda z, w: z // 0.5),
        ("torch.heaviside has no derivative", lambda z, w: torch.heaviside(z, w[:2])),
        ("calls torch.unique2, which torch cannot compute for a batch", lambda z, w: torch.unique(z)),
        ("gradients of its angles are not what tracing found", lambda z, w: Tripled.apply(z)),
    ],
)
def test_chance_and_what_has_no_gradient_or_batch_is_refused_by_name(named: str, angles_of: Angles) -> None:
    with pytest.raises(CircuitError, match=named):
        trace_function(two_angles(angles_of), 2, 3)


def test_the_line_that_reads_values_is_named() -> None:
    def function(inputs: Tensor, weights: Tensor) -> Any:
        qml.AngleEmbedding(np.arctan(inputs), wires=range(2))
        return qml.expval(qml.PauliZ(0))

    with pytest.raises(CircuitError, match=r"AngleEmbedding\(np\.arctan\(inputs\).*torch\.arctan for np\.arctan"):
        trace_function(function, 2, 0)


def test_a_structure_drawn_anew_at_each_call_is_refused() -> None:
    def function(inputs: Tensor, weights: Tensor) -> Any:
        qml.AngleEmbedding(inputs, wires=range(2))
        qml.RandomLayers(weights.reshape(1, 6), wires=range(2), seed=None)
        return qml.expval(qml.PauliZ(0))

    with pytest.raises(CircuitError, match="its gates are others, from gate"):
        trace_function(function, 2, 6)


@pytest.mark.parametrize("factor", [lambda z, w: z[0], lambda z, w: w[0], lambda z, w: torch.floor(w[0] / 100)])
def test_factors_of_observables_must_be_constant(factor: Angles) -> None:
    def function(inputs: Tensor, weights: Tensor) -> Any:
        qml.RY(inputs[0], wires=0)
        return qml.expval(qml.X(0) + factor(inputs, weights) * qml.Z(0))

    with pytest.raises(CircuitError, match="factors must be constant"):
        trace_function(function, 1, 1)


MEASURED = [lambda: qml.expval(qml.Z(0)), lambda: qml.expval(qml.X(0))]


@pytest.mark.parametrize("as_qnode", [False, True])
@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        (lambda measured: measured[::-1], r"makes 2 measurements .* returns expval\(X\(0\)\), expval\(Z\(0\)\)"),
        (lambda measured: measured[:1], r"makes 2 measurements .* returns expval\(Z\(0\)\)\."),
        (lambda measured: measured * 2, r"makes 2 measurements .* returns expval\(Z\(0\)\), expval\(X\(0\)\), expval"),
        (lambda measured: None, "makes 2 measurements .* returns none"),
    ],
)
def test_measurements_are_returned_as_made(chosen: Callable[..., Any], told: str, as_qnode: bool) -> None:
    function = after_a_gate(lambda: None, lambda: chosen([make() for make in MEASURED]))
    qnode = qml.QNode(lambda inputs: function(inputs, inputs), qml.device("default.qubit"))
    with pytest.raises(CircuitError, match=told):
        PennyLaneHead.from_qnode(qnode, n_inputs=1, weight_shapes={}) if as_qnode else trace_function(function, 1, 0)


@pytest.mark.parametrize(("wires", "device_wires"), [((1, 0), None), (("b", "a"), None), ((0, 1), 3)])
def test_all_probabilities_stand_in_pennylanes_order(wires: tuple[Any, Any], device_wires: int | None) -> None:
    @qml.qnode(qml.device("default.qubit", wires=device_wires))
    def qnode(inputs: Tensor) -> Any:
        qml.RX(inputs[..., 0], wires=wires[0])
        qml.RY(inputs[..., 1], wires=wires[1])
        return qml.probs()

    traced = PennyLaneHead.from_qnode(qnode, n_inputs=2, weight_shapes={}).traced()
    inputs = torch.tensor([[0.3, 1.1], [-0.7, 2.0]], dtype=torch.float64)
    got = values_of(traced, inputs, torch.zeros(0, dtype=torch.float64))
    torch.testing.assert_close(got, qnode(inputs), atol=1e-10, rtol=0)


@pytest.mark.parametrize("bits", [(1, 0), (0, 1), (0, 0)])
@pytest.mark.parametrize("first", [True, False])
def test_all_probabilities_are_of_the_wires_that_pennylane_counts_where_a_state_is_prepared(
    bits: tuple[int, int], first: bool
) -> None:
    @qml.qnode(qml.device("default.qubit"))
    def qnode(inputs: Tensor) -> Any:
        if first:
            qml.BasisState(np.array(bits), wires=[0, 1])
        qml.RY(inputs[..., 0], wires=0)
        if not first:
            qml.BasisState(np.array(bits), wires=[0, 1])
        return qml.probs()

    traced = PennyLaneHead.from_qnode(qnode, n_inputs=1, weight_shapes={}).traced()
    inputs = torch.tensor([[0.3], [-0.7]], dtype=torch.float64)
    got = values_of(traced, inputs, torch.zeros(0, dtype=torch.float64))
    torch.testing.assert_close(got, qnode(inputs), atol=1e-10, rtol=0)


def test_a_random_state_is_as_it_was() -> None:
    torch.manual_seed(3)
    wanted = torch.rand(2)
    torch.manual_seed(3)
    trace_function(templates, 3, 24)
    assert torch.equal(torch.rand(2), wanted)
