"""Checks of an executor, in one call."""

from __future__ import annotations

from qplug.contract.interfaces import Executor
from qplug.testing.conformance.check import require_all
from qplug.testing.conformance.registry import promises_of
from qplug.testing.conformance.setting import Setting


def check_executor(executor: Executor, *, n_cells: int = 12) -> None:
    """What holds for every executor: every cell answered once, in whatever order; only strings travel; failures told.

    Args:
        executor: with at least one place for a cell, in a process other than this one.
        n_cells: how many cells to try it with, beside those that fail.

    Raises:
        AssertionError: with the promise that is broken.
    """
    require_all(promises_of(executor, Setting(n_cells=n_cells)))
