"""How many samples and shots a budget buys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qplug.contract.errors import UserError
from qplug.contract.interfaces import Forecast

FEWEST_SHOTS = 128
"""Rather fewer samples than fewer shots, unless the user asks for both."""


@dataclass(frozen=True)
class Plan:
    """What is sent.

    Attributes:
        n_samples: so many samples.
        shots: of each.
        forecast: what that costs.
    """

    n_samples: int
    shots: int
    forecast: Forecast


def fit_budget(
    cost: Callable[[int, int], Forecast],
    n_samples: int,
    shots: int,
    budget: float,
    *,
    fewest_shots: int = FEWEST_SHOTS,
    fixed_samples: bool = False,
    fixed_shots: bool = False,
) -> Plan:
    """The most that a budget, and what the account has left, buys.

    All samples with all shots; if that is too dear, all samples with fewer shots, down to ``fewest_shots``; then fewer
    samples.

    Args:
        cost: what a number of samples with a number of shots costs; more never cost less.
        n_samples: as many as there are, or as the user asked for.
        shots: as many as are wanted.
        budget: seconds of the device.
        fewest_shots: rather fewer samples than fewer shots.
        fixed_samples: whether it must be so many samples.
        fixed_shots: whether it must be so many shots.

    Raises:
        UserError: not even the least can be had.
    """

    def fits(samples: int, each: int) -> bool:
        told = cost(samples, each)
        return told.seconds <= min(budget, np.inf if told.left_seconds is None else told.left_seconds)

    fewest_shots = shots if fixed_shots else min(shots, fewest_shots)
    fewest_samples = n_samples if fixed_samples else 1
    if not fits(fewest_samples, fewest_shots):
        raise _too_dear(cost(fewest_samples, fewest_shots), fewest_samples, fewest_shots, budget)
    if fits(n_samples, fewest_shots):
        bought = _largest(fewest_shots, shots, lambda each: fits(n_samples, each))
        return Plan(n_samples, bought, cost(n_samples, bought))
    bought = _largest(fewest_samples, n_samples, lambda samples: fits(samples, fewest_shots))
    return Plan(bought, fewest_shots, cost(bought, fewest_shots))


def _largest(low: int, high: int, fits: Callable[[int], bool]) -> int:
    """The largest number in [low, high] that fits; ``low`` does."""
    if fits(high):
        return high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _too_dear(told: Forecast, samples: int, shots: int, budget: float) -> UserError:
    what = f"{samples:,} samples with {shots:,} shots would take {told.seconds:.3g} s of the device"
    if told.left_seconds is not None and told.left_seconds < budget:
        return UserError(f"{what}, but the account has {told.left_seconds:.3g} s left. Nothing was sent.")
    return UserError(f"{what}, but the budget is {budget:.3g} s. Nothing was sent. Allow a larger budget.")


def stratified_subset(labels: NDArray[np.int64], size: int, seed: int) -> NDArray[np.int64]:
    """Positions of ``size`` samples, ascending, each class in its proportion as well as whole numbers allow.

    A smaller subset of the same seed is part of a larger one wherever no class lost a sample by rounding.

    Args:
        labels: the class of each sample, (n,).
        size: in [0, n].
        seed: decides which.
    """
    if not 0 <= size <= len(labels):
        raise ValueError(f"a subset of {size} of {len(labels)} samples")
    order = np.random.default_rng(seed).permutation(len(labels))
    classes, counts = np.unique(labels, return_counts=True)
    exact = counts * size / max(1, len(labels))
    taken = np.floor(exact).astype(np.int64)
    # Where parts are equal, the larger class gives up a sample more easily than the smaller.
    for position in np.lexsort((counts, -(exact - taken)))[: size - int(taken.sum())]:
        taken[position] += 1
    chosen = [order[labels[order] == label][:n] for label, n in zip(classes, taken, strict=True)]
    return np.sort(np.concatenate([np.empty(0, dtype=np.int64), *chosen]))
