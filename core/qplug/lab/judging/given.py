"""Judging in two halves: what circuits are to be run with, and what a classifier answers to given values of them.

A forward pass never waits for a device. It runs once on a simulator, which leaves the angles of each circuit; later it
runs again, and each circuit is given the values that the device found for these angles.

A circuit of the backbone may be run many times for one sample, as for each patch of a picture. Its rows stand sample
after sample: where a batch asks for them in another order, as one that calls a circuit twice, samples pass one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, final
from weakref import WeakKeyDictionary

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
from qplug.lab.pipeline.cut import standing_in


def judge_with_angles(
    view: View, on: Labelled, given: Mapping[int, NDArray[np.float64]] | None = None, **options: Any
) -> tuple[Judgement, tuple[Task, ...]]:
    """The judgement on the backend where the circuits are, and the angles that each circuit was run with.

    Args:
        view: the classifier and its inputs.
        on: the samples.
        given: by the number of a circuit, 0 the first, values (row, n_observables) that it gives instead of running,
            as in ``judge_given``; circuits behind it are run with the angles that come of these.
        **options: as those of ``judge``, without ``backend``.

    Returns:
        The judgement, and of each circuit a task with the rows of angles of each sample, sample after sample.
    """
    given = given or {}
    own = [module.backend for module in view.model.quantum_modules()]
    recorders = [
        _Recorder(_Giver(each.capabilities, given[number]) if number in given else each)
        for number, each in enumerate(own)
    ]
    judgement = _judged(view, on, recorders, options)
    inner = own[0] if own else None
    tasks = tuple(recorder.task(len(on.labels)) for recorder in recorders)
    return replace(judgement, backend=inner, expectations=tuple(each.values for each in recorders)), tasks


def _judged(view: View, on: Labelled, backends: Sequence[Backend], options: Mapping[str, Any]) -> Judgement:
    whole = view.with_circuits()
    batch_size = None if _keeps_order(whole) else 1
    with standing_in(view.model.quantum_modules(), backends):
        return judge(whole, on, batch_size=batch_size, **options)


_known: WeakKeyDictionary[Classifier, bool] = WeakKeyDictionary()


def _keeps_order(view: View) -> bool:
    """Whether a batch asks for the rows of one sample after those of another, as samples one by one do."""
    if not any(view.model.circuits_in_front()):
        return True
    if view.model not in _known:
        features = torch.rand(_LOOKED_AT, *view.inputs.shape[1:], generator=torch.Generator().manual_seed(0))
        view.model.cpu().eval()
        together, one_by_one = (_rows_asked_for(view.model, torch.split(features, size)) for size in (_LOOKED_AT, 1))
        pairs = zip(together, one_by_one, strict=True)
        _known[view.model] = all(torch.allclose(one, other, atol=_ROUNDING) for one, other in pairs)
    return _known[view.model]


def _rows_asked_for(model: Classifier, batches: Sequence[Tensor]) -> list[Tensor]:
    recorders = [_Recorder(module.backend) for module in model.quantum_modules()]
    with standing_in(model.quantum_modules(), recorders), torch.no_grad():
        for batch in batches:
            model(batch)
    return [each.rows for each in recorders]


_LOOKED_AT = 3
"""So many samples show in which order rows are asked for."""
_ROUNDING = 1e-4
"""Radians, by which an angle may differ with the size of the batch."""


def judge_given(
    view: View, on: Labelled, values: Sequence[NDArray[np.float64]], backend: Backend, **options: Any
) -> Judgement:
    """What the classifier answers where each circuit has given these values.

    Args:
        view: the classifier and its inputs.
        on: the samples.
        values: of each circuit, (row, n_observables), the rows of a sample after those of another in the order of
            ``on``; as many for one as angles were recorded.
        backend: where they are from.
        **options: as those of ``judge``.
    """
    judgement = _judged(view, on, [_Giver(backend.capabilities, each) for each in values], options)
    given = tuple(torch.from_numpy(np.asarray(each)).to(judgement.logits.dtype) for each in values)
    return replace(judgement, backend=backend, expectations=given)


def judge_scattered(
    view: View, on: Labelled, scatter: Callable[[NDArray[np.float64]], NDArray[np.float64]], **options: Any
) -> Judgement:
    """What the classifier answers where each value of a circuit is scattered before it is used.

    Angles that come from values are those of the scattered ones.

    Args:
        view: the classifier and its inputs.
        on: the samples.
        scatter: values (row, n_observables) to values.
        **options: as those of ``judge``, without ``backend``.
    """
    return _judged(view, on, [_Scattered(each.backend, scatter) for each in view.model.quantum_modules()], options)


@final
class _Scattered(Backend):
    """Another backend, whose values are changed on the way."""

    summary = "another backend, with noise on its values"

    def __init__(self, inner: Backend, scatter: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> None:
        self.inner, self._scatter = inner, scatter
        self.capabilities = inner.capabilities

    def expectations(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
        """Those of the other backend, scattered."""
        found = self.inner(circuit, encoding, weights)
        return torch.from_numpy(self._scatter(found.detach().cpu().double().numpy())).to(found)


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
        self._values: list[Tensor] = []

    def expectations(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
        """Those of the other backend."""
        self._circuit, self._weights = circuit, weights.detach().cpu().double()
        self._encoding.append(encoding.detach().cpu().double())
        found = self.inner(circuit, encoding, weights)
        self._values.append(found.detach().cpu().to(encoding.dtype))
        return found

    @property
    def rows(self) -> Tensor:
        """All angles that were asked for, in their order."""
        return torch.cat(self._encoding)

    @property
    def values(self) -> Tensor:
        """What the other backend gave, all rows in their order."""
        return torch.cat(self._values)

    def task(self, n_samples: int) -> Task:
        """All rows that were asked for, in their order."""
        if self._circuit is None or self._weights is None:
            raise PluginError("the classifier gave its answers without running its circuit.")
        if (n_rows := sum(map(len, self._encoding))) % n_samples:
            raise PluginError(
                f"a circuit was run {n_rows:,} times for {n_samples:,} samples, not equally often for each."
            )
        return Task(self._circuit, self.rows.numpy(), self._weights.numpy())


@dataclass(eq=False)
class _Giver(Backend):
    """Gives values that were found before, row after row.

    Attributes:
        capabilities: of the backend that found them.
        values: (row, n_observables).
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
        tuple(
            torch.from_numpy(rows_of(each.numpy(), positions, len(judgement.logits))) for each in judgement.expectations
        ),
    )


def rows_of(rows: NDArray[Any], positions: NDArray[np.int64], n_samples: int) -> NDArray[Any]:
    """The rows (row, …) of some of ``n_samples`` samples, of which each has as many, sample after sample."""
    by_sample = rows.reshape(n_samples, len(rows) // n_samples, *rows.shape[1:])
    chosen: NDArray[Any] = by_sample[positions].reshape(-1, *rows.shape[1:])
    return chosen


def some_of_part(on: Labelled, positions: NDArray[np.int64]) -> Labelled:
    """Some of a part's samples, by their positions in it."""
    samples = [on.samples[position] for position in positions.tolist()]
    return Labelled(on.part, on.positions[positions], on.labels[positions], samples, on.classes)
