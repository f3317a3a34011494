"""Settles one unit of work at the backend ``ibm`` and kills itself where it is told; forked for each line of its input.

A line is JSON: the folder of the work, its tag, the environment, and the event before or after which the process ends.
An event is a request of IBM's client, a write, a flush to the disk, a renaming, a wait. Without one the values are
written to ``values.json`` and the events to ``events.json``. Nothing of Qiskit may run before a fork: threads of it are
left behind there.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import qiskit_ibm_runtime.executor_sampler  # noqa: F401 (else each process imports it for itself, which takes seconds)
import requests

from qplug.contract.interfaces import Values
from qplug.lab.hardware.drive import Drive
from qplug.lab.hardware.files import Files
from qplug.lab.hardware.journal import JOURNAL, Journal
from qplug.testing.remote import trial_work
from qplug_qiskit.ibm import Ibm


@dataclass
class Events:
    """Counts what happens from 1, and ends the process before or after one event."""

    at: int
    how: str
    seen: list[str] = field(default_factory=list)

    def __call__(self, name: str, do: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        self.seen.append(name)
        mine = len(self.seen) == self.at
        if mine and self.how == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        done = do(*arguments, **named)
        if mine:
            os.kill(os.getpid(), signal.SIGKILL)
        return done


class Watched(Files):
    """Its writes are events."""

    def __init__(self, events: Events) -> None:
        self.events = events

    def append(self, path: Path, content: bytes) -> None:
        self.events(f"append {json.loads(content)['event']}", super().append, path, content)

    def replace(self, path: Path, content: bytes) -> None:
        self.events("replace values", super().replace, path, content)


def watch(events: Events) -> None:
    """From now on requests, flushes and renamings are events."""
    send, flush, rename = requests.Session.send, os.fsync, os.replace

    def sent(session: requests.Session, request: requests.PreparedRequest, **named: Any) -> Any:
        return events(f"{request.method} {urlsplit(str(request.url)).path}", send, session, request, **named)

    requests.Session.send = sent  # type: ignore[method-assign]
    os.fsync = lambda file: events("fsync", flush, file)
    os.replace = lambda *paths: events("os.replace", rename, *paths)


def settle(folder: Path, tag: str, at: int, how: str) -> None:
    """Carries the work on from wherever it is, up to the event."""
    events = Events(at, how)
    watch(events)
    backend = Ibm(device="ibm_oslo", layout_seeds=1, folder=str(folder / "facts"))
    journal = Journal(folder / JOURNAL, Watched(events))
    drive = Drive(backend, journal, folder / "raw", 60, lambda _: events("wait", int))
    values = drive.settle(trial_work(20, tag))
    assert isinstance(values, Values)
    (folder / "values.json").write_text(json.dumps(told(values)), "utf-8")
    (folder / "events.json").write_text(json.dumps(events.seen), "utf-8")


def told(values: Values) -> dict[str, Any]:
    """All numbers of an answer that do not depend on when it was asked for."""
    return {
        "expectations": [each.tolist() for each in values.expectations],
        "raw": {name: each.tolist() for name, each in values.raw.items()},
        "usage_seconds": values.usage_seconds,
        "depth": values.facts["depth"],
    }


def child(folder: str, tag: str, environment: dict[str, str], at: int, how: str) -> None:
    """Says and logs whatever there is into files of the folder, and ends."""
    said = os.open(f"{folder}/said.txt", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    for descriptor in (1, 2):
        os.dup2(said, descriptor)
    os.environ.update(environment)
    logging.basicConfig(level=logging.DEBUG)
    for name in ("qiskit", "stevedore"):
        logging.getLogger(name).setLevel(logging.INFO)  # thousands of lines about circuits
    os.write(said, Path("/proc/self/cmdline").read_bytes() + b"\n")
    code = 1
    try:
        settle(Path(folder), tag, at, how)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    for line in sys.stdin:
        if not (number := os.fork()):
            child(*json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]), flush=True)
