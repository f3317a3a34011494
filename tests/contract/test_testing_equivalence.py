"""The equivalence suite passes a right backend, and catches each kind of wrong one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402

from qplug.contract.circuit import Circuit, Encoding, Gate, Observable, Weight  # noqa: E402
from qplug.contract.errors import NotSupported, UserError  # noqa: E402
from qplug.contract.interfaces import Backend, BackendCapabilities, HeadCapabilities, QuantumHead  # noqa: E402
from qplug.heads.quantum_module import LinearReadout  # noqa: E402
from qplug.testing import reference  # noqa: E402
from qplug.testing.circuits import angle_embedding_strongly_entangling, random_circuit, z_on_each  # noqa: E402
from qplug.testing.equivalence import (  # noqa: E402
    BrokenPromise,
    WrongGradients,
    WrongStatistics,
    WrongValues,
    backend_cases,
    check_backend,
    check_circuit,
    check_head,
    check_pair,
    check_shots,
)

EXACT = BackendCapabilities(interface=1, gradient="shift")


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().numpy().astype(float)


class ByReference(torch.autograd.Function):
    """The reference's values, and gradients by its central differences times ``factor``."""

    @staticmethod
    def forward(ctx: Any, circuit: Circuit, factor: float, encoding: Tensor, weights: Tensor) -> Tensor:
        ctx.circuit, ctx.factor = circuit, factor
        ctx.save_for_backward(encoding, weights)
        return torch.as_tensor(reference.expectations(circuit, _array(encoding), _array(weights))).to(encoding.dtype)

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[None, None, Tensor, Tensor]:
        encoding, weights = ctx.saved_tensors
        by_encoding, by_weights = reference.jacobians(ctx.circuit, _array(encoding), _array(weights))
        slope = _array(outer[0]) * ctx.factor
        gradients = np.einsum("bo,boe->be", slope, by_encoding), np.einsum("bo,bow->w", slope, by_weights)
        return None, None, *(torch.as_tensor(gradient).to(encoding.dtype) for gradient in gradients)


class Right(Backend):
    """Right in everything; the wrong ones change one thing."""

    capabilities = EXACT
    gradient_factor = 1.0

    def expectations(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
        values: Tensor = ByReference.apply(self.changed(circuit), self.gradient_factor, encoding, weights)
        return values

    def changed(self, circuit: Circuit) -> Circuit:
        return circuit


class LittleEndian(Right):
    """Reads observables in the other order of wires, as a framework that counts the other way."""

    def changed(self, circuit: Circuit) -> Circuit:
        last = circuit.n_qubits - 1
        turned = [replace(one, wires=tuple(last - wire for wire in one.wires)) for one in circuit.observables]
        return replace(circuit, observables=tuple(turned))


class Conjugated(Right):
    """Has the sign of every phase wrong."""

    def changed(self, circuit: Circuit) -> Circuit:
        other = {"s": "sdg", "sdg": "s", "t": "tdg", "tdg": "t"}
        return replace(circuit, gates=tuple(replace(g, name=other.get(g.name, g.name)) for g in circuit.gates))


class SwappedControl(Right):
    """Takes control and target of cx for one another."""

    def changed(self, circuit: Circuit) -> Circuit:
        gates = (replace(g, wires=g.wires[::-1]) if g.name == "cx" else g for g in circuit.gates)
        return replace(circuit, gates=tuple(gates))


class DoubleGradient(Right):
    gradient_factor = 2.0


class WithoutPhaseOfTheString(Right):
    """Measures Y as X."""

    def changed(self, circuit: Circuit) -> Circuit:
        observables = (replace(one, paulis=one.paulis.replace("Y", "X")) for one in circuit.observables)
        return replace(circuit, observables=tuple(observables))


class CutOff(Right):
    def expectations(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
        return super().expectations(circuit, encoding, weights).detach()


class NoInputGradients(Right):
    def expectations(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
        return super().expectations(circuit, encoding.detach(), weights)


class AlwaysDouble(Right):
    def expectations(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
        return super().expectations(circuit, encoding, weights).double()


class FirstRowForAll(Right):
    """Takes the first sample's angles for the whole batch."""

    def expectations(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
        return super().expectations(circuit, encoding[:1].expand_as(encoding), weights)


class Writes(Right):
    """Wraps the angles into [0, 2π) in place."""

    def expectations(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
        values = super().expectations(circuit, encoding.clone(), weights.clone())
        with torch.no_grad():
            encoding.remainder_(2 * np.pi)
        return values


class Fails(Right):
    def expectations(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
        if "ccx" in circuit.gate_counts:
            raise RuntimeError("ccx is not implemented")
        return super().expectations(circuit, encoding, weights)


class EvaluatesOnly(Right):
    capabilities = BackendCapabilities(interface=1, gradient=None, max_qubits=4)


class AcceptsAnything(EvaluatesOnly):
    def accept(self, circuit: Circuit) -> None:
        pass


class TakesGradients(Right):
    """Declares none, and takes angles that ask for them all the same."""

    capabilities = BackendCapabilities(interface=1, gradient=None)

    def __call__(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
        return self.expectations(circuit, encoding, weights)


@pytest.mark.parametrize("backend", [Right(), EvaluatesOnly()], ids=lambda backend: type(backend).__name__)
def test_a_right_backend_passes(backend: Backend) -> None:
    check_backend(backend)


@pytest.mark.parametrize(
    ("backend", "kind", "message"),
    [
        (LittleEndian(), WrongValues, r"LittleEndian, torch.float64, cpu: .* checks failed: .*order of qubits"),
        (Conjugated(), WrongValues, "gate s, gate sdg, gate t, gate tdg, .*First, gate s: expectation values"),
        (SwappedControl(), WrongValues, "gate cx, .*control and target.* First, gate cx: expectation values"),
        (WithoutPhaseOfTheString(), WrongValues, "every Pauli string on three qubits"),
        (DoubleGradient(), WrongGradients, r"First, gate rx: gradients to the encoding angles differ.* expected"),
        (CutOff(), WrongGradients, "the values are cut off from the angles"),
        (NoInputGradients(), WrongGradients, r"First, gate rx: no gradient arrives at the encoding angles"),
        (FirstRowForAll(), WrongValues, "rows that are alone.* First, gate rx: .* most at sample [12], observable"),
        (Fails(), BrokenPromise, "gate ccx, .*First, gate ccx: RuntimeError: ccx is not implemented"),
        (Writes(), BrokenPromise, "First, gate rx: the call has changed the angles that it was given"),
        (AcceptsAnything(), BrokenPromise, "declares at most 4 qubits but accepts a circuit with 5"),
        (TakesGradients(), BrokenPromise, "declares no gradients but takes angles that ask for them"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Backend) else "",
)
def test_a_wrong_backend_is_caught(backend: Backend, kind: type[AssertionError], message: str) -> None:
    with pytest.raises(kind, match=message):
        check_backend(backend, dtypes=[torch.float64], n_random=3)


def test_a_wrong_dtype_is_caught() -> None:
    with pytest.raises(BrokenPromise, match=r"dtype and device, torch.float32 on cpu; got torch.float64 on cpu"):
        check_backend(AlwaysDouble(), dtypes=[torch.float32], n_random=0)


def test_a_small_error_is_caught_at_the_tolerance() -> None:
    class SlightlyOff(Right):
        off = 0.0

        def expectations(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
            return super().expectations(circuit, encoding, weights) + self.off

    backend, circuit = SlightlyOff(), random_circuit(3, 20, 0)
    for dtype, allowed in ((torch.float32, 1e-5), (torch.float64, 1e-10)):
        backend.off = 0.5 * allowed
        check_circuit(backend, circuit, dtype=dtype)
        backend.off = 2 * allowed
        with pytest.raises(WrongValues, match=f"allowed {allowed:.2g}"):
            check_circuit(backend, circuit, dtype=dtype)


def test_a_sampling_backend_is_not_held_to_exact_values() -> None:
    with pytest.raises(UserError, match=r"Sampler does not declare exact values.*check_shots"):
        check_backend(Sampler(64))


def test_the_cases_hold_every_gate_and_respect_the_number_of_qubits() -> None:
    cases = backend_cases()
    counts = {name for circuit in cases.values() for name in circuit.gate_counts}
    assert {f"gate {name}" for name in counts} <= set(cases)
    assert max(circuit.n_qubits for circuit in backend_cases(max_qubits=2).values()) == 2


# --- heads


class Pqc(QuantumHead):
    """RY(x), strongly entangling layers, <Z>."""

    capabilities = HeadCapabilities(interface=1, quantum=True)

    def circuit(self, n_inputs: int) -> Circuit:
        return angle_embedding_strongly_entangling(n_inputs, 1)


class WeighsInputs(Pqc):
    """Encodes RY(w·tanh x), the parameters being angles too."""

    def encode(self, inputs: Tensor, parameters: Tensor) -> Tensor:
        return torch.tanh(inputs) * parameters[: inputs.shape[1]]


class OnlyWeights(Pqc):
    """Does not look at its inputs."""

    def circuit(self, n_inputs: int) -> Circuit:
        gates = tuple(Gate("ry", (wire,), (Weight(wire),)) for wire in range(n_inputs))
        return Circuit(n_inputs, gates, z_on_each(n_inputs))

    def encode(self, inputs: Tensor, parameters: Tensor) -> Tensor:
        return inputs[:, :0]


class Forgetful(Pqc):
    """Gives another circuit at each call."""

    def __init__(self) -> None:
        self.calls = 0

    def circuit(self, n_inputs: int) -> Circuit:
        self.calls += 1
        return random_circuit(n_inputs, 10, self.calls, names=["ry", "cx"])


class CutsInputs(Pqc):
    def encode(self, inputs: Tensor, parameters: Tensor) -> Tensor:
        return inputs.detach()


class SwallowsNan(Pqc):
    def encode(self, inputs: Tensor, parameters: Tensor) -> Tensor:
        return torch.nan_to_num(inputs)


class Unpicklable(Pqc):
    def readout(self, n_observables: int, n_classes: int) -> nn.Module:
        module = LinearReadout(n_observables, n_classes)
        module.scale = lambda values: values
        return module


class MixesRows(Pqc):
    """Standardises by the batch that it sees, so that a row's logits depend on its neighbours."""

    def encode(self, inputs: Tensor, parameters: Tensor) -> Tensor:
        return inputs - inputs.mean(dim=0)


class SharedLinear(nn.Linear):
    def __deepcopy__(self, memo: dict[int, Any]) -> SharedLinear:
        return self


class SharesCopies(Pqc):
    """Its read-out stays one object when the module is copied."""

    def readout(self, n_observables: int, n_classes: int) -> nn.Module:
        return SharedLinear(n_observables, n_classes)


class HiddenScale(nn.Linear):
    def __init__(self, n_observables: int, n_classes: int) -> None:
        super().__init__(n_observables, n_classes)
        self.scale = torch.rand(())  # neither parameter nor buffer

    def forward(self, values: Tensor) -> Tensor:
        return self.scale.to(values.dtype) * super().forward(values)


class HidesState(Pqc):
    """Its read-out has a random factor that no state_dict knows of."""

    def readout(self, n_observables: int, n_classes: int) -> nn.Module:
        return HiddenScale(n_observables, n_classes)


@pytest.mark.parametrize("head", [Pqc(), WeighsInputs()], ids=lambda head: type(head).__name__)
def test_a_right_head_passes(head: QuantumHead) -> None:
    check_head(head, Right(), n_inputs=2)


def test_a_right_head_passes_on_a_backend_that_only_evaluates_or_samples() -> None:
    check_head(Pqc(), EvaluatesOnly(), n_inputs=2)
    check_head(Pqc(), Sampler(100), n_inputs=2)


@pytest.mark.parametrize(
    ("head", "backend", "kind", "message"),
    [
        (Forgetful(), Right(), BrokenPromise, r"circuit\(2\) gives another circuit at the second call"),
        (CutsInputs(), Right(), WrongGradients, r"no gradient arrives at the layer before|cut off"),
        (SwallowsNan(), Right(), BrokenPromise, "a module for 2 inputs takes inputs that are NaN; a UserError is due"),
        (Unpicklable(), Right(), BrokenPromise, r"pickle.* First, .*lambda"),
        (SharesCopies(), Right(), BrokenPromise, "First, deep copy: a deep copy shares its parameters"),
        (HidesState(), Right(), WrongValues, "First, state_dict, saved and loaded: logits of a module that loaded"),
        (MixesRows(), Right(), WrongValues, "a batch of one in evaluation: logits of a row alone"),
        (Pqc(), LittleEndian(), WrongValues, "Pqc on LittleEndian, .* against the reference: expectation values"),
        (Pqc(), DoubleGradient(), WrongGradients, "against the reference: gradients to the inputs differ"),
        (Pqc(), NoInputGradients(), WrongGradients, "no gradient arrives at the inputs"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Backend | QuantumHead) else "",
)
def test_a_wrong_head_or_backend_is_caught(
    head: QuantumHead, backend: Backend, kind: type[AssertionError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        check_head(head, backend, n_inputs=2, dtypes=[torch.float64])


def test_a_pair_of_right_backends_agrees() -> None:
    check_pair(WeighsInputs(), Right(), EvaluatesOnly(), n_inputs=2)
    check_pair(Pqc(), Right(), Right(), n_inputs=3)


@pytest.mark.parametrize(
    ("backend", "kind", "message"),
    [
        (LittleEndian(), WrongValues, "Pqc on LittleEndian and Right, .*expectation values differ"),
        (DoubleGradient(), WrongGradients, "Pqc on DoubleGradient and Right, .*gradients to the inputs differ"),
    ],
)
def test_a_pair_that_differs_is_caught(backend: Backend, kind: type[AssertionError], message: str) -> None:
    with pytest.raises(kind, match=message):
        check_pair(Pqc(), backend, Right(), n_inputs=2)


def test_a_pair_needs_exact_backends() -> None:
    with pytest.raises(UserError, match="Sampler does not declare exact values"):
        check_pair(Pqc(), Right(), Sampler(64), n_inputs=2)


# --- shots


class Sampler(Right):
    """Draws each value from a binomial distribution; gradients by the shift rule from drawn values."""

    capabilities = BackendCapabilities(interface=1, gradient=None, exact=False)

    def __init__(self, shots: int, seed: int = 1) -> None:
        self.shots = shots
        self.generator = np.random.default_rng(seed)

    def expectations(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
        right = reference.expectations(circuit, _array(encoding), _array(weights))
        return torch.as_tensor(self.drawn(right)).to(encoding.dtype)

    def drawn(self, right: np.ndarray) -> np.ndarray:
        return 2 * self.generator.binomial(self.shots, np.clip((1 + right) / 2, 0, 1)) / self.shots - 1


class HalfTheShots(Sampler):
    def drawn(self, right: np.ndarray) -> np.ndarray:
        self.shots //= 4
        values = super().drawn(right)
        self.shots *= 4
        return values


class Biased(Sampler):
    """Loses some of every signal, as an uncorrected read-out does."""

    def drawn(self, right: np.ndarray) -> np.ndarray:
        return super().drawn(0.5 * right)


class OneDrawForAll(Sampler):
    """Draws the same random numbers for each row."""

    def drawn(self, right: np.ndarray) -> np.ndarray:
        uniform = self.generator.random((self.shots, 1, right.shape[1]))
        return 2 * (uniform < (1 + right) / 2).mean(axis=0) - 1


class ErrorThatStays(Sampler):
    """Samples at 64 shots whatever is asked for."""

    def __init__(self, shots: int) -> None:
        super().__init__(64)


class Noisy(Sampler):
    capabilities = BackendCapabilities(interface=1, gradient=None, exact=False, noise=True)


class PretendsExact(Sampler):
    capabilities = EXACT


class ShiftedSampler(Sampler):
    """A sampler with gradients: those of the reference, with the noise of a shift rule, times ``factor``."""

    capabilities = BackendCapabilities(interface=1, gradient="shift", exact=False)

    def __init__(self, shots: int, factor: float = 1.0) -> None:
        super().__init__(shots)
        self.factor = factor

    def expectations(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
        exact: Tensor = ByReference.apply(circuit, self.factor, encoding, weights)
        return exact + (super().expectations(circuit, encoding, weights) - exact).detach()


@pytest.mark.parametrize("make", [Sampler, ShiftedSampler])
def test_right_samplers_pass(make: type[Sampler]) -> None:
    check_shots(make)


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (HalfTheShots, WrongStatistics, r"64 shots: errors have (1.9|2.0|2.1).* times the spread of 64 shots"),
        (Biased, WrongStatistics, r"First, 64 shots: .* is biased: over 64 rows its errors average"),
        (OneDrawForAll, WrongStatistics, "independent rows"),
        (ErrorThatStays, WrongStatistics, r"error over shots"),
        (PretendsExact, BrokenPromise, "a backend that samples must not declare exact values"),
        (
            lambda shots: ShiftedSampler(shots, 2.0),
            WrongGradients,
            r"gradients of ⟨X1⟩ to the encoding angles are off by 0\.\d+ at 4096 shots",
        ),
    ],
)
def test_a_wrong_sampler_is_caught(make: Any, kind: type[AssertionError], message: str) -> None:
    with pytest.raises(kind, match=message):
        check_shots(make)


def test_a_noisy_backend_is_not_held_to_ideal_values() -> None:
    with pytest.raises(UserError, match="Noisy declares noise"):
        check_shots(Noisy)


def test_the_differences_of_the_reference_are_the_slopes() -> None:
    gates = (Gate("ry", (0,), (Encoding(0),)), Gate("ry", (0,), (Weight(0),)), Gate("ry", (0,), (Weight(0),)))
    circuit = Circuit(1, gates, (Observable("Z", (0,)),))
    x, w = np.array([[0.3], [1.9]]), np.array([0.4])
    by_encoding, by_weights = reference.jacobians(circuit, x, w)
    np.testing.assert_allclose(by_encoding[:, 0], -np.sin(x + 2 * w), atol=1e-9)
    np.testing.assert_allclose(by_weights[:, 0], -2 * np.sin(x + 2 * w), atol=1e-9)


def test_more_qubits_than_declared_are_refused_before_anything_runs() -> None:
    with pytest.raises(NotSupported, match="the circuit has 5 qubits, but EvaluatesOnly runs at most 4"):
        check_head(Pqc(), EvaluatesOnly(), n_inputs=5)
