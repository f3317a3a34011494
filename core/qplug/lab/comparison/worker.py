"""The process in which cells are carried out, one after another. Nothing heavy is imported here; the cells do that.

It reads one request per line, ``[work, key, spec]``, and writes one answer per line, the fields of a ``Done``. When the
pipe from its parent closes, it ends, with every process that a cell started: the parent needs no last word for that, so
it holds for one that was killed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from dataclasses import asdict
from queue import SimpleQueue
from typing import IO, Any

from qplug.contract.interfaces.executor import attempt

_GRACE = 5.0  # seconds for what libraries do at the end of an idle process


def main() -> None:
    """Answers requests from the standard input until there are no more."""
    requests, answers = _private_pipes()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to hear
    inbox: SimpleQueue[bytes] = SimpleQueue()
    idle = threading.Event()
    threading.Thread(target=_receive, args=(requests, inbox, idle), daemon=True).start()
    _tell(answers, {"ready": True})
    idle.set()
    while line := inbox.get():
        idle.clear()
        work, key, spec = json.loads(line)
        _tell(answers, asdict(attempt(work, key, spec, f"process {os.getpid()}")))
        idle.set()


def _private_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """The pipes from and to the parent, out of the way of what cells read and print; their words go to stderr."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)  # a killed process writes nothing late
    return requests, answers


def _receive(requests: IO[bytes], inbox: SimpleQueue[bytes], idle: threading.Event) -> None:
    """Hands requests on. It waits for them while a cell runs, too: so it notices at once that the parent is gone."""
    for line in requests:
        inbox.put(line)
    inbox.put(b"")
    if idle.is_set():
        time.sleep(_GRACE)
    _end_all()


def _end_all() -> None:
    """Ends this process and those that cells started: they are a group of their own."""
    if hasattr(os, "killpg") and os.getpgid(0) == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _tell(answers: IO[bytes], answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer).encode() + b"\n")
    answers.flush()
