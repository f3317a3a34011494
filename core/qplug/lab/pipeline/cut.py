"""A classifier cut at its circuits: the classical network before them, and the one behind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import cast, final

import torch
from torch import Tensor, nn

from qplug.contract.circuit import Circuit
from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import Backend
from qplug.heads.quantum_module import QuantumModule
from qplug.lab.pipeline.classifier import Classifier


class Before(nn.Module):
    """Features (batch, *feature_shape) → the encoding angles (batch, n_encoding) of each circuit.

    Where branches without a circuit stand beside, their weighted logits (batch, n_classes) come last.
    """

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, features: Tensor) -> tuple[Tensor, ...]:
        """Everything that can be computed before a circuit runs."""
        embeddings = self.classifier.front(features)
        angles, logits = [], []
        for weight, reducer, head in branches(self.classifier):
            if isinstance(head, QuantumModule):
                angles.append(head.head.encode(reducer(embeddings), head.circuit_parameters))
            else:
                logits.append(weight * head(reducer(embeddings)))
        return (*angles, *([torch.stack(logits).sum(0)] if logits else []))


class Behind(nn.Module):
    """Expectation values (batch, n_observables) of each circuit → the sum of their branches' logits."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, *expectations: Tensor) -> Tensor:
        """Weighted logits (batch, n_classes) of the branches that have circuits."""
        circuits = [(weight, head) for weight, _, head in branches(self.classifier) if isinstance(head, QuantumModule)]
        logits = [weight * head.readout(values) for (weight, head), values in zip(circuits, expectations, strict=True)]
        return torch.stack(logits).sum(0)


class BeforeBackbone(nn.Module):
    """Features (batch, *feature_shape) → the encoding angles (row, n_encoding) of each circuit of the backbone.

    The rows of a sample come after those of another. Circuits that stand in heads behind them are not reached.
    """

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, features: Tensor) -> tuple[Tensor, ...]:
        """Everything of the front that can be computed before a circuit runs.

        Raises:
            NotSupported: the backbone runs a circuit several times for a batch, or not at all.
        """
        taken = [_Taken(module.backend) for module in self.classifier.circuits_in_front()]
        with standing_in(self.classifier.circuits_in_front(), taken):
            self.classifier.front(features)
        return tuple(each.only() for each in taken)


class BehindBackbone(nn.Module):
    """Expectation values (batch, rows, n_observables) of each circuit of the backbone → logits (batch, n_classes).

    Args:
        classifier: its features reach what stands behind the circuits through these alone.
        feature_shape: of one feature.
    """

    def __init__(self, classifier: Classifier, feature_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.classifier, self.feature_shape = classifier, feature_shape

    def forward(self, *expectations: Tensor) -> Tensor:
        """Logits (batch, n_classes), with zeros in the features' place."""
        with _given(self.classifier, expectations):
            logits: Tensor = self.classifier(expectations[0].new_zeros(expectations[0].shape[0], *self.feature_shape))
        return logits


class Between(nn.Module):
    """Expectation values (batch, rows, n_observables) of each circuit of the backbone → the angles of each head's.

    Where branches without a circuit stand beside, their weighted logits (batch, n_classes) come last.

    Args:
        classifier: its features reach what stands behind the backbone's circuits through these alone.
        feature_shape: of one feature.
    """

    def __init__(self, classifier: Classifier, feature_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.classifier, self.feature_shape = classifier, feature_shape

    def forward(self, *expectations: Tensor) -> tuple[Tensor, ...]:
        """What ``Before`` gives, with zeros in the features' place."""
        with _given(self.classifier, expectations):
            found: tuple[Tensor, ...] = Before(self.classifier)(
                expectations[0].new_zeros(expectations[0].shape[0], *self.feature_shape)
            )
        return found


@final
class _Taken(Backend):
    """Stands for a backend where a network becomes a graph: takes the angles, and gives values that are there."""

    summary = "a place where a network is cut"

    def __init__(self, inner: Backend, values: Tensor | None = None) -> None:
        self.capabilities = inner.capabilities
        self._values, self._angles = values, list[Tensor]()

    def __call__(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
        """Without looking at angles: a graph has none."""
        return self.expectations(circuit, encoding, weights)

    def expectations(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
        """The values, or zeros."""
        self._angles.append(encoding)
        return encoding.new_zeros(encoding.shape[0], len(circuit.observables)) if self._values is None else self._values

    def only(self) -> Tensor:
        """The angles of the one call."""
        if len(self._angles) != 1:
            raise NotSupported(
                f"a circuit of the backbone is run {len(self._angles)} times for one batch, and is cut out where it is "
                "run once with a row for each patch"
            )
        return self._angles[0]


@contextmanager
def standing_in(modules: Iterable[QuantumModule], backends: Sequence[Backend]) -> Iterator[None]:
    """Inside, each circuit runs on the backend of its place in the list; behind it, on its own again."""
    modules = list(modules)
    before = [module.backend for module in modules]
    try:
        for module, backend in zip(modules, backends, strict=True):
            module.backend = backend
        yield
    finally:
        for module, own in zip(modules, before, strict=True):
            module.backend = own


@contextmanager
def _given(classifier: Classifier, expectations: Sequence[Tensor]) -> Iterator[None]:
    """Inside, the circuits of the backbone give these values, (batch, rows, n_observables) each."""
    modules = list(classifier.circuits_in_front())
    given = [_Taken(each.backend, values.flatten(0, 1)) for each, values in zip(modules, expectations, strict=True)]
    with standing_in(modules, given):
        yield


def branches(classifier: Classifier) -> Iterator[tuple[Tensor, nn.Module, nn.Module]]:
    """Weight, reducer and head of each branch."""
    summed = classifier.branches
    for weight, branch in zip(summed.weights, summed.branches, strict=True):
        reducer, head = cast(nn.Sequential, branch)
        yield weight, reducer, head
