"""The cells that are with the cluster, and what is still to be sent there."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import Any

from qplug.contract.interfaces import Cell, Done, Needs
from qplug.contract.interfaces.executor import environment_of
from qplug_ray.cluster import without_token
from qplug_ray.work import carry_out

TRIES = 3
"""How often a cell is begun whose workers are lost."""
_AHEAD = 2  # cells with the cluster for each that can run: the next one is there when one ends, and few wait for long
_LOOK_SECONDS = 5.0  # how often it is asked which machines there are
_LISTEN_SECONDS = 1.0  # so that Ctrl-C is heard everywhere


@dataclass
class _Task:
    cell: Cell
    tries: int = 0
    share: tuple[float, float] = (1.0, 0.0)  # CPUs and GPUs that it asks for
    reference: Any = None


@dataclass
class _Machines:
    """What the cluster has now, and the most that one of its machines has had."""

    cpus: float = 0.0
    gpus: float = 0.0
    most_cpus: float = 0.0
    most_gpus: float = 0.0

    def look(self, nodes: list[dict[str, Any]]) -> None:
        """Takes in what Ray says of the machines."""
        there = [node["Resources"] for node in nodes if node["Alive"]]
        cpus, gpus = ([node.get(name, 0.0) for node in there] for name in ("CPU", "GPU"))
        self.cpus, self.gpus = sum(cpus), sum(gpus)
        self.most_cpus, self.most_gpus = max([self.most_cpus, *cpus]), max([self.most_gpus, *gpus])


class Crew:
    """What one call has with the cluster.

    Args:
        ray: the library, connected.
        work: what to do with each cell.
        cells: what there is to do.
        slots: how many cells may run at once; None: as many as fit.
        per_gpu: how many cells may share a GPU.
        growing: whether a cell waits for machines that are not there yet.
    """

    def __init__(
        self, ray: Any, work: str, cells: Iterator[Cell], *, slots: int | None, per_gpu: int, growing: bool
    ) -> None:
        self._ray = ray
        self._work = work
        self._cells = cells
        self._slots = slots
        self._per_gpu = per_gpu
        self._growing = growing
        self._remote = ray.remote(carry_out)
        self._machines = _Machines()
        self._looked = 0.0
        self._again: deque[_Task] = deque()
        self._sent = (0.0, 0.0)  # CPUs and GPUs that the cells there have asked for
        self._tasks: dict[int, _Task] = {}
        self._words: SimpleQueue[tuple[_Task, Any]] = SimpleQueue()
        self._told: deque[Done] = deque()

    def run(self) -> Iterator[Done]:
        """Gives the outcomes; when it is closed, all that is with the cluster is cancelled."""
        try:
            self._fill()
            while self._told or self._tasks:
                if not self._told:
                    self._listen()
                self._fill()  # before the caller is told anything: it may take its time
                while self._told:
                    yield self._told.popleft()
        finally:
            self._cancel()

    # Sending

    def _fill(self) -> None:
        self._look()
        while (task := self._next()) is not None:
            gpus = task.cell.needs.gpus
            if gpus > self._machines.most_gpus and not self._growing:
                self._told.append(_impossible(task.cell, self._machines.most_gpus))
                continue
            task.share = self._share(task.cell.needs)
            if not self._has_room(task.share):
                self._again.appendleft(task)
                return
            self._send(task)

    def _next(self) -> _Task | None:
        if self._again:
            return self._again.popleft()
        if not self._has_room((0.0, 0.0)):
            return None
        cell = next(self._cells, None)
        return None if cell is None else _Task(cell)

    def _look(self) -> None:
        now = time.monotonic()
        if not self._looked or now - self._looked > _LOOK_SECONDS:
            self._machines.look(self._ray.nodes())
            self._looked = now

    def _share(self, needs: Needs) -> tuple[float, float]:
        cpus = min(needs.threads, self._machines.most_cpus or needs.threads)
        gpus = 1 / self._per_gpu if needs.gpus == 1 else needs.gpus  # Ray knows parts of one GPU, not of several
        return float(cpus), float(gpus)

    def _has_room(self, share: tuple[float, float]) -> bool:
        if not self._tasks:
            return True
        if self._slots is not None:
            return len(self._tasks) < self._slots
        cpus, gpus = self._sent[0] + share[0], self._sent[1] + share[1]
        return cpus <= _AHEAD * self._machines.cpus and (not share[1] or gpus <= _AHEAD * self._machines.gpus)

    def _send(self, task: _Task) -> None:
        cpus, gpus = task.share
        task.tries += 1
        task.reference = self._remote.options(
            name=f"cell {task.cell.key[:12]}",
            num_cpus=cpus,
            num_gpus=gpus,
            max_retries=0,  # what is lost is begun again here, where it is counted
            runtime_env={"env_vars": environment_of(task.cell.needs)},
        ).remote(self._work, task.cell.key, task.cell.spec)
        self._tasks[id(task)] = task
        self._sent = (self._sent[0] + cpus, self._sent[1] + gpus)
        task.reference.future().add_done_callback(lambda outcome: self._words.put((task, outcome)))

    # Hearing of it

    def _listen(self) -> None:
        try:
            task, outcome = self._words.get(timeout=_LISTEN_SECONDS)
        except Empty:
            return
        del self._tasks[id(task)]
        self._sent = (self._sent[0] - task.share[0], self._sent[1] - task.share[1]) if self._tasks else (0.0, 0.0)
        task.reference = None
        error = outcome.exception()
        if error is None:
            self._told.append(replace(Done(**json.loads(outcome.result())), tries=task.tries))
        elif not self._is_lost(error):
            self._told.append(_failed(task, error))
        elif task.tries < TRIES:
            self._again.append(task)
        else:
            self._told.append(_given_up(task, error))

    def _is_lost(self, error: BaseException) -> bool:
        exceptions = self._ray.exceptions
        ours = (exceptions.RayTaskError, exceptions.TaskUnschedulableError)
        return isinstance(error, exceptions.RayError) and not isinstance(error, ours)

    def _cancel(self) -> None:
        for task in self._tasks.values():
            with suppress(Exception):  # the cluster may be gone
                self._ray.cancel(task.reference, force=True)


def _impossible(cell: Cell, most: float) -> Done:
    words = (
        f"NotSupported: the cell needs gpus={cell.needs.gpus}, and the most that a machine of the cluster has is "
        f"{most:.0f}. If machines with more join when they are asked for: --set executor.growing=true"
    )
    return Done(cell.key, None, words, tries=0)


def _failed(task: _Task, error: BaseException) -> Done:
    """What failed on the cluster before the cell could begin: most often qplug is not installed there."""
    cause = getattr(error, "cause", None) or error
    last = without_token(str(cause).strip().rpartition("\n")[2]).rstrip(".")  # of a traceback, what it came to
    words = f"{type(cause).__name__}: {last}. All machines of the cluster need the same qplug, Python and Ray."
    return Done(task.cell.key, None, words, tries=task.tries)


def _given_up(task: _Task, error: BaseException) -> Done:
    words = (
        f"WorkerLost: {task.tries} workers in a row were lost at this cell, the last one with {type(error).__name__}. "
        "Most often a machine ran out of memory: let fewer cells run at once, --jobs N."
    )
    return Done(task.cell.key, None, words, lost=True, tries=task.tries)
