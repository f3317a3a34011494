"""Medians of interleaved calls: one after the other in rounds, so that a busy machine slows all of them alike."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Step: TypeAlias = Callable[[], Any]
"""One call of what is timed."""

_SHORTEST = 1e-5
"""Calls shorter than this are repeated no more often than calls of this length, in seconds."""


@dataclass
class Timing:
    """How long the calls of one candidate took.

    Attributes:
        calls: seconds of each.
    """

    calls: list[float] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """The median."""
        return statistics.median(self.calls)


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How long to measure.

    Attributes:
        budget: seconds for each candidate in each case; it may be exceeded by one call.
        rounds: how often every candidate has its turn, if its budget allows.
        turn: seconds of one turn; fast calls are repeated until it is over.
    """

    budget: float = 10.0
    rounds: int = 25
    turn: float = 0.005


def interleaved(steps: Mapping[str, Step], effort: Effort, settle: Step | None = None) -> dict[str, Timing]:
    """Times every step in rounds A B C A B C …, each at least once.

    Args:
        steps: the calls, by name; they are warm.
        effort: how long to measure.
        settle: waits until the device has done its work; it is called before and after every timed call.
    """
    timings = {name: Timing() for name in steps}
    for _ in range(effort.rounds):
        for name, step in steps.items():
            _take_turn(step, timings[name].calls, effort, settle)
    return timings


def _take_turn(step: Step, calls: list[float], effort: Effort, settle: Step | None) -> None:
    spent, shortest = sum(calls), min(calls, default=0.0)
    repeats = math.ceil(effort.turn / max(shortest, _SHORTEST)) if calls else 1
    for _ in range(max(1, repeats)):
        if calls and spent + shortest > effort.budget:
            return
        calls.append(timed(step, settle)[0])
        spent += calls[-1]


def timed(step: Step, settle: Step | None = None) -> tuple[float, Any]:
    """Seconds that one call takes, and its result."""
    if settle is not None:
        settle()
    start = time.perf_counter()
    result = step()
    if settle is not None:
        settle()
    return time.perf_counter() - start, result
