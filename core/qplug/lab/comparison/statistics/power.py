"""What a design can see, and what it would take to see more."""

from __future__ import annotations

import numpy as np
from scipy import special

from qplug.lab.comparison.statistics.spread import Numbers, Spread

POWER, LEVEL, MOST_SEEDS = 0.8, 0.05, 1000


def quantile(probability: float, df: Numbers) -> Numbers:
    """Of Student's t."""
    found: Numbers = special.stdtrit(df, probability)
    return found


def tail(t: float, df: float) -> float:
    """How probable it is that Student's t is above."""
    return float(special.stdtr(df, -t))


def smallest_detectable(spread: Spread, n_seeds: Numbers) -> Numbers:
    """The difference that a two-sided test at 5 % finds with 80 % power: (t(97.5 %) + t(80 %)) standard errors."""
    df = spread.df(n_seeds)
    found: Numbers = (quantile(1 - LEVEL / 2, df) + quantile(POWER, df)) * np.sqrt(spread.variance(n_seeds))
    return found


def seeds_needed(spread: Spread, n_seeds: int, margin: float) -> int | None:
    """How many seeds in all would see a difference of the margin, and decide if the difference stays what it is.

    Returns:
        The least number above ``n_seeds``; None if as many as 1000 would not do, since the test samples are too few.
    """
    counts = np.unique(np.geomspace(n_seeds + 1, max(MOST_SEEDS, n_seeds + 1), 100).round())  # about: in steps of 5 %
    error, df = np.sqrt(spread.variance(counts)), spread.df(counts)
    seen = smallest_detectable(spread, counts) <= margin
    differs = abs(spread.value) >= quantile(1 - LEVEL / 2, df) * error
    within = abs(spread.value) + quantile(1 - LEVEL, df) * error <= margin
    enough = np.flatnonzero(seen & (differs | within))
    return int(counts[enough[0]]) if len(enough) else None
