"""Gradients of circuits that are asked for: by shifts as autograd has them, by perturbation the same on average."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from qplug import catalogue
from qplug.circuits.slots import Rows, Slots, each_by_row
from qplug.contract.circuit import Circuit, Encoding, Gate, Observable, Weight
from qplug.contract.errors import UserError
from qplug.contract.interfaces import Task
from qplug.heads.quantum_module import QuantumModule
from qplug.lab.config.training import TrainingOptions
from qplug.lab.pipeline.classifier import Branch, WeightedSum
from qplug.lab.training.asking import Asked, Method, batch_sizes, gain, learning_circuits, method_of, perturbation
from qplug.lab.training.batches import Batches, Part


class Exact:
    """Exact values."""

    ended = ""

    def __init__(self) -> None:
        self.backend: Any = catalogue.create("backend", "torch")

    def affords(self, step: int, n_samples: int) -> bool:
        return True

    def __call__(self, step: int, tasks: tuple[Task, ...]) -> Sequence[Rows]:
        return [
            self.backend(each.circuit, torch.from_numpy(each.encoding), torch.from_numpy(each.weights)).numpy()
            for each in tasks
        ]


EXACT = Exact()


def summed(*, learns: bool = True) -> WeightedSum:
    """A circuit with shared weights and controlled rotations, beside a linear branch."""
    torch.manual_seed(1)
    backend: Any = catalogue.create("backend", "torch")
    head: Any = catalogue.create("head", "pennylane-pqc", {"n_qubits": 2, "n_layers": 1, "batch_norm": False})
    reducer = nn.Linear(3, 2)
    reducer.requires_grad_(learns)
    branches: list[nn.Module] = [
        Branch(reducer, QuantumModule(head, backend, 2, 2), 2, 2),
        Branch(nn.Identity(), nn.Linear(3, 2), 3, 2),
    ]
    return WeightedSum(branches, [1.0, 0.5], learn_weights=True).double()


def gradients(
    model: WeightedSum, method: Method | None, inputs: torch.Tensor, step: int = 0
) -> dict[str, torch.Tensor]:
    model.zero_grad()
    logits = model(inputs) if method is None else Asked(method, EXACT, 0).logits(model, inputs, step)
    (logits * torch.arange(1.0, 5.0).reshape(2, 2).repeat(len(inputs) // 2, 1)).sum().backward()
    return {name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None}


def test_shifts_give_the_gradients_of_autograd() -> None:
    model, inputs = summed(), torch.randn(4, 3, dtype=torch.float64)
    right, found = gradients(model, None, inputs), gradients(model, "shift", inputs)
    assert right.keys() == found.keys()
    for name, value in right.items():
        torch.testing.assert_close(found[name], value, msg=name)


def test_a_perturbation_is_right_on_average_and_exact_behind_the_circuit() -> None:
    model, inputs = summed(), torch.randn(2, 3, dtype=torch.float64)
    right = gradients(model, None, inputs)
    drawn = [gradients(model, "spsa", inputs, step) for step in range(225)]
    mean = {name: torch.stack([each[name] for each in drawn]).mean(0) for name in right}
    for name, value in right.items():
        spread = torch.stack([each[name] for each in drawn]).std(0) / 15
        bias = 0.03 * (1 + value.abs())  # of the second order in the perturbation
        assert bool(((mean[name] - value).abs() < 5 * spread + bias).all()), name
    linear = next(name for name in right if name.startswith("branches.1"))
    torch.testing.assert_close(drawn[0][linear], right[linear])


def test_slots_of_controlled_rotations_and_angles_that_several_gates_share() -> None:
    gates = (
        Gate("ry", (0,), (Encoding(0),)), Gate("crx", (0, 1), (Weight(0),)), Gate("rz", (1,), (0.3,)),
        Gate("ry", (1,), (Weight(0),)),
    )  # fmt: skip
    circuit = Circuit(2, gates, (Observable("Z", (1,)),))
    own = each_by_row(circuit)
    assert (own.n_encoding, own.n_weights) == (3, 0)
    rows = Slots.of(circuit).values(np.array([[0.1], [0.2]]), np.array([0.7]))
    backend: Any = catalogue.create("backend", "torch")
    ours = backend(own, torch.from_numpy(rows), torch.zeros(0).double())
    theirs = backend(circuit, torch.tensor([[0.1], [0.2]]).double(), torch.tensor([0.7]).double())
    torch.testing.assert_close(ours, theirs)
    assert len(Slots.of(circuit).terms(encoding=False, weights=True)) == 4 + 2


def test_rows_are_counted_by_what_learns_and_decide_the_method() -> None:
    (learning,) = learning_circuits(summed())
    (alone,) = learning_circuits(summed(learns=False))
    assert (learning.encoding, alone.encoding) == (True, False)
    assert (learning.n_rows("shift"), alone.n_rows("shift"), alone.n_rows("spsa")) == (1 + 2 * 8, 1 + 2 * 6, 2)
    options = TrainingOptions(batch_size=29)
    assert method_of(options, [learning]) == "shift"  # 493 rows
    assert method_of(options, [learning], most_rows=400) == "spsa"
    assert method_of(TrainingOptions(batch_size=30), [learning]) == "spsa"
    shift = TrainingOptions(batch_size=30, gradient="shift")
    assert method_of(shift, [learning]) == "shift"
    with pytest.raises(UserError, match=r"would have 510 rows of angles, but the backend takes 509 at once"):
        method_of(shift, [learning], most_rows=509)


def test_step_sizes_are_spalls() -> None:
    assert perturbation(0) == 0.2
    assert perturbation(9) == pytest.approx(0.2 / 10**0.101)
    assert gain(0, 100) == 1.0
    assert gain(89, 100) == pytest.approx((11 / 100) ** 0.602)


@pytest.mark.parametrize(("n", "size"), [(10, 5), (11, 5), (12, 5), (3, 5), (5, 1)])
def test_batches_are_counted_as_they_are_cut(n: int, size: int) -> None:
    part = Part(np.zeros((n, 1), np.float32), torch.zeros(n, dtype=torch.int64))
    assert list(batch_sizes(n, size)) == [len(labels) for _, labels in Batches(part, size, seed=0)]
