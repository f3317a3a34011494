"""What a candidate would take in a larger case, from what it took in smaller ones; so that none fills the memory."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path

from qplug.bench.sizes import Case

PATIENCE = 6
"""A call may take this many budgets before it is not even tried."""


_OVERHEAD = 2**27
"""Bytes of memory that imports and compilation may take; they do not grow with the circuit."""
_MOST_PER_WORK = 64
"""Bytes per amplitude and gate: a few temporary states in double precision. More must be something else."""


@dataclass(frozen=True)
class _Seen:
    case: Case
    seconds: float
    memory: int | None


class Forecast:
    """Remembers what each candidate took; time and memory are taken to grow with amplitudes times gates."""

    def __init__(self) -> None:
        self._seen: dict[str, list[_Seen]] = {}

    def remember(self, name: str, case: Case, seconds: float, memory: int | None) -> None:
        """Notes one call.

        Args:
            name: the candidate.
            case: what was computed.
            seconds: how long it took.
            memory: bytes that it needed; None if that is not known.
        """
        beyond = None if memory is None else memory - _OVERHEAD
        if beyond is not None and not 0 < beyond <= _MOST_PER_WORK * case.work:
            beyond = None
        self._seen.setdefault(name, []).append(_Seen(case, seconds, beyond))

    def refusal(self, name: str, case: Case, *, seconds: float | None, memory: int | None) -> str:
        """Why the candidate is not tried in this case; empty if it may be.

        Args:
            name: the candidate.
            case: what would be computed.
            seconds: the longest time for a call; None: any.
            memory: free bytes; None: not known.
        """
        smaller = [seen for seen in self._seen.get(name, ()) if seen.case.work <= case.work]
        if not smaller:
            return ""
        # What does not grow with the circuit makes a forecast too high, never too low; so the lowest is the best.
        expected = min(seen.seconds / seen.case.work for seen in smaller) * case.work
        if seconds is not None and expected > seconds:
            return f"skipped: a call would take about {expected:.0f} s"
        known = [seen.memory / seen.case.work for seen in smaller if seen.memory is not None]
        if known and memory is not None:
            needed = min(known) * case.work
            if needed > 0.8 * memory:
                return f"skipped: it would need about {needed / 2**30:.1f} GiB of memory"
        return ""


class PeakMemory:
    """The bytes that a block of code added to the process's highest use of memory; None if it stayed below that."""

    bytes: int | None = None

    def __enter__(self) -> PeakMemory:
        self._before, self._current = _peak(), _resident()
        return self

    def __exit__(self, *_: object) -> None:
        after = _peak()
        if self._before is not None and self._current is not None and after is not None and after > self._before:
            self.bytes = after - self._current


def free_memory() -> int | None:
    """Bytes that new programs can have; None where the system does not say."""
    return _kibibytes("/proc/meminfo", "MemAvailable:")


def _resident() -> int | None:
    return _kibibytes("/proc/self/status", "VmRSS:")


def _peak() -> int | None:
    return _kibibytes("/proc/self/status", "VmHWM:") if sys.platform == "linux" else None


def _kibibytes(path: str, key: str) -> int | None:
    with contextlib.suppress(OSError):
        for line in Path(path).read_text("ascii", errors="replace").splitlines():
            if line.startswith(key):
                return int(line.split()[1]) * 1024
    return None
