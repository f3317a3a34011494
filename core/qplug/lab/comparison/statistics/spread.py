"""How far a mean over seeds and test samples may be off: its variance and the degrees of freedom of that variance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from qplug.lab.comparison.statistics.scores import Floats

MIN_SEEDS, MIN_GROUPS, MIN_EFFECTIVE_GROUPS, MIN_REDRAWN = 2, 5, 4.0, 5
SURE_SEEDS = 3
"""Of fewer, what a seed and a group have together is counted twice rather than once: see ``CrossedSpread.variance``."""
Numbers: TypeAlias = float | NDArray[np.float64]


class Spread(Protocol):
    """A mean and how sure it is."""

    @property
    def value(self) -> float:
        """The mean."""

    def variance(self, n_seeds: Numbers) -> Numbers:
        """Of the mean, were it over so many seeds."""

    def df(self, n_seeds: Numbers) -> Numbers:
        """Degrees of freedom of that variance."""


@dataclass(frozen=True)
class CrossedSpread:
    """Every seed answers every group: two drawings, which are crossed.

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

    def variance(self, n_seeds: Numbers) -> Numbers:
        """Of the mean over so many seeds: V(groups) + V(seeds) - V(cells), and not less than either alone.

        Of two seeds V(cells) is not taken off: the sum without it can only be too large, and Satterthwaite's rule,
        whose intervals are too narrow where one degree of freedom weighs much, needs the room.
        """
        of_groups, of_seeds, _ = self._components(n_seeds)
        sure = np.where(np.asarray(n_seeds) < SURE_SEEDS, of_groups + of_seeds, self.floor)
        total: Numbers = np.maximum(np.maximum(self._sum(n_seeds), self.floor), sure)
        return total

    def df(self, n_seeds: Numbers) -> Numbers:
        """By Satterthwaite's rule, for the sum with V(cells) taken off.

        **Source:** F. E. Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics
        Bulletin 2 (1946).
        """
        of_groups, of_seeds, _ = self._components(n_seeds)
        total = self._sum(n_seeds)
        below = of_groups**2 / self.groups_df + of_seeds**2 / np.maximum(n_seeds - np.float64(1), 1)
        none = below <= 0
        found: Numbers = np.where(none, self.groups_df, total**2 / np.where(none, 1, below))
        return found

    def _sum(self, n_seeds: Numbers) -> Numbers:
        of_groups, of_seeds, of_cells = self._components(n_seeds)
        found: Numbers = np.maximum(of_groups + of_seeds - of_cells, np.maximum(of_groups, of_seeds))
        return found

    def _components(self, n_seeds: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        times = self.n_seeds / n_seeds
        return max(self.groups - self.cells, 0) + self.cells * times, self.seeds * times, self.cells * times


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

    def variance(self, n_seeds: Numbers) -> Numbers:
        """Of the mean over so many seeds."""
        total: Numbers = np.maximum(self.scatter * (1 / self._cells(n_seeds) + self.ratio), self.floor)
        return total

    def df(self, n_seeds: Numbers) -> Numbers:
        """One less than cells."""
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
