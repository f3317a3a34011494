"""Looking at other processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psutil


def below(pid: int) -> list[int]:
    """All processes that one has started, by way of others too."""
    return [each.pid for each in psutil.Process(pid).children(recursive=True)]


def workers(pid: int) -> list[int]:
    """The processes that one has started to carry out cells."""
    return [each.pid for each in psutil.Process(pid).children() if "comparison.worker" in " ".join(_words(each))]


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie is gone, and waits for its parent to hear of it."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def wait_for(what: Callable[[], Any], seconds: float = 600) -> Any:
    """What the function gives, as soon as it is true."""
    end = time.monotonic() + seconds
    while not (got := what()):
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)
    return got


def _words(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []
