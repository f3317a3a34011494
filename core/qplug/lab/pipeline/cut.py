"""A classifier cut at its circuits: the classical network before them, and the one behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn

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


def branches(classifier: Classifier) -> Iterator[tuple[Tensor, nn.Module, nn.Module]]:
    """Weight, reducer and head of each branch."""
    summed = classifier.branches
    for weight, branch in zip(summed.weights, summed.branches, strict=True):
        reducer, head = cast(nn.Sequential, branch)
        yield weight, reducer, head
