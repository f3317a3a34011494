"""How much of an arm's score above chance is left when something was taken from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from qplug.contract.errors import ConfigError
from qplug.lab.comparison.statistics.answers import CellAnswers, in_order, in_the_order_of
from qplug.lab.comparison.statistics.design import laid_out, scores_of, terms_of
from qplug.lab.comparison.statistics.estimates import Estimate
from qplug.lab.comparison.statistics.power import LEVEL
from qplug.lab.comparison.statistics.scores import MetricName
from qplug.lab.comparison.statistics.spread import with_floor

STEPS, FARTHEST = 30, 1e6


def kept_share(
    full: Sequence[CellAnswers], ablated: Sequence[CellAnswers], metric: MetricName, n_classes: int, *, chance: float,
    seed: int = 0,
) -> Estimate:  # fmt: skip
    """The share (ablated - chance) / (full - chance) with its 95 % interval; 1: all of it is left.

    The interval holds every share r for which a test at 5 % finds no difference between ablated - chance and
    r (full - chance), which is how Fieller's interval of a ratio is made.

    Args:
        full: the arm's cells.
        ablated: the cells of the arm that something was taken from, with the same seeds, folds and test parts.
        metric: which score.
        n_classes: how many there are.
        chance: the score of guessing, in [0, 1).
        seed: nothing is drawn here; taken so that all of these functions are called alike.

    Returns:
        No interval, and a reason, where the data cannot tell one or the full arm is not surely above chance; then there
        is no share either.

    Raises:
        ConfigError: there is no such chance.
        DataError: the arms cannot be paired.
    """
    del seed
    if not 0 <= chance < 1:
        raise ConfigError(f"The score of chance is {chance:g}; one in [0, 1) is needed.")
    first = in_order(full, n_classes)
    second = in_the_order_of(first, in_order(ablated, n_classes))
    design = laid_out(first, metric, n_classes)
    above = float(scores_of(first, metric, n_classes).mean()) - chance
    left = float(scores_of(second, metric, n_classes).mean()) - chance
    if design.reason:
        return Estimate(left / above if above > 0 else math.nan, None, design.reason)
    of_full, of_ablated = (terms_of(design, arm, metric, n_classes) for arm in (first, second))
    least = 1 / design.n_samples

    def surprising(value: float, share: float | None) -> bool:
        """Whether 0 lies outside the interval of ablated - share * full; of full alone without a share."""
        terms = of_full if share is None else of_ablated - share * of_full
        spread = with_floor(design.spread(terms), design.floor(least, terms))
        return abs(value) > float(spread.reach(LEVEL / 2, design.n_seeds))

    if above <= 0 or not surprising(above, None):
        how = "not above chance" if above <= 0 else "not surely above chance, as far as its cells differ"
        return Estimate(math.nan, None, f"the full arm is {how}, so there is nothing to keep a share of")
    share = left / above
    ends = [_end(share, way, lambda r: surprising(left - r * above, r)) for way in (-1, 1)]
    if max(map(abs, ends)) >= FARTHEST:
        return Estimate(share, None, "the full arm is hardly above chance, so any share could be kept")
    return Estimate(share, (ends[0], ends[1]), "")


def _end(share: float, way: int, surprising: Callable[[float], bool]) -> float:
    """Where going from the share that way becomes surprising."""
    step = 0.125
    while not surprising(share + way * step):
        step *= 2
        if step > FARTHEST:
            return way * FARTHEST
    near, far = 0.0, step
    for _ in range(STEPS):
        middle = (near + far) / 2
        near, far = (near, middle) if surprising(share + way * middle) else (middle, far)
    return share + way * far
