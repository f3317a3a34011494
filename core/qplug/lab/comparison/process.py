"""The parent's side of one worker process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue

from qplug.contract.errors import QplugError
from qplug.contract.interfaces import Cell, Needs
from qplug.contract.interfaces.executor import environment_of

_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from qplug.lab.comparison.worker import main; main()"
_GRACE = 10.0  # seconds for an orderly end
_CLOSING = 1.0  # seconds for the pipe of a process that is gone


@dataclass
class Task:
    """A cell, and how often it was begun."""

    cell: Cell
    tries: int = 0


class Worker:
    """One process that carries out a cell at a time, with as many threads and the GPUs that it was started for.

    It is started as a program of its own, not as a copy of this process or of its main module, in a group of processes
    that is ended as a whole.

    Args:
        needs: what its cells need.
        gpus: which GPUs it sees.
        words: where each line that it says goes, with itself; an empty one when it has ended.

    Attributes:
        task: what it is at; None while it waits.
        is_ready: whether it has come so far as to take a cell.
    """

    def __init__(self, needs: Needs, gpus: tuple[str, ...], words: SimpleQueue[tuple[Worker, bytes]]) -> None:
        self.needs = needs
        self.gpus = gpus
        self.task: Task | None = None
        self.is_ready = False
        self._process = _start(needs, gpus)
        self._listener = threading.Thread(target=self._listen, args=(words,), daemon=True)
        self._listener.start()

    def give(self, work: str, task: Task) -> None:
        """Lets it carry out a cell."""
        self.task = task
        task.tries += 1
        assert self._process.stdin is not None
        with suppress(OSError):  # it died a moment ago, and is about to be missed
            self._process.stdin.write(json.dumps([work, task.cell.key, task.cell.spec]).encode() + b"\n")
            self._process.stdin.flush()

    def has_died(self) -> bool:
        """Whether the process is gone, even if one that it started still holds its pipe open."""
        return self._process.poll() is not None

    def dismiss(self) -> None:
        """Tells it that there is nothing more to do; ``end`` waits for it."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()

    def end(self, *, grace: float = 0.0) -> str:
        """Ends the process with all that it started, and says how it ended.

        Args:
            grace: how many seconds one that was dismissed may take to end by itself.
        """
        if grace:
            self._listener.join(grace)
        self.kill()
        status = self._process.wait()
        self.dismiss()
        self._listener.join(_CLOSING)  # a process that left the group may hold the pipe open for ever
        if self._process.stdout is not None and not self._listener.is_alive():
            self._process.stdout.close()
        return f"killed by {_signal_name(-status)}" if status < 0 else f"ended with exit code {status}"

    def kill(self) -> None:
        """Kills the process with all that it started, without waiting."""
        with suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()

    def _listen(self, words: SimpleQueue[tuple[Worker, bytes]]) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.endswith(b"\n"):  # the last words of a dying process may be cut
                words.put((self, line))
        words.put((self, b""))


def end_all(workers: list[Worker], *, orderly: bool) -> None:
    """Ends workers side by side: those that wait in order, if all is well; those at work at once."""
    for worker in workers:
        if orderly and worker.task is None:
            worker.dismiss()
        else:
            worker.kill()
    for worker in workers:
        worker.end(grace=_GRACE if orderly and worker.task is None else 0.0)


def _start(needs: Needs, gpus: tuple[str, ...]) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-P", "-c", _START, json.dumps([str(folder) for folder in sys.path])]
    try:
        return subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **environment_of(needs), "CUDA_VISIBLE_DEVICES": ",".join(gpus)},
            start_new_session=True,  # a terminal's Ctrl-C does not reach it
        )
    except OSError as error:
        raise QplugError(
            f"a worker process cannot be started: {error}. Most often the machine is out of memory or processes; "
            "use fewer slots."
        ) from error


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
