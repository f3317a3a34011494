"""Telling of each run or cell that ends, and how long the others will take."""

from __future__ import annotations

import time

from qplug.lab.runner.reporter import Reporter

LONG = 120
"""Seconds that pieces take one by one, from which on it is worth doing several at once."""
_FEW = 10
_TOGETHER, _LONGEST_PASS = 1.0, 5.0
"""Seconds: pieces that end so soon after one another were done in one pass, all within that long."""


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
        self._passes = 0
        self._first = self._last = self._pass_began = self._began
        self._n_first = 0
        self._bar, self._room = bar, room
        if bar:
            reporter.stage(f"{left} {what}")
            reporter.progress(n - left, n)

    def told(self, name: str, accuracy: float | None, problem: str = "") -> None:
        """A piece has ended."""
        self._todo -= 1
        done = self._n - self._todo
        each = self._seconds_each(self._left - self._todo)
        outcome = f"failed: {problem}" if problem else f"test accuracy {accuracy:.3f}"
        rest = f"; about {spoken(each * self._todo)} left" if self._todo and each else ""
        self._reporter.note(f"{done} of {self._n}: {name}: {outcome}{rest}")
        if self._bar:
            self._reporter.progress(done, self._n)
        if rest and self._room > 1 and each * self._todo > LONG:
            self._reporter.note(
                f"one at a time: this machine has room for {self._room} at once. Stop it, and go on with "
                f"--jobs {self._room} (in Python: jobs={self._room}): what is finished is kept"
            )
            self._room = 1

    def _seconds_each(self, n_done: int) -> float:
        """Of a piece that is still to be done; 0 as long as nothing is known.

        The first pass prepares what the others find, and counts only where there are few pieces.
        """
        now = time.monotonic()
        if not self._passes or now - self._last > _TOGETHER or now - self._pass_began > _LONGEST_PASS:
            self._passes, self._pass_began = self._passes + 1, now
        self._last = now
        if self._passes == 1:
            self._first, self._n_first = now, n_done
            return (now - self._began) / n_done if self._left < _FEW else 0.0
        return (now - self._first) / max(n_done - self._n_first, self._n_first * (self._passes - 1))


def spoken(seconds: float) -> str:
    """A duration as people say it."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"
