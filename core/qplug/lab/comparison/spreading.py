"""Whether the cells that are left go to processes of their own, where nobody said how many at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qplug.lab.comparison.needs import needs_of, room_for
from qplug.lab.comparison.plan_file import PlannedCell

_SHARE = 0.8  # of the free memory


def at_once(left: Sequence[PlannedCell]) -> int:
    """How many of these cells the cores and the memory that are free have room for, by what this process has taken."""
    if not left:
        return 1
    room = min(len(left), *(room_for(needs_of(cell.arm.settings)) for cell in left))
    return max(1, min(room, _fitting(room)))


def _fitting(most: int) -> int:
    """How many processes as large as this one has been fit into the memory that is free; ``most`` where none tells."""
    try:
        import resource

        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (ImportError, OSError, StopIteration, ValueError):
        return most
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # in kB there, as the other
    return int(_SHARE * free / max(1, own))


def told(n: int, n_left: int) -> str:
    """What is said when processes are started."""
    return f"{n_left} cells are left: from here on {n} at once, each in a process of its own (--jobs 1: one by one)"
