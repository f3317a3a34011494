"""A verdict on each pair of arms, in one plain sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qplug.contract.errors import ConfigError
from qplug.lab.comparison.outcome import Verdict
from qplug.lab.comparison.statistics.differences import Difference
from qplug.lab.comparison.statistics.power import LEVEL


@dataclass(frozen=True)
class Judged:
    """What is said of a pair.

    Attributes:
        verdict: on the first arm against the second.
        p_holm: p after Holm's correction over all pairs that have one; None where there is no test.
        sentence: the verdict for people, about the first arm.
    """

    verdict: Verdict
    p_holm: float | None
    sentence: str


def verdicts(differences: Sequence[Difference], margin: float, names: Sequence[tuple[str, str]]) -> list[Judged]:
    """Judges all pairs of a comparison together.

    ``equivalent`` is a difference that lies within the margin at 5 %, even one that is surely not 0; ``better`` and
    ``worse`` are other differences that are surely not 0 at 5 % after Holm's correction. All else is ``undecided``.

    Args:
        differences: of the pairs.
        margin: the one that they were computed with.
        names: of both arms of each pair.

    Raises:
        ConfigError: there are not as many names as pairs.
    """
    if len(names) != len(differences):
        raise ConfigError(f"{len(differences)} pairs have names for {len(names)}.")
    tested = [index for index, each in enumerate(differences) if each.p is not None]
    corrected = dict(zip(tested, holm([differences[index].p or 0.0 for index in tested]), strict=True))
    return [_judged(each, corrected.get(index), margin, names[index][1]) for index, each in enumerate(differences)]


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down correction: the i-th smallest of m times m - i + 1, never falling, at most 1.

    **Source:** S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Stat. 6 (1979).
    """
    order = np.argsort(p, kind="stable")
    raised = np.maximum.accumulate(np.asarray(p, float)[order] * np.arange(len(p), 0, -1))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(raised, 1)
    return [float(value) for value in corrected]


def _judged(found: Difference, p_holm: float | None, margin: float, other: str) -> Judged:
    if found.p_equivalence is None or p_holm is None or found.equivalence_interval is None:
        return Judged("undecided", None, f"undecided: {found.reason}")
    if found.p_equivalence < LEVEL:
        low, high = (_number(100 * end) for end in found.equivalence_interval)
        sentence = f"within {points(margin)} of {other} (90 % interval {low} to {high}): equivalent"
        unequal = f", though not equal ({written_p(p_holm)} after Holm)" if p_holm < LEVEL else ""
        return Judged("equivalent", p_holm, sentence + unequal)
    if p_holm < LEVEL:
        verdict: Verdict = "better" if found.value > 0 else "worse"
        return Judged(verdict, p_holm, f"{verdict} by {points(abs(found.value))} than {other}, "
                                       f"{written_p(p_holm)} after Holm")  # fmt: skip
    return Judged("undecided", p_holm, _undecided(found, margin))


def _undecided(found: Difference, margin: float) -> str:
    if found.seeds_needed is None:
        return f"undecided: no number of seeds would do, {points(margin)} cannot be seen with so few test samples"
    more = found.seeds_needed - found.n_seeds
    return f"undecided: about {more} more seed{'s' * (more != 1)} would be needed for {points(margin)}"


def points(share: float) -> str:
    """A share in points of a hundred: ``1 point``, ``0.5 points``."""
    number = _number(100 * share)
    return f"{number} point" if number == "1" else f"{number} points"


def written_p(p: float) -> str:
    """``p = 0.03``; ``p < 0.001`` below that; ``p = 0.046`` where two digits would say that it is the level itself."""
    if p < 0.001:
        return "p < 0.001"
    if 0.045 <= p < LEVEL:
        return f"p = {math.floor(1000 * p) / 1000:.3f}"
    return f"p = {p:.1g}" if p < 0.01 else f"p = {p:.2f}"


def _number(value: float) -> str:
    """With one digit, two below a tenth, and none where it is whole."""
    text = f"{value:.1f}" if abs(value) >= 0.095 or value == 0 else f"{value:.2f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text
