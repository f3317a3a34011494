"""Processes that are killed while they drive work at the backend ``ibm``: nothing is paid for twice.

The client is the real, unmodified one; the server is one of this machine, and proves the client's side alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from ibm_service.account import TOKEN
from ibm_service.control import Control
from ibm_service.process import own_process

from qplug.lab.hardware.journal import JOURNAL, Journal

KILLED = -9
AT_LEAST = 20
"""Points at which a process is killed."""


class Forking:
    """Forks a process for each settling: else most of the time were imports."""

    def __init__(self, control: Control, home: Path) -> None:
        self.control, self.home = control, home
        program = Path(__file__).with_name("ibm_kill.py")
        self.process = subprocess.Popen(
            [sys.executable, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, tag: str, at: int = 0, how: str = "") -> int:
        """The exit code of a process that settles the work of this tag."""
        folder = self.home / tag
        folder.mkdir(exist_ok=True)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([str(folder), tag, self.control.environment, at, how]) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def told(self, tag: str, name: str = "values") -> Any:
        """What the last process of this tag wrote."""
        return json.loads((self.home / tag / f"{name}.json").read_text("utf-8"))


@pytest.fixture
def forking(tmp_path: Path) -> Iterator[Forking]:
    with own_process("FakeOslo", "--ideal") as control:
        control.queue(polls=2)  # so that there is something to wait for
        made = Forking(control, tmp_path)
        yield made
        made.process.kill()
        made.process.communicate()


def points(events: list[str]) -> list[tuple[int, str]]:
    """Where to kill: between any two events from the first that is noted on, and now and then before."""
    noted, sent = (1 + events.index(name) for name in ("append submitting", "POST /api/v1/jobs"))
    early = range(1, noted, 6)
    return [
        *((at, "before") for at in (*early, *range(noted, len(events) + 1))),
        (sent, "after"),
        (len(events), "after"),
    ]


def test_a_process_that_is_killed_anywhere_pays_for_one_job(forking: Forking) -> None:
    assert forking("whole") == 0
    right, events = forking.told("whole"), forking.told("whole", "events")
    chosen = points(events)
    ends = []
    for at, how in chosen:
        tag = f"{how}-{at}"
        about = f"{how} {events[at - 1]} ({at})"
        ends.append(forking(tag, at, how))
        if ends[-1] != KILLED:
            # How often a process asks for its job depends on how long the server computes it, so a later process may be
            # done before the event at which the first one was busy. Only then may it end by itself, and well.
            assert ends[-1] == 0, about
            assert len(forking.told(tag, "events")) < at, about
        assert forking(tag) == 0, about
        assert forking.told(tag) == right, about
        assert Journal(forking.home / tag / JOURNAL).unit(tag).event == "collected", about
    assert ends.count(KILLED) >= AT_LEAST
    sent = [job["tags"][0] for job in forking.control.jobs()]
    assert sorted(sent) == sorted(["whole-0", *(f"{how}-{at}-0" for at, how in chosen)])
    files = [path for path in forking.home.rglob("*") if path.is_file()]
    assert any(b"DEBUG:urllib3" in path.read_bytes() for path in files)
    assert not [path for path in files if TOKEN.encode() in path.read_bytes()]
