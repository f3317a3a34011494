"""A run's configuration: which parts, with which parameters, trained how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from qplug.lab.config.augmentation import AugmentationOptions
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
class RunConfig:
    """One resolved pipeline. The same configuration gives the same numbers on the same CPU.

    Attributes:
        dataset: the data set.
        features: the feature extractor.
        backbone: the network from features to embeddings.
        branches: one or more ways from the embedding to logits.
        backend: where the trained circuit is evaluated; where it trains, ``training.backend`` decides.
        training: how it is trained.
        augmentation: how training inputs are varied.
        seed: decides everything random: initial weights, data order, held-out parts.
        split: name of the split; None for the data set's default.
        fold: the fold that is the test part, in splits that have folds; None for the first.
        device: torch device, or ``"auto"`` for CUDA where there is one.
        threads: CPU threads of one tensor operation; None: chosen by the size of a batch.
        data_dir: where the data set's files are; None for the default place.
        on_bad_file: whether a file that cannot be used ends the run or is left out of it.
        allow_leak: go on where a group stands in two parts, and stamp the results LEAKY.
        smoke: run on generated example files in the data set's official layout, to see that everything works.
        recipe: the recipe that it started from, for the record.
    """

    dataset: Choice
    features: Choice
    backbone: Choice
    branches: tuple[Branch, ...]
    backend: Choice
    training: TrainingOptions
    augmentation: AugmentationOptions = field(default_factory=AugmentationOptions)
    seed: int = 0
    split: str | None = None
    fold: int | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int | None = None
    data_dir: Path | None = None
    on_bad_file: Literal["refuse", "skip"] = "refuse"
    allow_leak: bool = False
    smoke: bool = False
    recipe: str | None = None

    @property
    def heads(self) -> str:
        """The names of all heads, joined by ``+``."""
        return "+".join(branch.head.name for branch in self.branches)
