"""Linear discriminant analysis: the directions that tell the classes of the training part apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from torch import Tensor, nn

from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import Reducer, ReducerCapabilities, TrainingPart
from qplug_models.ranges import FittedRangeMap, Scale, ranged
from qplug_models.reducers import NOutputs, refuse_other_sizes


class Projection(nn.Module):
    """Outputs = (inputs - mean) · directions.

    Args:
        mean: (n_inputs,).
        directions: (n_inputs, n_outputs).
        explained: (n_outputs,), the share of the variance between classes that each direction explains.
    """

    mean: Tensor
    directions: Tensor
    explained_variance_ratio: Tensor

    def __init__(self, mean: Tensor, directions: Tensor, explained: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("directions", directions)
        self.register_buffer("explained_variance_ratio", explained)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Outputs (batch, n_outputs) of embeddings (batch, n_inputs)."""
        return (embeddings - self.mean) @ self.directions


@final
@dataclass(kw_only=True, eq=False)
class Lda(Reducer):
    """The directions along which the training part's classes lie furthest apart, for their spread within.

    There is at most one direction fewer than there are classes. The covariance within classes is shrunk towards
    equal variances, because an embedding often has more features than there are samples. Every output has unit
    variance over the training part.

    Unlike principal components they are fitted to the labels, and on few samples they fit those of the training part
    far better than any others.

    **Source:** Fisher, The Use of Multiple Measurements in Taxonomic Problems, 1936; shrinkage: Ledoit and Wolf, A
    Well-Conditioned Estimator for Large-Dimensional Covariance Matrices, 2004; computed by scikit-learn.
    """

    summary = "the directions that tell the training part's classes apart, at most one fewer than classes"
    source = "Fisher 1936"
    capabilities = ReducerCapabilities(interface=1, fitted=True)

    n_outputs: NOutputs = None
    shrinkage: Annotated[
        float | None,
        Field(ge=0, le=1, description="0: the covariance as it is; 1: equal variances; unset: by Ledoit and Wolf"),
    ] = None
    range_map: FittedRangeMap = "none"
    scale: Scale = 1.0

    def __post_init__(self) -> None:
        self._fitted: tuple[Tensor, Tensor, Tensor] | None = None
        self._scores: Tensor | None = None

    def fit(self, training: TrainingPart, n_outputs: int) -> None:
        """Finds mean and directions.

        Raises:
            NotSupported: more outputs than classes less one, or than features, or no more samples than classes.
        """
        inputs = training.inputs.detach().cpu().double().numpy()
        labels = training.labels.cpu().numpy()
        n_classes = len(np.unique(labels))
        self.refuse_outputs(inputs.shape[1], n_outputs, n_classes)
        if len(inputs) <= n_classes:
            raise NotSupported(
                f"lda needs more training samples than classes, but there are {len(inputs)} for {n_classes} classes. "
                "Use more data or --reducer pca."
            )
        shrinkage = "auto" if self.shrinkage is None else self.shrinkage
        analysis = LinearDiscriminantAnalysis(solver="eigen", shrinkage=shrinkage, n_components=n_outputs)
        analysis.fit(inputs, labels)
        mean = inputs.mean(0)
        scores = (inputs - mean) @ analysis.scalings_[:, :n_outputs]
        # As with principal components the sign of a direction means nothing; this makes it repeat.
        largest = np.abs(analysis.scalings_[:, :n_outputs]).argmax(0)
        spread = scores.std(0, ddof=1) * np.sign(analysis.scalings_[largest, np.arange(n_outputs)])
        directions = analysis.scalings_[:, :n_outputs] / spread
        explained = analysis.explained_variance_ratio_[:n_outputs]
        self._fitted = (_tensor(mean), _tensor(directions), _tensor(explained))
        self._scores = _tensor(scores / spread)

    def refuse_outputs(self, n_inputs: int, n_outputs: int, n_classes: int) -> None:
        """There is one direction fewer than classes, and no more than features.

        Raises:
            NotSupported: more outputs than that.
        """
        most = min(n_classes - 1, n_inputs)
        if n_outputs > most:
            raise NotSupported(
                f"lda finds at most {most} directions for {n_classes} classes in {n_inputs} features, but {n_outputs} "
                f"outputs were asked for. Use a head with at most {most} inputs (--set reducer.n_outputs={most}) or "
                "--reducer pca."
            )

    def least_samples(self, n_outputs: int, n_classes: int) -> int:
        """One more than classes: with one of each there is no spread within any."""
        return n_classes + 1

    def module(self, n_inputs: int, n_outputs: int) -> nn.Module:
        """The projection (batch, n_inputs) → (batch, n_outputs); before ``fit`` all its numbers are NaN.

        Raises:
            NotSupported: other sizes than it was fitted for.
        """
        missing = tuple(torch.full(size, float("nan")) for size in ((n_inputs,), (n_inputs, n_outputs), (n_outputs,)))
        mean, directions, explained = self._fitted or missing
        refuse_other_sizes("lda", (directions.shape[0], directions.shape[1]), (n_inputs, n_outputs))
        layer = Projection(mean.clone(), directions.clone(), explained.clone())
        return ranged(layer, self.range_map, self.scale, n_outputs, self._scores)

    def suggested_outputs(self, n_inputs: int) -> int:
        """Eight, or as many as there are features; too many for fewer than nine classes, which ``fit`` then refuses."""
        return min(8, n_inputs)


def _tensor(values: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))
