"""One arm's score with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

from qplug.lab.comparison.statistics.answers import CellAnswers, in_order
from qplug.lab.comparison.statistics.design import Design, laid_out, scores_of, terms_of
from qplug.lab.comparison.statistics.scores import Floats, MetricName
from qplug.lab.comparison.statistics.spread import with_floor

RESAMPLES = 1000


@dataclass(frozen=True)
class Estimate:
    """A mean and what is known of it.

    Attributes:
        mean: over the cells; not a number where there is none to tell.
        interval: None where the data at hand cannot tell one.
        reason: why there is no interval; empty if there is one.
    """

    mean: float
    interval: tuple[float, float] | None
    reason: str


def estimate(
    cells: Sequence[CellAnswers], metric: MetricName, n_classes: int, *, level: float = 0.95, seed: int = 0
) -> Estimate:
    """An arm's score: what is expected of new seeds on new test samples, or new groups of them.

    The interval is a bootstrap's that draws groups and seeds anew, stretched to the width that the two drawings ask
    for: a bootstrap alone is too narrow with few seeds or groups.

    Args:
        cells: of the arm.
        metric: which score.
        n_classes: how many there are.
        level: of the interval.
        seed: of the bootstrap.

    Raises:
        DataError: a cell is missing, or its arrays do not fit.
    """
    arm = in_order(cells, n_classes)
    design = laid_out(arm, metric, n_classes)
    mean = float(scores_of(arm, metric, n_classes).mean())
    if design.reason:
        return Estimate(mean, None, design.reason)
    terms = terms_of(design, arm, metric, n_classes)
    return Estimate(mean, interval_of(design, terms, mean, level, seed), "")


def interval_of(design: Design, terms: Floats, mean: float, level: float, seed: int) -> tuple[float, float]:
    """Of a mean, within [0, 1], from what each seed and group, or each cell, adds to it."""
    near = (mean * design.n_samples + 2) / (design.n_samples + 4)  # two samples right and two wrong: never 0 or 1
    spread = with_floor(design.spread(terms), design.floor(near, terms))
    below, above = _quantiles(design, terms, level, seed)
    student = float(spread.reach(0.5 - level / 2, design.n_seeds))
    return max(0.0, mean + below * student), min(1.0, mean + above * student)


def _quantiles(design: Design, terms: Floats, level: float, seed: int) -> tuple[float, float]:
    """Where the bootstrap's interval ends, in units of half the width of a symmetric one."""
    if design.redrawn:
        return -1.0, 1.0
    deviations = resampled(terms, design.shares, seed) - terms.sum(axis=1).mean()
    unit = float(deviations.std()) * float(special.ndtri(0.5 + level / 2))
    if unit <= 1e-12:
        return -1.0, 1.0
    below, above = np.quantile(deviations, (0.5 - level / 2, 0.5 + level / 2)) / unit
    return float(below), float(above)


def resampled(terms: Floats, shares: Floats, seed: int) -> Floats:
    """(1000,) means over groups and seeds that are drawn anew with replacement."""
    n_seeds, n_groups = terms.shape
    groups, seeds = drawn_anew(n_groups, seed, 0), drawn_anew(n_seeds, seed, 1)
    by_seed = groups @ np.column_stack([terms.T, shares]).astype(np.float32)
    means: Floats = (by_seed[:, :-1] / by_seed[:, -1:] * seeds).mean(axis=1, dtype=np.float64)
    return means


@lru_cache(maxsize=2)
def drawn_anew(n: int, seed: int, stream: int) -> NDArray[np.float32]:
    """(1000, n) how often each of n is drawn in n drawings; the same for all arms of a comparison."""
    rng = np.random.default_rng((seed, n, stream))
    places = rng.integers(0, n, (RESAMPLES, n)) + n * np.arange(RESAMPLES)[:, None]
    return np.bincount(places.ravel(), minlength=RESAMPLES * n).reshape(RESAMPLES, n).astype(np.float32)
