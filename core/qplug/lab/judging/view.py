"""What of a classifier still has to be computed for a sample, and from what."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

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
    """

    model: Classifier
    inputs: NDArray[np.float32]

    @property
    def frozen_front(self) -> bool:
        """Whether ``inputs`` are embeddings."""
        return self.model.frozen_front

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
