"""No tracing of a Qiskit circuit is believed until it is proven; what cannot be a head is refused when it is made."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from qiskit import QuantumCircuit
from qiskit.circuit import Gate, Parameter, ParameterVector
from qiskit.circuit.library import PauliEvolutionGate
from qiskit.quantum_info import SparsePauliOp

from qplug.contract.errors import CircuitError
from qplug_qiskit.head import Parametrised, QiskitHead

X, W = ParameterVector("x", 2), ParameterVector("w", 1)


class Defined(Gate):
    """A gate whose definition is made of what it is given."""

    def __init__(self, angle: Any, kind: str) -> None:
        super().__init__(kind, 1, [angle])

    def _define(self) -> None:
        (given,) = self.params
        if self.name == "deciding":
            given = given if float(given) > 0 else -given
        elif self.name == "other_for_numbers" and isinstance(given, float):
            given = 2 * given
        elif self.name == "chance":
            given = random.random() * given
        self.definition = QuantumCircuit(1)
        self.definition.ry(given, 0)


class Anew(QiskitHead):
    """Its circuit is made anew at each call."""

    summary = "made anew"
    n_inputs = 2

    def __init__(self, factor: Any, wire: Any = lambda: 0, observable: Any = lambda: "IZ") -> None:
        self.factor, self.wire, self.observable = factor, wire, observable

    def parametrised(self) -> Parametrised:
        x, w = ParameterVector("x", 2), ParameterVector("w", 1)
        circuit = QuantumCircuit(2)
        circuit.ry(self.factor() * x[0] + w[0], self.wire())
        circuit.crx(x[1].sign() * x[0] ** 2, 0, 1)
        return Parametrised(circuit, list(x), list(w))

    def observables(self, circuit: QuantumCircuit) -> list[SparsePauliOp]:
        return [SparsePauliOp(self.observable())]


def test_a_circuit_that_is_made_anew_is_taken_if_it_is_the_same() -> None:
    assert [gate.name for gate in Anew(lambda: 2).circuit(2).gates] == ["ry", "crx"]


def test_a_proof_draws_on_the_cpu_and_leaves_the_random_state_of_other_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    seeded: list[int] = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded.append)
    before = torch.get_rng_state()
    Anew(lambda: 2).circuit(2)
    assert seeded == []
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("anew", "told"),
    [
        ({"factor": random.random}, "the angle of ry on 0 is not what tracing found"),
        ({"factor": lambda: 1, "wire": lambda: random.randrange(2)}, "its gates are others, from gate 0 on"),
        ({"factor": lambda: 1, "observable": lambda: random.choice(["IZ", "IX"])}, "its observables, or their factors"),
    ],
)
def test_a_circuit_that_is_another_each_time_is_refused(anew: dict[str, Any], told: str) -> None:
    random.seed(4)
    with pytest.raises(CircuitError, match=rf"{told}.*Give random structure a seed"):
        Anew(**anew).circuit(2)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("deciding", "unable to synthesize .deciding.*A gate's definition must do without"),
        ("other_for_numbers", "decomposed into other gates or angles. Define its gates by their angles"),
        ("chance", "decomposed into other gates or angles.*give random structure a seed"),
    ],
)
def test_a_gate_whose_definition_depends_on_more_than_its_angle_is_refused(kind: str, told: str) -> None:
    circuit = QuantumCircuit(1)
    circuit.append(Defined(X[0], kind), [0])
    with pytest.raises(CircuitError, match=told):
        QiskitHead.from_circuit(circuit, inputs=[X[0]], weights=[])


def test_a_gate_that_is_not_what_it_is_decomposed_into_is_refused() -> None:
    circuit = QuantumCircuit(2)
    circuit.ry(0.4, 0)
    circuit.append(PauliEvolutionGate(SparsePauliOp(["XI", "ZZ"], [1.0, 0.5]), X[0]), [0, 1])
    with pytest.raises(CircuitError, match=r"as a PauliEvolutionGate of terms.*circuit\.decompose\(\)"):
        QiskitHead.from_circuit(circuit, inputs=[X[0]], weights=[])
    head = QiskitHead.from_circuit(circuit.decompose(), inputs=[X[0]], weights=[])
    assert head.circuit(1).n_encoding > 0


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"inputs": ["x"]}, "'x' among inputs and weights is a str, not a Parameter"),
        ({"inputs": [X]}, r"is a ParameterVector, not a Parameter.*list\(vector\)"),
        ({"weights": [X[0], W[0]]}, r"the parameter x\[0\] is named twice"),
        ({"start": [0.1, 0.2]}, r"are of shape \(2,\), which does not fit the circuit's 1 weights"),
        ({"start": "trained"}, r"are a str, which does not fit the circuit's 1 weights"),
        ({"circuit": "ry"}, r"a str is no circuit; give a qiskit\.QuantumCircuit"),
        ({"observables": ["ZZ"]}, "the observable 'ZZ' is a str"),
        ({"observables": 3}, "the observables are a int"),
        ({"observables": [SparsePauliOp(["ZI"], [float("nan")])]}, "factor .*nan.* is not finite"),
    ],
)
def test_what_is_given_wrongly_is_refused_by_name(given: dict[str, Any], told: str) -> None:
    circuit = QuantumCircuit(2)
    circuit.ry(X[0] * X[1], 0)
    circuit.rx(W[0], 1)
    with pytest.raises(CircuitError, match=told):
        QiskitHead.from_circuit(
            given.get("circuit", circuit), inputs=given.get("inputs", list(X)), weights=given.get("weights", list(W)),
            observables=given.get("observables"), start=given.get("start"),
        )  # fmt: skip


def test_an_unknown_parameter_is_named() -> None:
    circuit = QuantumCircuit(1)
    circuit.ry(X[0] * Parameter("strange"), 0)
    with pytest.raises(CircuitError, match="parameters strange are neither inputs nor weights"):
        QiskitHead.from_circuit(circuit, inputs=[X[0]], weights=[])


def test_an_angle_that_is_not_real_is_refused_with_what_to_write() -> None:
    x = Parameter("x")
    circuit = QuantumCircuit(1)
    circuit.ry((x - 7).log(), 0)
    with pytest.raises(CircuitError, match=r"the angle log\(-7 \+ x\) is no real number .*such as log\(x\*x \+ 1\)"):
        QiskitHead.from_circuit(circuit, inputs=[x], weights=[])
