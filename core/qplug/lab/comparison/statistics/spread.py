"""How far a mean over seeds and test samples may be off: how far an interval reaches and what lies beyond."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from qplug.lab.comparison.statistics.scores import Floats

MIN_SEEDS, MIN_GROUPS, MIN_EFFECTIVE_GROUPS, MIN_REDRAWN = 5, 5, 4.0, 5
"""Of fewer seeds an interval is wrong in more than 5 % of cases: docs/explanation/comparison.md."""
LEAST_TAIL = 1e-100
Numbers: TypeAlias = float | NDArray[np.float64]


class Spread(Protocol):
    """A mean and how sure it is."""

    @property
    def value(self) -> float:
        """The mean."""

    def reach(self, tail: float, n_seeds: Numbers) -> Numbers:
        """How far from the mean an interval ends that leaves ``tail``, in (0, 0.5], beyond it, over so many seeds."""

    def tail(self, distance: float, n_seeds: int) -> float:
        """What lies beyond such a distance from the mean: the inverse of ``reach``."""


@dataclass(frozen=True)
class CrossedSpread:
    """Every seed answers every group: two drawings, which are crossed.

    An interval reaches as far as the root of the sum of squares of how far it would reach for either drawing alone,
    each with Student's t of its own degrees of freedom (Howe 1974). One t for the variance of the sum, with
    Satterthwaite's degrees of freedom, is too narrow where few seeds differ by more than groups do: it takes seeds that
    happen to agree for seeds that always do.

    **Source:** W. G. Howe, "Approximate confidence limits on the mean of X + Y where X and Y are two tabled independent
    random variables", Journal of the American Statistical Association 69 (1974). Ours differs in what seeds count for,
    since the scatter of cells stands in both drawings: see ``of_seeds``.

    Attributes:
        value: the mean.
        groups: variance of the mean over groups, were the seeds fixed.
        groups_df: its degrees of freedom: as many as equally large groups would have that are as informative.
        seeds: variance of the mean over seeds, were the groups fixed.
        n_seeds: how many.
        cells: what both hold of the scatter that belongs to a seed and a group together.
        floor: the variance is never taken to be less.
    """

    value: float
    groups: float
    groups_df: float
    seeds: float
    n_seeds: int
    cells: float
    floor: float = 0.0

    def of_groups(self, n_seeds: Numbers) -> Numbers:
        """Variance from groups, with the scatter of cells that so many seeds leave; at least the floor."""
        found: Numbers = np.maximum(max(self.groups - self.cells, 0) + self.cells * self._times(n_seeds), self.floor)
        return found

    def of_seeds(self, n_seeds: Numbers) -> Numbers:
        """Variance from seeds beyond the scatter of cells, which ``of_groups`` holds.

        Seeds that scatter no more than their cells alone would make them count for nothing. Others count for twice what
        is beyond, and at most for all: of few seeds it comes out too small about as often as too large, and too small
        is what makes an interval wrong.
        """
        return min(self.seeds, 2 * max(self.seeds - self.cells, 0)) * self._times(n_seeds)

    def reach(self, tail: float, n_seeds: Numbers) -> Numbers:
        """Root of the sum of the squares of both drawings' own."""
        by_group = special.stdtrit(self.groups_df, tail) ** 2 * self.of_groups(n_seeds)
        by_seed = special.stdtrit(np.asarray(n_seeds) - 1.0, tail) ** 2 * self.of_seeds(n_seeds)
        found: Numbers = np.sqrt(by_group + by_seed)
        return found

    def tail(self, distance: float, n_seeds: int) -> float:
        """The tail at which ``reach`` is the distance."""
        if distance < 0:
            return 1 - self.tail(-distance, n_seeds)
        if self.reach(LEAST_TAIL, n_seeds) <= distance:
            return LEAST_TAIL

        def beyond(log_tail: float) -> float:
            return float(self.reach(math.exp(log_tail), n_seeds)) - distance

        return math.exp(optimize.brentq(beyond, math.log(LEAST_TAIL), math.log(0.5)))

    def _times(self, n_seeds: Numbers) -> Numbers:
        return self.n_seeds / n_seeds


@dataclass(frozen=True)
class RedrawnSpread:
    """The seed draws the test part: cells overlap in what they are trained and judged on.

    **Source:** C. Nadeau and Y. Bengio, "Inference for the generalization error", Machine Learning 52 (2003): the
    variance of the mean of m scores is taken as s^2 (1/m + n_test/n_train).

    Attributes:
        value: the mean.
        scatter: s^2, the variance of the cells' scores.
        ratio: n_test / n_train.
        n_cells: m.
        n_seeds: among them.
        floor: the variance is never taken to be less.
    """

    value: float
    scatter: float
    ratio: float
    n_cells: int
    n_seeds: int
    floor: float = 0.0

    def reach(self, tail: float, n_seeds: Numbers) -> Numbers:
        """By Student's t with one degree of freedom less than cells."""
        found: Numbers = -special.stdtrit(self._df(n_seeds), tail) * np.sqrt(self.variance(n_seeds))
        return found

    def tail(self, distance: float, n_seeds: int) -> float:
        """Of Student's t."""
        error = math.sqrt(float(self.variance(n_seeds)))
        return float(special.stdtr(self._df(n_seeds), -distance / error))

    def variance(self, n_seeds: Numbers) -> Numbers:
        """Of the mean over so many seeds."""
        total: Numbers = np.maximum(self.scatter * (1 / self._cells(n_seeds) + self.ratio), self.floor)
        return total

    def _df(self, n_seeds: Numbers) -> Numbers:
        return np.maximum(self._cells(n_seeds) - 1, 1)

    def _cells(self, n_seeds: Numbers) -> Numbers:
        return n_seeds * (self.n_cells / self.n_seeds)


def crossed(terms: Floats, shares: Floats) -> CrossedSpread:
    """From what each group adds to the score of each seed.

    Args:
        terms: (n_seeds, n_groups), at least two of each; the sum over the groups is the score.
        shares: (n_groups,) how much each group counts; the sum is 1.
    """
    n_seeds, n_groups = terms.shape
    scores = terms.sum(axis=1)
    value, by_group = float(scores.mean()), terms.mean(axis=0)
    rest = terms - by_group - shares * (scores - value)[:, None]
    few = n_groups / (n_groups - 1)
    return CrossedSpread(
        value=value,
        groups=few * float(((by_group - shares * value) ** 2).sum()),
        groups_df=effective(shares) - 1,
        seeds=float(scores.var(ddof=1)) / n_seeds,
        n_seeds=n_seeds,
        cells=few * float((rest**2).sum()) / (n_seeds - 1) / n_seeds,
    )


def redrawn(scores: Floats, ratio: float, n_seeds: int) -> RedrawnSpread:
    """From the score of each cell."""
    return RedrawnSpread(float(scores.mean()), float(scores.var(ddof=1)), ratio, len(scores), n_seeds)


def effective(shares: Floats) -> float:
    """How many equally large groups vary as these together do: (sum of s^2)^2 / (sum of s^4)."""
    squares = shares**2
    return float(squares.sum() ** 2 / (squares**2).sum())


def with_floor(spread: CrossedSpread | RedrawnSpread, floor: float) -> CrossedSpread | RedrawnSpread:
    """The same, with a variance of at least so much."""
    return replace(spread, floor=floor)
