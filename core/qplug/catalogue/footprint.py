"""What a plugin's import changes for everybody else in the process: found, put back, and said."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from qplug.hooks.guard import put_back

lingering: list[threading.Thread] = []
"""Threads that plugins have started in this process when they were imported, and that keep it from ending."""
_forks: list[int] = []
"""The number of forks since the first look, once there was one."""


@dataclass
class Footprint:
    """What an import left behind.

    Attributes:
        remarks: each thing in words, such as ``"changes torch's default dtype when it is imported, which was put
            back"``.
        threads: those it started that keep a program from ending.
    """

    remarks: list[str] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)


@contextlib.contextmanager
def watched() -> Iterator[Footprint]:
    """Watches an import: whatever it changes for others is put back behind it, and stands in the footprint.

    A copy of the process that the import forked ends here: it would do all that follows a second time.
    """
    left, process, forks = Footprint(), os.getpid(), _number_of_forks()
    alive = set(threading.enumerate())
    changed: list[str] = []
    try:
        with put_back(at_import=True) as changed:
            yield left
    finally:
        if os.getpid() != process:
            os._exit(0)
        if _number_of_forks() > forks:
            left.remarks.append("forks the process when it is imported; the copy was ended")
        left.threads = [each for each in threading.enumerate() if each not in alive and not each.daemon]
        if left.threads:
            left.remarks.append("starts a thread that keeps programs from ending (daemon=False) when it is imported")
        if changed:
            left.remarks.append(f"changes {', '.join(changed)} when it is imported, which was put back")


def _number_of_forks() -> int:
    """How often this process has forked; commands that it starts do not count."""
    if not _forks:
        _forks.append(0)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_parent=_count_fork)
    return _forks[0]


def _count_fork() -> None:
    _forks[0] += 1
