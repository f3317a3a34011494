"""What a design can see, and what it would take to see more."""

from __future__ import annotations

import numpy as np

from qplug.lab.comparison.statistics.spread import Numbers, Spread

POWER, LEVEL, MOST_SEEDS = 0.8, 0.05, 1000


def smallest_detectable(spread: Spread, n_seeds: Numbers) -> Numbers:
    """The difference that a two-sided test at 5 % finds with 80 % power: what tails of 2.5 and of 20 % reach."""
    found: Numbers = spread.reach(LEVEL / 2, n_seeds) + spread.reach(1 - POWER, n_seeds)
    return found


def seeds_needed(spread: Spread, n_seeds: int, margin: float) -> int | None:
    """How many seeds in all would see a difference of the margin, and decide if the difference stays what it is.

    Returns:
        The least number above ``n_seeds``; None if as many as 1000 would not do, since the test samples are too few.
    """
    counts = np.unique(np.geomspace(n_seeds + 1, max(MOST_SEEDS, n_seeds + 1), 100).round())  # about: in steps of 5 %
    seen = smallest_detectable(spread, counts) <= margin
    differs = abs(spread.value) >= spread.reach(LEVEL / 2, counts)
    within = abs(spread.value) + spread.reach(LEVEL, counts) <= margin
    enough = np.flatnonzero(seen & (differs | within))
    return int(counts[enough[0]]) if len(enough) else None
