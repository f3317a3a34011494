"""Telling of each run or cell that ends, and how long the others will take."""

from __future__ import annotations

import time

from qplug.lab.runner.reporter import Reporter

_FEW = 10
_LONG = 120
"""Seconds left, from which on it is worth saying that more could be done at once."""


class Progress:
    """What a person sees of work that consists of many pieces.

    Args:
        reporter: told of it.
        n: how many pieces there are.
        left: how many of them are still to be done.
        bar: whether one bar counts them; else each one draws its own.
        what: what the pieces are called, such as ``"runs"``.
        room: of pieces that are done one by one, how many this machine could work on at once; told if they take long.
    """

    def __init__(self, reporter: Reporter, *, n: int, left: int, bar: bool, what: str, room: int = 1) -> None:
        self._reporter = reporter
        self._n, self._left, self._todo = n, left, left
        self._began = time.monotonic()
        self._bar, self._room = bar, room
        if bar:
            reporter.stage(f"{left} {what}")
            reporter.progress(n - left, n)

    def told(self, name: str, accuracy: float | None, problem: str = "") -> None:
        """A piece has ended."""
        self._todo -= 1
        done = self._n - self._todo
        each = (time.monotonic() - self._began) / (self._left - self._todo)
        outcome = f"failed: {problem}" if problem else f"test accuracy {accuracy:.3f}"
        n_done = self._left - self._todo  # the first ones prepare what the others find
        rest = f"; about {spoken(each * self._todo)} left" if self._todo and (n_done > 1 or self._left < _FEW) else ""
        self._reporter.note(f"{done} of {self._n}: {name}: {outcome}{rest}")
        if self._bar:
            self._reporter.progress(done, self._n)
        if rest and self._room > 1 and each * self._todo > _LONG:
            self._reporter.note(
                f"one at a time: this machine has room for {self._room} at once. Stop it, and go on with "
                f"--jobs {self._room} (in Python: jobs={self._room}): what is finished is kept"
            )
            self._room = 1


def spoken(seconds: float) -> str:
    """A duration as people say it."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"
