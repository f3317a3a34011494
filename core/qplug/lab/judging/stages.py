"""In which order the circuits of a classifier run: those whose angles come from values of others run after these."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from qplug.contract.circuit import Circuit
from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import Backend
from qplug.lab.data.labelled import Labelled
from qplug.lab.judging.view import View
from qplug.lab.pipeline.classifier import Classifier
from qplug.lab.pipeline.cut import standing_in

LOOKED_AT = 3
"""So many samples show which circuits stand behind which."""


@dataclass(frozen=True)
class Order:
    """Where the circuits of a classifier stand.

    Attributes:
        stages: of each circuit, 1 where its angles come from no other circuit's values, 2 where they come from values
            of the first stage, and so on.
        rows: how often each is run for a sample.
    """

    stages: tuple[int, ...]
    rows: tuple[int, ...]

    @property
    def n_stages(self) -> int:
        """How many jobs a device is sent, each made of values of those before."""
        return max(self.stages, default=1)


def order_in(view: View, on: Labelled) -> Order:
    """The order of a classifier's circuits; where only heads hold some, they stand side by side.

    Args:
        view: the classifier and its inputs.
        on: samples, of which a few are looked at.

    Raises:
        NotSupported: the angles of a circuit come from its own values.
    """
    if not any(view.model.circuits_in_front()):
        n_circuits = len(list(view.model.quantum_modules()))
        return Order((1,) * n_circuits, (1,) * n_circuits)
    return order_of(view.model, torch.from_numpy(np.array(view.with_circuits().inputs[on.positions[:LOOKED_AT]])))


def order_of(model: Classifier, features: Tensor) -> Order:
    """The order of a classifier's circuits, found by passing a few samples with drawn values in the circuits' place.

    A circuit stands behind another if its angles are differentiable functions of the other's values, or change with
    them. No circuit is run.

    Args:
        model: the classifier.
        features: (batch, *feature_shape).

    Raises:
        NotSupported: the angles of a circuit come from its own values, so that each of its runs would wait for
            the one before.
    """
    n_circuits = len(list(model.quantum_modules()))
    right = _passed(model, features)
    rows = tuple(each.n_rows // len(features) for each in right)
    if n_circuits < 2 and len(right[0].angles if right else ()) < 2:
        return Order((1,) * n_circuits, rows)
    behind = [_differentiable(each, right) for each in right]
    for number in range(n_circuits):
        for other, (one, two) in enumerate(zip(right, _passed(model, features, number), strict=True)):
            if not one.asked_alike(two):
                behind[other].add(number)
    return Order(tuple(_stage(number, behind) for number in range(n_circuits)), rows)


def _passed(model: Classifier, features: Tensor, changed: int | None = None) -> list[_Drawn]:
    """What the circuits are asked for where each gives drawn values, one of them others than before."""
    modules = list(model.quantum_modules())
    drawn = [_Drawn(each.backend, seed=2 * number + (number == changed)) for number, each in enumerate(modules)]
    model.cpu().eval()
    with standing_in(modules, drawn), torch.set_grad_enabled(changed is None):
        model(features)
    return drawn


def _differentiable(one: _Drawn, every: Sequence[_Drawn]) -> set[int]:
    """The circuits of whose values the angles are differentiable functions."""
    total = sum((each.sum() for each in one.angles if each.requires_grad), torch.zeros(()))
    leaves = [(number, leaf) for number, each in enumerate(every) for leaf in each.leaves]
    if not total.requires_grad or not leaves:
        return set()
    # What has no gradient is seen by other values alone.
    with contextlib.suppress(RuntimeError, NotImplementedError):
        slopes = torch.autograd.grad(total, [leaf for _, leaf in leaves], retain_graph=True, allow_unused=True)
        return {number for (number, _), slope in zip(leaves, slopes, strict=True) if slope is not None}
    return set()


def _stage(number: int, behind: Sequence[set[int]], above: tuple[int, ...] = ()) -> int:
    if number in above:
        raise NotSupported(
            f"circuit {number + 1} of this classifier gets its angles from its own values, so that each of its runs "
            "would wait for the one before, and a device is sent all of them at once. Nothing was sent. A simulator "
            "judges it: qplug list backends"
        )
    return 1 + max((_stage(each, behind, (*above, number)) for each in behind[number]), default=0)


@final
class _Drawn(Backend):
    """Stands for a backend: gives drawn values, and keeps the angles that it was asked for.

    Args:
        inner: the backend.
        seed: draws the values.
    """

    summary = "drawn values, to see what depends on them"

    def __init__(self, inner: Backend, seed: int) -> None:
        self.capabilities = inner.capabilities
        self._generator = torch.Generator().manual_seed(seed)
        self.angles: list[Tensor] = []
        self.leaves: list[Tensor] = []

    def __call__(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
        """Without looking at angles: drawn values may lead to any."""
        return self.expectations(circuit, encoding, weights)

    def expectations(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
        """Values in [-1, 1)."""
        shape = (len(encoding), len(circuit.observables))
        leaf = (2 * torch.rand(shape, generator=self._generator) - 1).requires_grad_(torch.is_grad_enabled())
        self.angles.append(encoding)
        self.leaves.append(leaf)
        return (1 * leaf).to(encoding)

    @property
    def n_rows(self) -> int:
        """How many rows of angles were asked for."""
        return sum(map(len, self.angles))

    def asked_alike(self, other: _Drawn) -> bool:
        """Whether the other was asked for the same angles."""
        return len(self.angles) == len(other.angles) and all(self._pairs(other))

    def _pairs(self, other: _Drawn) -> Iterator[bool]:
        for one, two in zip(self.angles, other.angles, strict=True):
            yield torch.equal(one.detach(), two.detach())
