"""What of a classifier still has to be computed for a sample, and from what."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from qplug.contract.interfaces import Backend
from qplug.lab.pipeline.classifier import Classifier, embedding_width

_AT_ONCE = 256
"""How many samples pass the front in one call."""


@dataclass(frozen=True)
class View:
    """A classifier and its inputs: features, or embeddings where the front is frozen and was computed once.

    Whoever trains, judges or draws asks here instead of asking whether the backbone is frozen.

    Attributes:
        model: the whole classifier.
        inputs: (sample, …) float32, one row per sample: features, or embeddings behind a frozen front.
        features: what the embeddings of a frozen front were computed from; None: not known.
        embedded: whether ``inputs`` are embeddings; None: they are if the front is frozen.
    """

    model: Classifier
    inputs: NDArray[np.float32]
    features: NDArray[np.float32] | None = None
    embedded: bool | None = None

    @property
    def frozen_front(self) -> bool:
        """Whether ``inputs`` are embeddings."""
        return self.model.frozen_front if self.embedded is None else self.embedded

    def to_run_on(self, backend: Backend | None) -> View:
        """What is judged on a backend: features, if embeddings of circuits came from another one; else as it is."""
        circuits = self.model.circuits_in_front() if self.frozen_front else ()
        return self if backend is None or all(each.backend is backend for each in circuits) else self.with_circuits()

    def with_circuits(self) -> View:
        """What runs every circuit: features, where the embeddings of circuits were computed before; else as it is."""
        if not self.frozen_front or not any(self.model.circuits_in_front()):
            return self
        assert self.features is not None  # whoever computes embeddings of circuits keeps them
        return View(self.model, self.features, embedded=False)

    @property
    def module(self) -> nn.Module:
        """The module from ``inputs`` to logits; all that is trained is in it."""
        return self.model.branches if self.frozen_front else self.model

    @property
    def embedding_width(self) -> int:
        """How many numbers an embedding has."""
        if self.frozen_front:
            return int(self.inputs.shape[1])
        return embedding_width(self.model.front, self.inputs.shape[1:])

    def embeddings(self, samples: NDArray[np.int64]) -> Tensor:
        """The embeddings (len(samples), n_features) of some rows of ``inputs``, on the CPU, in evaluation mode."""
        inputs = torch.from_numpy(np.array(self.inputs[samples]))
        if self.frozen_front:
            return inputs
        self.model.cpu().eval()
        with torch.no_grad():
            return torch.cat([self.model.front(batch) for batch in torch.split(inputs, _AT_ONCE)])
