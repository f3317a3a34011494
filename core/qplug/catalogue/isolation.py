"""One process of its own session, watched from outside: its time, its output, and whatever it leaves behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

MOST_OUTPUT = 1_000_000
"""Bytes that a watched process may print."""
_LOOK = 0.05
"""Seconds between two looks at the process."""


@dataclass(frozen=True, slots=True)
class End:
    """How a watched process ended.

    Attributes:
        reason: in words, as they stand behind a plugin's name.
        late: whether it was given up because of its time.
        loud: whether it was given up because it printed too much.
        killed: whether it ended by a signal that others send, such as an interruption of all that goes on.
    """

    reason: str
    late: bool = False
    loud: bool = False
    killed: bool = False


class Clock:
    """The seconds that a process has worked or slept. Waiting for a busy processor or disk does not count.

    So a healthy process on an overloaded machine gets the time it needs, and one that waits for what never comes is
    found all the same. Where the system does not tell how a process fares, all time counts.
    """

    def __init__(self, process: int) -> None:
        # Plugins run in a child of it, see ``trial``; it only waits for that one.
        self._file = Path(f"/proc/{process}/stat")
        self._children = Path(f"/proc/{process}/task/{process}/children")
        self._looked, self._worked = time.monotonic(), 0.0
        self.seconds = 0.0

    def look(self) -> float:
        """The seconds until now."""
        now = time.monotonic()
        passed, self._looked = now - self._looked, now
        state, worked = self._read()
        ran, self._worked = worked - self._worked, worked
        self.seconds += ran if state in ("R", "D") else max(passed, ran)
        return self.seconds

    def _read(self) -> tuple[str, float]:
        """The process's state, and its processor time in seconds. **Source:** proc_pid_stat(5)."""
        try:
            children = self._children.read_text("ascii").split()
            file = Path(f"/proc/{children[0]}/stat") if children else self._file
            fields = file.read_text("ascii", "replace").rpartition(")")[2].split()
            return fields[0], (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except (OSError, IndexError, ValueError):
            return "", self._worked


def run_isolated(
    command: Sequence[str], environment: Mapping[str, str], printed: Path, time_limit: float, stop: Event, told: bytes
) -> End:
    """Runs a command in a session of its own, and ends all that is left of that session afterwards.

    Args:
        command: what to run.
        environment: its environment variables.
        printed: the file that its standard output goes to.
        time_limit: see ``Clock``; seconds.
        stop: once set, the process is ended at once.
        told: what its standard input says; short enough to be written before it is read.
    """
    with printed.open("wb") as output:
        try:
            process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            return End(str(error))
    try:
        assert process.stdin is not None  # asked for above
        with contextlib.suppress(OSError), process.stdin as standard_input:  # a process that has gone reads nothing
            standard_input.write(told)
        return _watch(process, printed, time_limit, stop)
    finally:
        _end(process)


def _watch(process: subprocess.Popen[bytes], printed: Path, time_limit: float, stop: Event) -> End:
    clock = Clock(process.pid)
    while not stop.is_set():
        with contextlib.suppress(subprocess.TimeoutExpired):
            return _ended(process.wait(_LOOK), printed)
        if _is_loud(printed):
            return _LOUD
        if clock.look() > time_limit:
            return End(f"importing it took longer than {time_limit:g} s", late=True)
    return End("it was stopped", late=True)


_LOUD = End(f"it printed more than {MOST_OUTPUT:,} bytes when it was imported", loud=True)


_SENT = ("SIGHUP", "SIGINT", "SIGKILL", "SIGTERM")


def _is_loud(printed: Path) -> bool:
    return printed.stat().st_size > MOST_OUTPUT


def _ended(code: int, printed: Path) -> End:
    if _is_loud(printed):
        return _LOUD
    if code >= 0:
        return End(f"importing it ended the process with exit code {code}")
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return End(f"importing it ended the process by {name}", killed=name in _SENT)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the process and what it started: a copy of it may live on in its session."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
