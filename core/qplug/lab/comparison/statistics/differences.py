"""The difference of two arms, with what the data at hand allow to say of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from scipy import special

from qplug.contract.errors import ConfigError
from qplug.lab.comparison.statistics.answers import Arm, CellAnswers, in_order, in_the_order_of
from qplug.lab.comparison.statistics.design import Design, laid_out, scores_of, terms_of
from qplug.lab.comparison.statistics.power import LEVEL, seeds_needed, smallest_detectable
from qplug.lab.comparison.statistics.scores import Floats, MetricName
from qplug.lab.comparison.statistics.spread import Spread, redrawn, with_floor

Interval: TypeAlias = tuple[float, float]


@dataclass(frozen=True)
class Difference:
    """The score of ``a`` less that of ``b``: what is expected of new seeds on new test samples, or new groups of them.

    Attributes:
        value: mean of the paired differences.
        interval: 95 %; it excludes 0 exactly if p is below 0.05.
        equivalence_interval: 90 %; it lies within the margin exactly if p_equivalence is below 0.05.
        p: two-sided, that there is no difference.
        p_equivalence: of the two one-sided tests (TOST) that the difference is at least the margin.
        effect_size: value over the standard deviation of the cells' paired differences; None if they do not vary.
        method: the test in words.
        n_seeds: how many there are.
        smallest_detectable: difference that is found with 80 % power at 5 %.
        seeds_needed: about how many seeds in all would decide at the margin; None if no number of them can.
        p_mcnemar: exact McNemar test of independent samples in one test set; over several seeds, twice the median of
            their p. None elsewhere.
        p_corrected_t: corrected t of Nadeau and Bengio over the folds, seeds averaged; None without folds. Told, not
            judged by.
        reason: why there is no verdict; empty if there can be one.
    """

    value: float
    interval: Interval | None
    equivalence_interval: Interval | None
    p: float | None
    p_equivalence: float | None
    effect_size: float | None
    method: str
    n_seeds: int
    smallest_detectable: float | None
    seeds_needed: int | None
    p_mcnemar: float | None
    p_corrected_t: float | None
    reason: str


def difference(
    a: Sequence[CellAnswers], b: Sequence[CellAnswers], metric: MetricName, n_classes: int, *, margin: float,
    seed: int = 0,
) -> Difference:  # fmt: skip
    """Compares two arms, paired by seed and fold.

    Args:
        a: one arm's cells.
        b: the other's, with the same seeds, folds and test parts.
        metric: which score.
        n_classes: how many there are.
        margin: differences up to this do not matter; a share in (0, 1).
        seed: nothing is drawn here; taken so that all of these functions are called alike.

    Raises:
        ConfigError: the margin is none.
        DataError: the arms cannot be paired.
    """
    del seed
    if not 0 < margin < 1:
        raise ConfigError(f"The margin is {margin:g}; a share between 0 and 1 is needed, such as 0.01 for one point.")
    first = in_order(a, n_classes)
    second = in_the_order_of(first, in_order(b, n_classes))
    design = laid_out(first, metric, n_classes)
    by_cell = scores_of(first, metric, n_classes) - scores_of(second, metric, n_classes)
    plain = _untested(design, first, second, by_cell)
    if design.reason:
        return plain
    terms = terms_of(design, first, metric, n_classes) - terms_of(design, second, metric, n_classes)
    return _tested(plain, design, terms, margin)


def _untested(design: Design, first: Arm, second: Arm, by_cell: Floats) -> Difference:
    """What can be told of every pair, also where there is no verdict."""
    return Difference(
        value=float(by_cell.mean()),
        interval=None,
        equivalence_interval=None,
        p=None,
        p_equivalence=None,
        effect_size=effect_size(by_cell.ravel()),
        method="none",
        n_seeds=design.n_seeds,
        smallest_detectable=None,
        seeds_needed=None,
        p_mcnemar=mcnemar(design, first, second),
        p_corrected_t=corrected_t(design, by_cell),
        reason=design.reason,
    )


def _tested(plain: Difference, design: Design, terms: Floats, margin: float) -> Difference:
    found = tested(design, terms, margin)
    return replace(
        plain,
        interval=found.interval,
        equivalence_interval=found.equivalence_interval,
        p=found.p,
        p_equivalence=found.p_equivalence,
        method=design.method,
        smallest_detectable=float(smallest_detectable(found.spread, design.n_seeds)),
        seeds_needed=seeds_needed(found.spread, design.n_seeds, margin),
    )


@dataclass(frozen=True)
class Tested:
    """The one test of a design: its p and what it does not reject."""

    interval: Interval
    equivalence_interval: Interval
    p: float
    p_equivalence: float
    spread: Spread


def tested(design: Design, terms: Floats, margin: float) -> Tested:
    """Tests what each seed and group, or each cell, adds to a difference."""
    spread = with_floor(design.spread(terms), design.floor(margin, terms))
    value, n_seeds = spread.value, design.n_seeds
    return Tested(
        interval=around(value, float(spread.reach(LEVEL / 2, n_seeds))),
        equivalence_interval=around(value, float(spread.reach(LEVEL, n_seeds))),
        p=2 * spread.tail(abs(value), n_seeds),
        p_equivalence=spread.tail(margin - abs(value), n_seeds),
        spread=spread,
    )


def around(value: float, half: float) -> Interval:
    """An interval of so much on both sides."""
    return value - half, value + half


def effect_size(differences: Floats) -> float | None:
    """Mean over standard deviation of paired differences; None if there is one, or if they do not vary."""
    deviation = float(differences.std(ddof=1)) if len(differences) > 1 else 0.0
    return float(differences.mean()) / deviation if deviation > 1e-12 else None


def corrected_t(design: Design, by_cell: Floats) -> float | None:
    """The p of the corrected t over folds with seeds averaged, or over the cells where the seed draws the test part."""
    scores = by_cell.mean(axis=0)
    if len(scores) < 2 or scores.var() <= 1e-24:
        return None
    spread = redrawn(scores, design.ratio, 1)
    return 2 * spread.tail(abs(spread.value), 1)


def mcnemar(design: Design, first: Arm, second: Arm) -> float | None:
    """The p of the exact McNemar test in one test set of independent samples; None elsewhere.

    Each seed has its own table of disagreements. Twice the median of valid p is valid however they depend on one
    another, which those of one test set do.
    """
    if design.n_parts > 1 or design.grouped or design.redrawn:
        return None
    (one,), (other,) = first.parts, second.parts
    right, also = one.predicted == one.labels, other.predicted == one.labels
    only_a, only_b = (right & ~also).sum(axis=1), (also & ~right).sum(axis=1)
    p = np.minimum(2 * special.bdtr(np.minimum(only_a, only_b).astype(float), only_a + only_b, 0.5), 1)
    return float(p[0]) if len(p) == 1 else min(1.0, 2 * float(np.median(p)))
