"""Judging in two halves: what circuits are to be run with, and what a classifier answers to given values of them.

A forward pass never waits for a device. It runs once on a simulator, which leaves the angles of each circuit; later it
runs again, and each circuit is given the values that the device found for these angles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qplug.contract.circuit import Circuit
from qplug.contract.errors import PluginError
from qplug.contract.interfaces import Backend, BackendCapabilities, Task
from qplug.lab.data.labelled import Labelled
from qplug.lab.judging.judge import Judgement, judge
from qplug.lab.judging.view import View
from qplug.lab.pipeline.classifier import Classifier


def judge_with_angles(view: View, on: Labelled, **options: Any) -> tuple[Judgement, tuple[Task, ...]]:
    """The judgement on the backend where the circuits are, and the angles that each circuit was run with.

    Args:
        view: the classifier and its inputs.
        on: the samples.
        **options: as those of ``judge``, without ``backend``.

    Returns:
        The judgement, and of each circuit a task with a row of angles per sample.
    """
    recorders = [_Recorder(module.backend) for module in view.model.circuits_in_branches()]
    with _each_on(view.model, recorders):
        judgement = judge(view, on, **options)
    inner = recorders[0].inner if recorders else None
    tasks = tuple(recorder.task() for recorder in recorders)
    return replace(judgement, backend=inner), tasks


def judge_given(
    view: View, on: Labelled, values: Sequence[NDArray[np.float64]], backend: Backend, **options: Any
) -> Judgement:
    """What the classifier answers where each circuit has given these values.

    Args:
        view: the classifier and its inputs.
        on: the samples.
        values: of each circuit, (sample, n_observables), in the order of ``on``.
        backend: where they are from.
        **options: as those of ``judge``.
    """
    with _each_on(view.model, [_Giver(backend.capabilities, each) for each in values]):
        judgement = judge(view, on, **options)
    return replace(judgement, backend=backend)


@contextmanager
def _each_on(model: Classifier, backends: Sequence[Backend]) -> Iterator[None]:
    modules = list(model.circuits_in_branches())
    before = [module.backend for module in modules]
    try:
        for module, backend in zip(modules, backends, strict=True):
            module.backend = backend
        yield
    finally:
        for module, own in zip(modules, before, strict=True):
            module.backend = own


@final
class _Recorder(Backend):
    """Another backend, and all angles that it is asked for."""

    summary = "another backend, with a list of what it is asked for"

    def __init__(self, inner: Backend) -> None:
        self.inner = inner
        self.capabilities = inner.capabilities
        self._circuit: Circuit | None = None
        self._encoding: list[Tensor] = []
        self._weights: Tensor | None = None

    def expectations(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
        """Those of the other backend."""
        self._circuit, self._weights = circuit, weights.detach().cpu().double()
        self._encoding.append(encoding.detach().cpu().double())
        return self.inner(circuit, encoding, weights)

    def task(self) -> Task:
        """All rows that were asked for, in their order."""
        if self._circuit is None or self._weights is None:
            raise PluginError("the classifier gave its answers without running its circuit.")
        return Task(self._circuit, torch.cat(self._encoding).numpy(), self._weights.numpy())


@dataclass(eq=False)
class _Giver(Backend):
    """Gives values that were found before, row after row.

    Attributes:
        capabilities: of the backend that found them.
        values: (sample, n_observables).
    """

    summary = "values that were found before"

    capabilities: BackendCapabilities
    values: NDArray[np.float64]
    next: int = field(default=0, init=False)

    def expectations(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
        """The values of the next rows."""
        start, self.next = self.next, self.next + len(encoding)
        return torch.from_numpy(self.values[start : self.next]).to(encoding)


def part_of(judgement: Judgement, positions: NDArray[np.int64]) -> Judgement:
    """The judgement of some of its samples.

    Args:
        judgement: of all of them.
        positions: where they stand in it.
    """
    chosen = torch.from_numpy(positions)
    return Judgement(
        some_of_part(judgement.on, positions),
        judgement.backend,
        judgement.logits[chosen],
        tuple(each[chosen] for each in judgement.expectations),
    )


def some_of_part(on: Labelled, positions: NDArray[np.int64]) -> Labelled:
    """Some of a part's samples, by their positions in it."""
    samples = [on.samples[position] for position in positions.tolist()]
    return Labelled(on.part, on.positions[positions], on.labels[positions], samples, on.classes)
