"""A verdict before training: will this head fail, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from qplug.lab.diagnosis.plateau import GradientFacts
from qplug.lab.diagnosis.scales import Rung

Verdict: TypeAlias = Literal["fails", "linear", "works"]
Reason: TypeAlias = Literal["saturated", "scrambled", "dark", "barren", "nearly linear", "sound"]

BLIND = 0.1
"""Below this linear share of the expectation values' variance a head is predicted to fail."""
NEARLY_LINEAR = 0.8
SATURATED = 0.5
"""Above this share of flat angles that is what makes it fail."""
DARK = 1e-3
"""Expectation values that spread by less are as good as constant in single precision and with any number of shots."""
SMALLEST_SLOPE = 1e-3
"""Gradients typically below this are a barren plateau."""

FAILURE = (
    "a head fails if it keeps less than half of the accuracy above chance that a linear head reaches on the same "
    "inputs; chance is the share of the largest class"
)
KEEPS = 0.5


@dataclass(frozen=True)
class Prediction:
    """What training is expected to come to.

    Attributes:
        verdict: ``fails``, ``linear`` (as a linear head would), or ``works``.
        reason: the fact that decides it.
        sentence: both in words.
        failure: what counts as a failure.
    """

    verdict: Verdict
    reason: Reason
    sentence: str
    failure: str = FAILURE


def predict(rung: Rung, gradients: GradientFacts) -> Prediction:
    """The verdict on a head at one scale, by the first of these that holds."""
    share = f"{rung.linear_share:.0%} of the variance of its expectation values is linear in its inputs"
    if rung.output_spread < DARK:
        return Prediction(
            "fails", "dark", f"It will fail: its expectation values hardly vary (by {rung.output_spread:.1g})."
        )
    if gradients.n_parameters and gradients.size < SMALLEST_SLOPE:
        return Prediction(
            "fails", "barren", f"It will fail: a slope of its expectation values is typically {gradients.size:.1g}."
        )
    if rung.saturated > SATURATED and rung.linear_share < BLIND:
        return Prediction(
            "fails",
            "saturated",
            f"It will fail: {rung.saturated:.0%} of its angles saturate, and {share}.",
        )
    if rung.linear_share < BLIND:
        return Prediction(
            "fails",
            "scrambled",
            f"It will fail: its angles spread by {rung.spread:.2g} rad, and only {share}.",
        )
    if rung.linear_share >= NEARLY_LINEAR:
        return Prediction("linear", "nearly linear", f"It will do about what a linear head does: {share}.")
    return Prediction("works", "sound", f"It will learn: {share}, and its angles do not saturate.")
