"""The executor ``local``: this machine, with nothing but Python's standard library."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import Annotated, final

from pydantic import Field

from qplug.contract.errors import QplugError
from qplug.contract.interfaces import Cell, Done, Executor, ExecutorCapabilities, Needs
from qplug.lab.comparison.places import Places
from qplug.lab.comparison.process import Task, Worker, end_all
from qplug.variables import usable_cores

TRIES = 3
"""How often a cell is begun whose workers die, and how many workers may die before their first cell."""

_LOOK_SECONDS = 1.0  # how often workers are looked after that have said nothing


@final
@dataclass(kw_only=True, eq=False)
class Local(Executor):
    """Carries out cells on this machine, in one warm process per slot; one that dies is replaced alone.

    A cell starts when a slot, its threads and its GPUs are free. Its process has just as many threads as the cell
    needs, whatever ``threads`` says, because numbers depend on them; one that needs more than all slots have runs
    alone. A process serves cells of the same needs: where those come together, fewer are started.
    """

    summary = "this machine: one warm process per slot, on CPU cores and GPUs"
    source = "qplug's own"
    capabilities = ExecutorCapabilities(interface=1, machines="one", gpus=True)

    slots: Annotated[int | None, Field(ge=1, le=4096, description="how many cells run at once; none: one per core")] = (
        None
    )
    threads: Annotated[
        int | None, Field(ge=1, le=4096, description="CPU threads of a slot; none: the cores, shared out evenly")
    ] = None
    per_gpu: Annotated[int, Field(ge=1, le=64, description="how many cells may share a GPU")] = 1

    def run(self, work: str, cells: Iterable[Cell]) -> Iterator[Done]:
        """See ``Executor.run``; the processes are there as long as the iterator is.

        Raises:
            QplugError: processes cannot be started.
        """
        cores = usable_cores()
        slots = self.slots or max(1, cores // (self.threads or 1))
        threads = self.threads or max(1, cores // slots)
        return _Crew(work, iter(cells), slots, Places(slots * threads, self.per_gpu)).run()


class _Crew:
    """The workers of one call, and what is still to be done."""

    def __init__(self, work: str, cells: Iterator[Cell], slots: int, places: Places) -> None:
        self._work = work
        self._cells = cells
        self._slots = slots
        self._places = places
        self._again: deque[Task] = deque()  # what goes before cells that were never looked at
        self._workers: list[Worker] = []
        self._words: SimpleQueue[tuple[Worker, bytes]] = SimpleQueue()
        self._told: deque[Done] = deque()
        self._stillborn = 0

    def run(self) -> Iterator[Done]:
        orderly = False
        try:
            self._fill()
            while self._told or self._busy():
                if not self._told:
                    self._listen()
                self._fill()  # before the caller is told anything: it may take its time
                while self._told:
                    yield self._told.popleft()
            orderly = True
        finally:
            end_all(self._workers, orderly=orderly)

    def _busy(self) -> list[Worker]:
        return [worker for worker in self._workers if worker.task is not None]

    # Giving work

    def _fill(self) -> None:
        while len(self._busy()) < self._slots and (task := self._next()) is not None:
            needs = task.cell.needs
            if needs.gpus and needs.gpus > self._places.n_gpus():
                self._told.append(_impossible(task.cell, self._places.n_gpus()))
                continue
            idle = [worker for worker in self._workers if worker.task is None and worker.needs == needs]
            gpus = self._places.take(needs, [worker.gpus for worker in idle])
            if gpus is None:
                self._again.appendleft(task)
                return
            worker = next((worker for worker in idle if worker.gpus == gpus), None)
            (worker or self._hire(needs, gpus)).give(self._work, task)

    def _next(self) -> Task | None:
        if self._again:
            return self._again.popleft()
        cell = next(self._cells, None)
        return None if cell is None else Task(cell)

    def _hire(self, needs: Needs, gpus: tuple[str, ...]) -> Worker:
        if len(self._workers) == self._slots:
            leaving = next(worker for worker in self._workers if worker.task is None)
            self._workers.remove(leaving)
            end_all([leaving], orderly=True)
        worker = Worker(needs, gpus, self._words)
        self._workers.append(worker)
        return worker

    # Hearing of it

    def _listen(self) -> None:
        """Waits for a worker's word, or for a second, so that Ctrl-C and silent deaths are noticed everywhere."""
        try:
            worker, line = self._words.get(timeout=_LOOK_SECONDS)
        except Empty:
            for worker in [worker for worker in self._workers if worker.has_died()]:
                self._bury(worker)
            return
        if worker not in self._workers:
            return  # the end of one that was sent away, or is buried
        if not line:
            self._bury(worker)
            return
        answer = json.loads(line)
        if "ready" in answer:
            worker.is_ready, self._stillborn = True, 0
            return
        task = self._free(worker)
        if task is not None:
            self._told.append(replace(Done(**answer), tries=task.tries))

    def _free(self, worker: Worker) -> Task | None:
        task, worker.task = worker.task, None
        if task is not None:
            self._places.give_back(worker.needs, worker.gpus)
        return task

    def _bury(self, worker: Worker) -> None:
        self._workers.remove(worker)
        how = worker.end()
        task = self._free(worker)
        if not worker.is_ready:
            self._stillborn += 1
            if self._stillborn == TRIES:
                raise QplugError(
                    f"{TRIES} worker processes in a row {how} before they could begin; what they said stands above."
                )
        if task is None:
            return
        if task.tries < TRIES:
            self._again.append(task)
        else:
            words = f"WorkerLost: {task.tries} processes in a row died at this cell; the last one {how}. {_ADVICE}"
            self._told.append(Done(task.cell.key, None, words, lost=True, tries=task.tries))


_ADVICE = "Most often the machine ran out of memory: use fewer slots."


def _impossible(cell: Cell, n_gpus: int) -> Done:
    words = (
        f"NotSupported: the cell needs gpus={cell.needs.gpus}, and the number of GPUs here is {n_gpus}; "
        "CUDA_VISIBLE_DEVICES says which are used."
    )
    return Done(cell.key, None, words, tries=0)
