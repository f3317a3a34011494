"""Makes parametrised circuits by chance, in Qiskit, and asks of each: is it refused by name, or equal to the original?

``python tests/benchmarks/qiskit_circuits.py`` tries 10,000: as circuits, heads, EstimatorQNNs and SamplerQNNs in turn,
as written or transpiled for a line of qubits; ``--kind sampler-qnn --n 200 --seed 7`` fewer of one. Equal means values
and gradients by inputs and weights, for single samples and for a batch, against Qiskit's own ``Statevector`` of the
circuit as it was written. What is neither is printed with its text and the number that makes it again (``--only
NUMBER``); exit code 1.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Gate, Parameter, ParameterVector
from qiskit.circuit import library as gates
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit.transpiler import CouplingMap
from qiskit_machine_learning.neural_networks import EstimatorQNN, SamplerQNN

from qplug.contract.errors import CircuitError
from qplug_qiskit.head import Parametrised, QiskitHead
from qplug_torch.backend import Torch

KINDS = ("circuit", "head", "estimator-qnn", "sampler-qnn")
BATCH = 3
_STEPS = (1e-3, 1e-4, 1e-5)
"""Of a difference quotient, one after the other: where an angle is steep, the first are too wide to tell the slope."""

EXPRESSIONS: tuple[Callable[[Any, Any], Any], ...] = (
    lambda a, b: a,
    lambda a, b: -a,
    lambda a, b: 2 * a + b,
    lambda a, b: a * b,
    lambda a, b: (np.pi - a) * (np.pi - b),
    lambda a, b: a / 3 - 0.25,
    lambda a, b: a**2,
    lambda a, b: a**3 - b,
    lambda a, b: (a * a + 1) ** 0.5,
    lambda a, b: (b * b + 0.5) ** (a / 4),
    lambda a, b: a.sin(),
    lambda a, b: (a * b).cos(),
    lambda a, b: (a / 4).tan(),
    lambda a, b: (a.sin() / 2).arcsin(),
    lambda a, b: (b.cos() / 2).arccos(),
    lambda a, b: a.arctan() * 2,
    lambda a, b: (a / 2).exp(),
    lambda a, b: (a * a + 1).log(),
    lambda a, b: abs(a) + b,
    lambda a, b: a.sign() * b,
    lambda a, b: a.conjugate(),
    lambda a, b: 1 / (a * a + 1),
    lambda a, b: a / (b * b + 2),
    lambda a, b: (a + b).sin() * a.cos() - b,
    lambda a, b: a - a + b,
    lambda a, b: abs(a * b - 1).log(),
)
"""Angles that are numbers wherever inputs and weights are."""
DOUBTFUL: tuple[Callable[[Any, Any], Any], ...] = (
    lambda a, b: a + Parameter("strange"),
    lambda a, b: a.log(),
    lambda a, b: a**0.5,
    lambda a, b: a.arcsin(),
    lambda a, b: (a - 7).log(),
    lambda a, b: a + random.random(),
    lambda a, b: a * random.random(),
)
"""Angles that are no numbers everywhere, belong to nobody, or are others at each call of a head."""


@dataclass
class Made:
    """A circuit and how to make it again.

    Attributes:
        build: the circuit, made anew.
        inputs: its input parameters.
        weights: its weight parameters.
        observables: what is measured, on the circuit as written.
        text: what it is, for a reader.
    """

    build: Callable[[], QuantumCircuit]
    inputs: list[Parameter]
    weights: list[Parameter]
    observables: list[SparsePauliOp]
    text: list[str] = field(default_factory=list)


def make(chance: random.Random) -> Made:
    """A circuit of up to four qubits and five operations."""
    n_qubits, n_inputs, n_weights = chance.randint(1, 4), chance.randint(1, 3), chance.randint(0, 3)
    inputs, weights = list(ParameterVector("x", n_inputs)), list(ParameterVector("w", n_weights))
    known = [*inputs, *weights]
    text: list[str] = []
    steps = [_step(chance, n_qubits, known, text) for _ in range(chance.randint(1, 5))]
    measures = chance.random() < 0.06
    if measures:
        steps.insert(chance.randrange(len(steps) + 1), _nasty_step(chance, n_qubits, text))

    def build() -> QuantumCircuit:
        circuit = QuantumCircuit(n_qubits, int(measures))
        for step in steps:
            step(circuit)
        for parameter in known:
            if parameter not in circuit.parameters:  # a QNN wants all of them used
                circuit.ry(parameter, 0)
        return circuit

    observables = [_observable(chance, n_qubits, text, known) for _ in range(chance.randint(1, 2))]
    return Made(build, inputs, weights, observables, text)


def _step(
    chance: random.Random, n_qubits: int, known: Sequence[Parameter], text: list[str]
) -> Callable[[QuantumCircuit], None]:
    pool = EXPRESSIONS if chance.random() > 0.02 else DOUBTFUL
    a, b, which = chance.choice(known), chance.choice(known), chance.randrange(len(pool))
    c, also = chance.choice(known), chance.randrange(len(EXPRESSIONS))
    first, other = (lambda: pool[which](a, b)), (lambda: EXPRESSIONS[also](c, a))
    makers: dict[int, list[Callable[[], Gate]]] = {
        1: [
            lambda: gates.RXGate(first()), lambda: gates.RYGate(first()), lambda: gates.RZGate(first()),
            lambda: gates.PhaseGate(first()), lambda: gates.UGate(first(), other(), 0.3), lambda: gates.HGate(),
            lambda: gates.SXGate(), lambda: gates.RGate(first(), other()), lambda: gates.U2Gate(first(), 0.1),
            lambda: gates.RYGate(first()), lambda: gates.RXGate(0.7),
        ],
        2: [
            lambda: gates.CXGate(), lambda: gates.CZGate(), lambda: gates.SwapGate(), lambda: gates.RZZGate(first()),
            lambda: gates.RXXGate(first()), lambda: gates.RZXGate(first()), lambda: gates.CRXGate(first()),
            lambda: gates.CPhaseGate(first()), lambda: gates.CUGate(first(), 0.2, other(), 0.1),
            lambda: gates.ECRGate(), lambda: gates.XXPlusYYGate(first(), other()),
            lambda: gates.CRYGate(first()).inverse(), lambda: gates.iSwapGate(), lambda: gates.CXGate(ctrl_state=0),
        ],
        3: [lambda: gates.CCXGate(), lambda: gates.CSwapGate(), lambda: gates.RYGate(first()).control(2)],
    }  # fmt: skip
    size = chance.randint(1, min(3, n_qubits)) if chance.random() < 0.6 else 1
    maker = makers[size][chance.randrange(len(makers[size]))]
    on = chance.sample(range(n_qubits), size)
    text.append(f"{size} qubits {on}, angle {which if pool is EXPRESSIONS else -1 - which} of {a.name}, {b.name}")

    def step(circuit: QuantumCircuit) -> None:
        circuit.append(maker(), on)

    return step


def _nasty_step(chance: random.Random, n_qubits: int, text: list[str]) -> Callable[[QuantumCircuit], None]:
    qubit, which = chance.randrange(n_qubits), chance.randrange(4)
    text.append(f"nasty {which} on {qubit}")

    def step(circuit: QuantumCircuit) -> None:
        if which == 0:
            circuit.reset(qubit)
        elif which == 1:
            circuit.measure(qubit, 0)
            circuit.h(qubit)
        elif which == 2:
            circuit.initialize([0.6, 0.8], qubit)
        else:
            circuit.append(Gate("mystery", 1, []), [qubit])

    return step


def _observable(chance: random.Random, n_qubits: int, text: list[str], known: Sequence[Parameter]) -> SparsePauliOp:
    labels = ["".join(chance.choices("IXYZ", k=n_qubits)) for _ in range(chance.randint(1, 3))]
    factors: list[Any] = [round(chance.uniform(-2, 2), 2) for _ in labels]
    if chance.random() < 0.03:
        factors[0] = known[0] * 1.0
    text.append(f"measures {labels} {factors}")
    return SparsePauliOp(labels, np.array(factors))


def ask(number: int, kind: str, seed: int) -> tuple[str, str]:
    """How it ends, and the text of what went wrong."""
    chance = random.Random(f"{seed} {number} {kind}")
    made = make(chance)
    random.seed(number)  # what circuits draw anew at each call
    transpiled = kind != "head" and chance.random() < 0.3
    text = "\n".join([f"{kind}, number {number}{', transpiled' * transpiled}", *made.text])
    try:
        written = made.build()
        given = _on_a_line(written, chance, number) if transpiled else written
        head, wanted = _imported(kind, made, given, parity=chance.random() < 0.5)
    except (CircuitError, QiskitError):
        return "refused", ""
    try:
        return _compared(head, made.build() if kind == "head" else written, made, wanted, number, text)
    except Exception as error:
        return "WRONG", f"{text}\n{type(error).__name__}: {error}"


Wanted = Callable[[Statevector], NDArray[np.float64]]


def _on_a_line(circuit: QuantumCircuit, chance: random.Random, seed: int) -> QuantumCircuit:
    line = CouplingMap.from_line(max(2, circuit.num_qubits) + chance.randint(0, 1))
    moved: QuantumCircuit = transpile(
        circuit, coupling_map=line, basis_gates=["cx", "rz", "sx", "ry"], seed_transpiler=seed, optimization_level=1
    )
    return moved


def _imported(kind: str, made: Made, given: QuantumCircuit, *, parity: bool) -> tuple[Any, Wanted]:
    def expectations(state: Statevector) -> NDArray[np.float64]:
        return np.array([state.expectation_value(observable).real for observable in made.observables])

    def chances(state: Statevector) -> NDArray[np.float64]:
        found = state.probabilities()
        odd = sum(found[outcome] for outcome in range(len(found)) if outcome.bit_count() % 2)
        return np.array([1 - odd, odd]) if parity else found

    if kind == "head":
        head = _Head(made)
        head.traced()
        return head, expectations
    named: dict[str, Any] = {"input_params": made.inputs, "weight_params": made.weights, "gradient": object()}
    if kind == "sampler-qnn":
        ways: dict[str, Any] = {"interpret": lambda k: k.bit_count() % 2, "output_shape": 2} if parity else {}
        qnn = _qnn(SamplerQNN, circuit=given, sampler=object(), **named, **ways)
        return QiskitHead.from_qnn(qnn, read_out="values"), chances
    measured = made.observables
    if given.layout is not None:
        measured = [observable.apply_layout(given.layout) for observable in measured]
    if kind == "estimator-qnn":
        qnn = _qnn(EstimatorQNN, circuit=given, estimator=object(), observables=measured, **named)
        return QiskitHead.from_qnn(qnn, read_out="values"), expectations
    circuit = QiskitHead.from_circuit(
        given, inputs=made.inputs, weights=made.weights, observables=measured, read_out="values"
    )
    return circuit, expectations


def _qnn(kind: Any, **arguments: Any) -> Any:
    try:
        return kind(**arguments)
    except ValueError as error:
        raise QiskitError(f"no QNN can be made of it: {error}") from error


class _Head(QiskitHead):
    read_out = "linear"

    def __init__(self, made: Made) -> None:
        self.made = made
        self.n_inputs = len(made.inputs)

    def parametrised(self) -> Parametrised:
        return Parametrised(self.made.build(), self.made.inputs, self.made.weights)

    def observables(self, circuit: QuantumCircuit) -> list[SparsePauliOp]:
        return self.made.observables


def _compared(
    head: Any, circuit: QuantumCircuit, made: Made, wanted: Wanted, number: int, text: str
) -> tuple[str, str]:
    draws = np.random.default_rng(number)
    n_inputs, n_weights = len(made.inputs), len(made.weights)
    known = [*made.inputs, *made.weights]

    def original(at: NDArray[np.float64]) -> NDArray[np.float64] | None:
        bound = circuit.assign_parameters({k: v for k, v in zip(known, at, strict=True) if k in circuit.parameters})
        return wanted(Statevector(bound))

    def head_values(inputs: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        traced = head.traced()
        angles = traced.angles.encode(inputs, weights), traced.angles.weight_angles(weights)
        found: torch.Tensor = traced.values(Torch()(traced.circuit, *angles))
        return found

    compared = 0
    for low, high in ((-2.0, 2.0), (0.1, 0.9)):
        batch = draws.uniform(low, high, (BATCH, n_inputs))
        weights = draws.uniform(low, high, n_weights)
        try:
            truth = np.stack([original(np.concatenate([row, weights])) for row in batch])
        except (QiskitError, TypeError, ValueError, RuntimeError):
            continue  # Qiskit has no number there
        compared += 1
        leaves = torch.tensor(batch, requires_grad=True), torch.tensor(weights, requires_grad=True)
        got = head_values(*leaves)
        single = head_values(leaves[0][:1], leaves[1])
        far = max(np.abs(got.detach().numpy() - truth).max(), np.abs(single.detach().numpy() - truth[:1]).max())
        if far > 1e-6:
            return "WRONG", f"{text}\nvalues off by {far:.2g}"
        # The slope along one drawn direction holds every component of the gradient.
        direction, mixed = draws.normal(size=n_inputs + n_weights), draws.normal(size=truth.shape[1])
        at = np.concatenate([batch[0], weights])

        def along(step: float, at: Any = at, direction: Any = direction, mixed: Any = mixed) -> float:
            ahead, behind = original(at + step * direction), original(at - step * direction)
            return float((ahead - behind) @ mixed) / (2 * step)

        gradients = torch.autograd.grad((single[0] * torch.tensor(mixed)).sum(), leaves, materialize_grads=True)
        ours = float(torch.cat([gradients[0][0], gradients[1]]) @ torch.tensor(direction))
        slopes = []
        try:
            for step in _STEPS:
                slopes.append((4 * along(step / 2) - along(step)) / 3)
                if abs(ours - slopes[-1]) <= 1e-5 * (1 + abs(slopes[-1])):
                    break
            else:
                return "WRONG", f"{text}\ngradient {ours:.8g}, wanted one of {', '.join(f'{s:.8g}' for s in slopes)}"
        except (QiskitError, TypeError, ValueError, RuntimeError):
            continue
    return ("equal" if compared else "without numbers"), ""


def fuzz(kinds: Sequence[str], n: int, *, seed: int, first: int = 0) -> tuple[Counter[str], dict[int, str]]:
    """How many of ``n`` from number ``first`` on end which way, and the texts of those that went wrong, by number."""
    ends: Counter[str] = Counter()
    wrong: dict[int, str] = {}
    gc.freeze()  # each tracing leaves cycles; looking through all that was loaded takes time each time
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(first, first + n):
            end, text = ask(number, kinds[number % len(kinds)], seed)
            ends[end] += 1
            if text:
                wrong[number] = text
    gc.unfreeze()
    return ends, wrong


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--first", type=int, default=0, help="the number of the first")
    parser.add_argument("--only", type=int, help="the number of the one that is tried")
    given = parser.parse_args()
    torch.set_num_threads(1)
    first, n = (given.first, given.n) if given.only is None else (given.only, 1)
    ends, wrong = fuzz([given.kind] if given.kind else KINDS, n, seed=given.seed, first=first)
    for text in wrong.values():
        print(f"{text}\n")
    print(", ".join(f"{how}: {count}" for how, count in sorted(ends.items())))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
