"""Values and gradients of circuits from a backend that is asked once a step, outside of the forward pass.

A step computes the angles of all circuits, asks for the values of all rows at once, and gives them to autograd with
their slopes. So a device gets one job a step, with one PUB for each circuit, and nothing waits inside a network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from qplug.circuits.slots import Rows, Slots, each_by_row, shifted
from qplug.contract.circuit import Circuit
from qplug.contract.errors import UserError
from qplug.contract.interfaces import Task
from qplug.heads.quantum_module import QuantumModule
from qplug.lab.config.training import TrainingOptions
from qplug.lab.pipeline.classifier import WeightedSum

Method: TypeAlias = Literal["shift", "spsa"]

MOST_SHIFTED = 500
"""Rows of a step up to which ``training.gradient=auto`` takes shifts: ten minutes of a device for 3,000 of them."""
_C, _GAMMA = 0.2, 0.101  # radians; see perturbation
_ALPHA, _STABLE = 0.602, 0.1  # see gain


class Steps(Protocol):
    """Whoever gives the values of a step's circuits."""

    def __call__(self, step: int, tasks: tuple[Task, ...]) -> Sequence[Rows]:
        """Expectation values (row, n_observables) of each task; asked again for the same step, the same."""

    def affords(self, step: int, n_samples: int) -> bool:
        """Whether the step, with so many samples, may be asked for; False ends the training."""

    @property
    def ended(self) -> str:
        """Why a step was not afforded, in words with what to do; empty as long as all were."""


@dataclass(frozen=True)
class Learning:
    """A circuit that learns, with what its gradients are needed for.

    Attributes:
        circuit: the circuit.
        encoding: whether anything that learns stands behind its encoding angles.
        weights: whether anything that learns stands behind its weight angles.
    """

    circuit: Circuit
    encoding: bool
    weights: bool

    def n_rows(self, method: Method) -> int:
        """Rows for each sample of a step: its value and all shifts of it, or the two ends of a perturbation."""
        if method == "spsa":
            return 2
        return 1 + len(Slots.of(self.circuit).terms(encoding=self.encoding, weights=self.weights))


def learning_circuits(summed: WeightedSum) -> list[Learning]:
    """The circuits of a classifier's branches, in their order."""
    found = []
    for reducer, head in summed.pairs():
        if isinstance(head, QuantumModule):
            parameters, inputs = head.circuit_parameters, torch.zeros(2, head.n_inputs)
            behind = any(parameter.requires_grad for parameter in reducer.parameters())
            angles = head.head.encode(inputs.requires_grad_(behind), parameters)
            weights = head.head.weight_angles(parameters)
            found.append(Learning(head.circuit, angles.requires_grad, weights.requires_grad))
    return found


def method_of(options: TrainingOptions, circuits: Sequence[Learning], most_rows: int | None = None) -> Method:
    """How gradients come about.

    Args:
        options: what was asked.
        circuits: all that learn.
        most_rows: what the backend takes at once.

    Raises:
        UserError: shifts were asked for, and a step of them has more rows than the backend takes at once.
    """
    if options.gradient == "spsa":
        return "spsa"
    rows = options.batch_size * sum(each.n_rows("shift") for each in circuits)
    if options.gradient == "auto":
        return "shift" if rows <= min(MOST_SHIFTED, most_rows or MOST_SHIFTED) else "spsa"
    if most_rows is not None and rows > most_rows:
        raise UserError(
            f"a step of training.gradient=shift would have {rows:,} rows of angles, but the backend takes "
            f"{most_rows:,} at once. Lower training.batch_size (now {options.batch_size}), take a smaller circuit, or "
            "--set training.gradient=spsa"
        )
    return "shift"


def blank_tasks(circuits: Sequence[Learning], method: Method, n_samples: int) -> tuple[Task, ...]:
    """What a step with so many samples would ask for, with zeros for angles."""
    found = []
    for each in circuits:
        own = each_by_row(each.circuit)
        found.append(Task(own, np.zeros((n_samples * each.n_rows(method), own.n_encoding)), np.zeros(0)))
    return tuple(found)


def perturbation(step: int) -> float:
    """How far angles are moved in a step of simultaneous perturbation: c / (k + 1)^γ, in radians.

    **Source:** J. C. Spall, "Implementation of the simultaneous perturbation algorithm for stochastic optimization",
    IEEE Transactions on Aerospace and Electronic Systems 34 (1998), 817-823: γ = 0.101, and c about the standard
    deviation of what is measured; 0.2 suits some hundred shots.
    """
    return float(_C / (step + 1) ** _GAMMA)


def gain(step: int, n_steps: int) -> float:
    """The share of the peak step size in a step of simultaneous perturbation: ((A + 1) / (A + k + 1))^α.

    **Source:** as ``perturbation``: α = 0.602, and A a tenth of all steps.
    **Differs from the source:** a is the learning rate, and the run's optimiser takes the step.
    """
    stable = _STABLE * n_steps
    return float(((stable + 1) / (stable + step + 1)) ** _ALPHA)


@dataclass(frozen=True)
class Asked:
    """How circuits in training get their values and gradients.

    ``shift`` gives the value at the angles themselves, and the exact slope for each angle, but for the shots.

    ``spsa`` moves all angles of a row at once, up or down at random, and asks at both ends: the mean is the value, and
    the difference an estimate of all slopes at once, unbiased but noisy. Read-outs and all before the angles get their
    gradients from autograd as ever.

    **Source:** J. C. Spall, "Multivariate stochastic approximation using a simultaneous perturbation gradient
    approximation", IEEE Transactions on Automatic Control 37 (1992), 332-341. Shifts: see ``Slots``.
    **Differs from the source:** angles are perturbed instead of all parameters, anew for each sample, so that a batch
    averages over as many directions as it has samples, and what autograd can differentiate stays exact.

    Attributes:
        method: ``shift`` or ``spsa``.
        steps: who is asked.
        seed: draws directions.
    """

    method: Method
    steps: Steps
    seed: int

    def logits(self, summed: WeightedSum, embeddings: Tensor, step: int) -> Tensor:
        """Logits (batch, n_classes) that autograd can differentiate.

        Args:
            summed: the branches.
            embeddings: (batch, n_features).
            step: counts steps, from 0.

        Raises:
            UserError: angles that are not finite.
        """
        draw, branches = np.random.default_rng([self.seed, step]), summed.pairs()
        probes = {
            number: self._probe(head, reducer(embeddings), step, draw)
            for number, (reducer, head) in enumerate(branches)
            if isinstance(head, QuantumModule)
        }
        found = self.steps(step, tuple(probe.task for probe in probes.values()))
        values = {number: probe.given(rows) for (number, probe), rows in zip(probes.items(), found, strict=True)}
        logits = [
            weight * (_read(head, values[number]) if number in values else head(reducer(embeddings)))
            for number, (weight, (reducer, head)) in enumerate(zip(summed.weights, branches, strict=True))
        ]
        return torch.stack(logits).sum(0)

    def _probe(self, head: QuantumModule, inputs: Tensor, step: int, draw: np.random.Generator) -> _Probe:
        parameters = head.circuit_parameters
        encoding, weights = head.head.encode(inputs, parameters), head.head.weight_angles(parameters)
        for what, angles in (("encoding", encoding), ("weight", weights)):
            if not torch.isfinite(angles).all():
                raise UserError(f"{what} angles must be finite; some of {angles.numel()} are not.")
        slots = Slots.of(head.circuit)
        here = slots.values(_numbers(encoding), _numbers(weights))
        needed = {"encoding": encoding.requires_grad, "weights": weights.requires_grad}
        if self.method == "shift":
            terms = slots.terms(**needed)
            rows = np.concatenate([here, shifted(here, terms)])
            return _Probe(encoding, weights, slots, _task(head.circuit, rows), terms=terms)
        moves = perturbation(step) * draw.choice([-1.0, 1.0], size=here.shape) * slots.wanted(**needed)
        rows = np.concatenate([here + moves, here - moves])
        return _Probe(encoding, weights, slots, _task(head.circuit, rows), moves=moves)


@dataclass(frozen=True)
class _Probe:
    """The angles of one circuit in a step, and what is asked about them: by terms of the shift rule, or by moves."""

    encoding: Tensor
    weights: Tensor
    slots: Slots
    task: Task
    terms: list[tuple[int, float, float]] | None = None
    moves: Rows | None = None

    def given(self, found: Rows) -> Tensor:
        """The values (batch, n_observables) for autograd."""
        values, slopes = self._shifts(found) if self.moves is None else self._ends(found, self.moves)
        given: Tensor = _Given.apply(self.encoding, self.weights, self.slots, values, slopes)  # type: ignore[no-untyped-call]
        return given

    def _shifts(self, found: Rows) -> tuple[Rows, NDArray[np.float64]]:
        n_samples = len(self.encoding)
        slopes = np.zeros((n_samples, len(self.slots.sources), found.shape[1]))
        terms = self.terms or []
        for (slot, _, factor), values in zip(
            terms, found[n_samples:].reshape(len(terms), n_samples, found.shape[1]), strict=True
        ):
            slopes[:, slot] += factor * values
        return found[:n_samples], slopes

    def _ends(self, found: Rows, moves: Rows) -> tuple[Rows, NDArray[np.float64]]:
        up, down = np.split(found, 2)
        with np.errstate(divide="ignore"):
            inverse = np.where(moves == 0, 0.0, 1 / moves)
        return (up + down) / 2, inverse[:, :, None] * (up - down)[:, None, :] / 2


class _Given(torch.autograd.Function):
    """Values that were found outside, with their slopes (batch, n_slots, n_observables) in each slot."""

    @staticmethod
    def forward(ctx: Any, encoding: Tensor, weights: Tensor, slots: Slots, values: Rows, slopes: Any) -> Tensor:
        """The values (batch, n_observables)."""
        ctx.slots, ctx.slopes, ctx.like = slots, slopes, (encoding, weights)
        return torch.as_tensor(values).to(encoding)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        """Gradients to encoding and weight angles."""
        slopes = np.einsum("bso,bo->bs", ctx.slopes, _numbers(gradients[0]))
        to_encoding, to_weights = map(torch.as_tensor, ctx.slots.collected(slopes))
        return to_encoding.to(ctx.like[0]), to_weights.to(ctx.like[1]), None, None, None


def _task(circuit: Circuit, rows: Rows) -> Task:
    return Task(each_by_row(circuit), rows, np.zeros(0))


def _read(head: nn.Module, values: Tensor) -> Tensor:
    assert isinstance(head, QuantumModule)
    logits: Tensor = head.readout(values)
    return logits


def _numbers(tensor: Tensor) -> Rows:
    return np.asarray(tensor.detach().cpu().double().numpy())


def batch_sizes(n_samples: int, batch_size: int) -> Iterator[int]:
    """The sizes of an epoch's batches, as ``Batches`` cuts them in one process."""
    sizes = [min(batch_size, n_samples - start) for start in range(0, n_samples, batch_size)]
    if batch_size > 1 and len(sizes) > 1 and sizes[-1] < 2:
        sizes[-2:] = [sizes[-2] + sizes[-1]]
    yield from sizes
