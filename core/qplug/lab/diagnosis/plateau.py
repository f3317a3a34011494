"""How large the gradients of a circuit are at random points, and how fast they vanish with the number of qubits.

**Source:** McClean, Boixo, Smelyanskiy, Babbush, Neven, "Barren plateaus in quantum neural network training
landscapes", Nature Communications 9, 4812 (2018): the variance of a partial derivative over random parameters.
**Differs from the source:** the mean over all parameters and observables instead of one of each, at the head's own
initialisation, with random inputs encoded in front.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qplug.contract.interfaces import Backend
from qplug.lab.diagnosis.draws import Draws, all_encoded


@dataclass(frozen=True)
class GradientFacts:
    """Gradients of expectation values by the trainable parameters, over random draws.

    Attributes:
        variance: of ∂⟨O⟩/∂θ over the draws, mean over all observables O of the head and all parameters θ.
        error: its standard error.
        by_observable: the same for each observable.
        direction_variance: of ∂L/∂θ for a loss L = Σ c ⟨O⟩ with c drawn from the unit sphere.
        n_draws: points at which the gradient was taken; each looks at one observable in turn.
        n_parameters: how many parameters there are; all is zero for none.
    """

    variance: float
    error: float
    by_observable: tuple[float, ...]
    direction_variance: float
    n_draws: int
    n_parameters: int

    @property
    def size(self) -> float:
        """The gradient's typical size: the root of its variance."""
        return math.sqrt(self.variance)


def gradient_facts(draws: Draws, backend: Backend, *, seed: int) -> GradientFacts:
    """Takes gradients at every draw.

    Args:
        draws: where; at least two for each observable.
        backend: an exact one that gives gradients.
        seed: of the loss directions.
    """
    n_observables, n_draws = len(draws.circuit.observables), len(draws.inputs)
    watched = torch.arange(n_draws) % n_observables
    single = torch.nn.functional.one_hot(watched, n_observables).float()
    generator = torch.Generator().manual_seed(seed)
    direction = torch.nn.functional.normalize(torch.randn(n_draws, n_observables, generator=generator), dim=1)
    by_single, by_direction = _gradients(draws, backend, [single, direction])
    contributions, by_observable = np.zeros(n_draws), []
    for observable in range(n_observables):
        mine = (watched == observable).numpy()
        contributions[mine] = _deviations(by_single[mine])
        by_observable.append(float(contributions[mine].mean()))
    return GradientFacts(
        variance=float(contributions.mean()),
        error=float(contributions.std(ddof=1) / math.sqrt(n_draws)),
        by_observable=tuple(by_observable),
        direction_variance=float(_deviations(by_direction).mean()),
        n_draws=n_draws,
        n_parameters=draws.parameters.shape[1],
    )


def _gradients(draws: Draws, backend: Backend, cotangents: Sequence[Tensor]) -> list[NDArray[np.float64]]:
    """For each cotangent (draw, n_observables) the gradient (draw, n_parameters) by each draw's own parameters."""
    own = Draws(draws.head, draws.circuit, draws.inputs, draws.parameters.clone().requires_grad_())
    with torch.enable_grad():
        values = backend(all_encoded(draws.circuit), torch.cat(own.angles(), dim=1), torch.zeros(0))
        if not values.requires_grad:
            return [np.zeros(draws.parameters.shape) for _ in cotangents]
        found = [
            torch.autograd.grad(
                values, own.parameters, cotangent, retain_graph=True, allow_unused=True, materialize_grads=True
            )[0]
            for cotangent in cotangents
        ]
    return [gradient.double().numpy() for gradient in found]


def _deviations(gradients: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each draw's share of the variance, mean over parameters; their mean over the draws is free of bias."""
    n_draws, n_parameters = gradients.shape
    if not n_parameters:
        return np.zeros(n_draws)
    centred = gradients - gradients.mean(0)
    deviations: NDArray[np.float64] = (centred**2).mean(1) * n_draws / max(1, n_draws - 1)
    return deviations


@dataclass(frozen=True)
class Decay:
    """An exponential fitted to variances by qubits: variance ∝ factor^n_qubits.

    Attributes:
        n_layers: the number of layers that it holds for; None for a head without layers.
        factor: by what the variance is multiplied with each further qubit.
        low: lower end of its 95 % interval, by the scatter around the fit.
        high: upper end.
    """

    n_layers: int | None
    factor: float
    low: float
    high: float


def fitted_decay(n_layers: int | None, qubits: Sequence[int], variances: Sequence[float]) -> Decay | None:
    """Least squares through the logarithms; None with fewer than three sizes whose gradients are not zero."""
    points = [(n, math.log(variance)) for n, variance in zip(qubits, variances, strict=True) if variance > 0]
    if len({n for n, _ in points}) < 3:
        return None
    x, y = (np.array(column, dtype=float) for column in zip(*points, strict=True))
    slope, offset = np.polyfit(x, y, 1)
    freedom = len(points) - 2
    spread = math.sqrt(float(((y - slope * x - offset) ** 2).sum()) / freedom / float(((x - x.mean()) ** 2).sum()))
    from scipy.stats import t

    reach = float(t.ppf(0.975, freedom)) * spread
    return Decay(n_layers, *(math.exp(value) for value in (slope, slope - reach, slope + reach)))
