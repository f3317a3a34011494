"""A run's configuration: which parts, with which parameters, trained how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from qplug.lab.config.augmentation import AugmentationOptions
from qplug.lab.config.options import RunOptions
from qplug.lab.config.training import TrainingOptions


@dataclass(frozen=True)
class Choice:
    """One component by name, with its parameters.

    Attributes:
        name: the name under which a plugin announces it.
        parameters: all its constructor arguments, defaults filled in; ``None`` values are left out.
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Branch:
    """One way from the embedding to logits; a classifier's logits are the weighted sum of its branches.

    Attributes:
        reducer: from the embedding to the head's inputs.
        head: from these to logits.
        weight: the factor of its logits in the sum.
    """

    reducer: Choice
    head: Choice
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class RunConfig(RunOptions):
    """One resolved pipeline, with its options. The same configuration gives the same numbers on the same CPU.

    Attributes:
        dataset: the data set.
        features: the feature extractor.
        backbone: the network from features to embeddings.
        branches: one or more ways from the embedding to logits.
        backend: where the trained circuit is evaluated; where it trains, ``training.backend`` decides.
        training: how it is trained.
        augmentation: how training inputs are varied.
    """

    dataset: Choice
    features: Choice
    backbone: Choice
    branches: tuple[Branch, ...]
    backend: Choice
    training: TrainingOptions
    augmentation: AugmentationOptions = field(default_factory=AugmentationOptions)

    @property
    def heads(self) -> str:
        """The names of all heads, joined by ``+``, and what was done to them."""
        names = "+".join(branch.head.name for branch in self.branches)
        return names if self.ablation is None else f"{names}, {self.ablation}"
