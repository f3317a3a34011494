"""Reducers: embeddings become the few numbers that a head takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, final

import torch
from pydantic import Field
from torch import Tensor, nn

from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import Reducer, ReducerCapabilities, TrainingPart
from qplug_models.ranges import FittedRangeMap, LearntRangeMap, Scale, is_fitted, ranged

NOutputs = Annotated[int | None, Field(ge=1, description="number of outputs; unset: as many as the head takes")]


def refuse_other_sizes(name: str, fitted_for: tuple[int, int], asked: tuple[int, int]) -> None:
    """Raises an error if a reducer is asked for other sizes (features, outputs) than it was fitted for.

    Raises:
        NotSupported: they differ.
    """
    if fitted_for != asked:
        raise NotSupported(
            f"{name} was fitted for {fitted_for[0]} features and {fitted_for[1]} outputs, not for {asked[0]} and "
            f"{asked[1]}."
        )


@final
@dataclass(kw_only=True, eq=False)
class Identity(Reducer):
    """Hands the embedding on, as it is or brought into a range."""

    summary = "the embedding as it is"
    source = "qplug's own"
    capabilities = ReducerCapabilities(interface=1)

    range_map: FittedRangeMap = "none"
    scale: Scale = 1.0

    def __post_init__(self) -> None:
        if is_fitted(self.range_map):
            self.capabilities = ReducerCapabilities(interface=1, fitted=True)
        self._seen: Tensor | None = None

    def fit(self, training: TrainingPart, n_outputs: int) -> None:
        """Remembers the training part's values for the range map, where it has to be fitted.

        Raises:
            NotSupported: the range map is not fitted.
        """
        if not is_fitted(self.range_map):
            super().fit(training, n_outputs)
        self._seen = training.inputs.detach().cpu()

    def module(self, n_inputs: int, n_outputs: int) -> nn.Module:
        """The identity or the range map (batch, n_inputs) → (batch, n_inputs).

        Raises:
            NotSupported: the head takes another number of inputs than the embedding has.
        """
        if n_inputs != n_outputs:
            raise NotSupported(
                f"the identity cannot turn {n_inputs} features into the {n_outputs} inputs that the head takes. "
                "Use --reducer linear or --reducer pca, or set the backbone's width: "
                f"--set backbone.n_features={n_outputs}"
            )
        return ranged(nn.Identity(), self.range_map, self.scale, n_outputs, self._seen)


@final
@dataclass(kw_only=True, eq=False)
class Linear(Reducer):
    """A learnt linear layer, trained together with the head."""

    summary = "a linear layer, learnt with the head"
    source = "qplug's own"
    capabilities = ReducerCapabilities(interface=1)

    n_outputs: NOutputs = None
    range_map: LearntRangeMap = "none"
    scale: Scale = 1.0

    def module(self, n_inputs: int, n_outputs: int) -> nn.Module:
        """A trainable module (batch, n_inputs) → (batch, n_outputs)."""
        return ranged(nn.Linear(n_inputs, n_outputs), self.range_map, self.scale, n_outputs)

    def suggested_outputs(self, n_inputs: int) -> int:
        """Eight, as many as the quantum heads take by default, so that all heads see the same inputs."""
        return min(8, n_inputs)


class PcaLayer(nn.Module):
    """Projection on principal components: outputs = components · (inputs - mean) · scale.

    Args:
        mean: (n_inputs,).
        components: (n_outputs, n_inputs), orthonormal rows.
        scale: (n_outputs,), 1 over each component's standard deviation if whitened, else ones.
        explained: (n_outputs,), the share of the training part's variance that each component explains.
        trainable: whether mean, components and scale may be trained further.
    """

    explained_variance_ratio: Tensor

    def __init__(self, mean: Tensor, components: Tensor, scale: Tensor, explained: Tensor, *, trainable: bool) -> None:
        super().__init__()
        self.mean = nn.Parameter(mean, requires_grad=trainable)
        self.components = nn.Parameter(components, requires_grad=trainable)
        self.scale = nn.Parameter(scale, requires_grad=trainable)
        self.register_buffer("explained_variance_ratio", explained)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Scores (batch, n_outputs) of embeddings (batch, n_inputs)."""
        return (embeddings - self.mean) @ self.components.T * self.scale


@final
@dataclass(kw_only=True, eq=False)
class Pca(Reducer):
    """Principal component analysis of the training part's embeddings.

    Each component's sign is fixed so that its largest entry is positive: the same data gives the same reducer. A
    component without variance is left unscaled when whitening. The share of the variance that each component explains
    is ``explained_variance_ratio`` of the layer, and stays in its ``state_dict``.

    **Source:** Pearson, On Lines and Planes of Closest Fit to Systems of Points in Space, 1901; sample variances have
    the divisor n - 1.
    """

    summary = "principal components of the training part, whitened"
    source = "Pearson 1901"
    capabilities = ReducerCapabilities(interface=1, fitted=True)

    n_outputs: NOutputs = None
    whiten: Annotated[bool, Field(description="bring every component to unit variance")] = True
    trainable: Annotated[bool, Field(description="train the projection further, together with the head")] = False
    range_map: FittedRangeMap = "none"
    scale: Scale = 1.0

    def __post_init__(self) -> None:
        self._fitted: tuple[Tensor, Tensor, Tensor, Tensor] | None = None
        self._scores: Tensor | None = None

    def fit(self, training: TrainingPart, n_outputs: int) -> None:
        """Finds mean and components.

        Raises:
            NotSupported: more components asked for than there are features, or samples less one.
        """
        n_samples, n_inputs = training.inputs.shape
        _check_outputs(n_inputs, n_outputs)
        if n_outputs > n_samples - 1:
            raise NotSupported(
                f"pca finds at most {n_samples - 1} components in {n_samples} training samples, but {n_outputs} were "
                "asked for. Use more samples or fewer outputs: --set reducer.n_outputs=…"
            )
        inputs = training.inputs.detach().to(device="cpu", dtype=torch.float64)
        mean = inputs.mean(0)
        _, singular, components = torch.linalg.svd(inputs - mean, full_matrices=False)
        variances = singular.square() / (n_samples - 1)
        components = components[:n_outputs] * _signs(components[:n_outputs])
        kept = variances[:n_outputs]
        # What lies below the rounding of the inputs themselves is noise, and whitening would blow it up.
        largest = n_inputs * variances.max() + mean.square().sum()
        has_spread = kept > largest * torch.finfo(training.inputs.dtype).eps ** 2
        scale = torch.where(has_spread, kept.clamp_min(1e-300).rsqrt(), 1.0) if self.whiten else torch.ones_like(kept)
        explained = kept / variances.sum().clamp_min(1e-300)
        self._fitted = (mean.float(), components.float(), scale.float(), explained.float())
        self._scores = ((inputs - mean) @ components.T * scale).float()

    def module(self, n_inputs: int, n_outputs: int) -> nn.Module:
        """The projection (batch, n_inputs) → (batch, n_outputs).

        Before ``fit`` all its numbers are NaN, so that a stored ``state_dict`` can be loaded but nothing can be
        computed by accident.

        Raises:
            NotSupported: more outputs than inputs, or other sizes than it was fitted for.
        """
        _check_outputs(n_inputs, n_outputs)
        mean, components, scale, explained = self._fitted or _unfitted(n_inputs, n_outputs)
        refuse_other_sizes("pca", (components.shape[1], components.shape[0]), (n_inputs, n_outputs))
        copies = (mean.clone(), components.clone(), scale.clone(), explained.clone())
        layer = PcaLayer(*copies, trainable=self.trainable)
        return ranged(layer, self.range_map, self.scale, n_outputs, self._scores)

    def least_samples(self, n_outputs: int, n_classes: int) -> int:
        """One more than components: the mean takes one away."""
        return n_outputs + 1

    def suggested_outputs(self, n_inputs: int) -> int:
        """Eight components, or all if there are fewer."""
        return min(8, n_inputs)


def _check_outputs(n_inputs: int, n_outputs: int) -> None:
    if n_outputs > n_inputs:
        raise NotSupported(
            f"pca cannot make {n_outputs} outputs from {n_inputs} features. Ask for at most {n_inputs} "
            f"(--set reducer.n_outputs={n_inputs}, or a smaller head) or use --reducer linear."
        )


def _signs(components: Tensor) -> Tensor:
    """(n, 1) of ±1 that make the largest entry of every row positive."""
    largest = components.abs().argmax(1, keepdim=True)
    return torch.where(components.gather(1, largest) < 0, -1.0, 1.0).to(components.dtype)


def _unfitted(n_inputs: int, n_outputs: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    missing = float("nan")
    return (
        torch.full((n_inputs,), missing),
        # In memory as the fitted ones lie: products of another layout differ in the last digits.
        torch.full((n_inputs, n_outputs), missing).T,
        torch.full((n_outputs,), missing),
        torch.full((n_outputs,), missing),
    )
