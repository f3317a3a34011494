"""Executors: where many independent pieces of work are carried out, on this machine or on others."""

from __future__ import annotations

import functools
import re
import traceback
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import Literal

from qplug.contract.addresses import redacted
from qplug.contract.errors import PluginError, UserError, some_of
from qplug.contract.interfaces.component import Capabilities, Component
from qplug.variables import WORKERS, thread_variables

_WORK = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


@dataclass(frozen=True)
class Needs:
    """What a cell computes with; its numbers may depend on that, so an executor gives neither less nor more.

    Attributes:
        threads: CPU threads.
        gpus: whole GPUs, as they are counted; an executor may let several cells share one.
    """

    threads: int = 1
    gpus: int = 0

    def __post_init__(self) -> None:
        if self.threads < 1 or self.gpus < 0:
            raise ValueError(f"a cell needs at least 1 thread and 0 GPUs; got {self}")


@dataclass(frozen=True)
class Cell:
    """One piece of work, as data.

    Attributes:
        key: its name, unique among the cells of one call.
        spec: JSON, all that the work has to know.
        needs: what it computes with.
    """

    key: str
    spec: str
    needs: Needs = field(default_factory=Needs)


@dataclass(frozen=True)
class Done:
    """What became of a cell: either ``result`` or ``problem`` says it.

    Attributes:
        key: the cell's.
        result: JSON, what the work returned; None if it failed.
        problem: type and text of what went wrong; empty if nothing did.
        where: which worker it was, for people; a machine's name is private and belongs in no published record.
        lost: whether the cell failed because its workers died, and not by an exception of its own.
        tries: how many times it was begun.
        trace: the traceback of an exception, for a log.
    """

    key: str
    result: str | None
    problem: str = ""
    where: str = ""
    lost: bool = False
    tries: int = 1
    trace: str = ""


@dataclass(frozen=True, kw_only=True)
class ExecutorCapabilities(Capabilities):
    """What an executor declares.

    Attributes:
        machines: ``one``: all work is done on this machine; ``many``: on others too, where paths of this one mean
            nothing.
        gpus: whether cells may ask for GPUs.
    """

    machines: Literal["one", "many"]
    gpus: bool = False


class Executor(Component):
    """Carries out cells in processes of its own. An author writes ``run``; callers call the object.

    Nothing but strings travels between the processes: a worker finds the function by its name and calls ``attempt``.
    """

    kind = "executor"
    capabilities: ExecutorCapabilities

    @abstractmethod
    def run(self, work: str, cells: Iterable[Cell]) -> Iterator[Done]:
        """Carries out all cells and gives each one's outcome as soon as it is known, in whatever order.

        Workers stay warm from one cell to the next, not from one call to the next. An exception ends its cell, which
        is not tried again. A cell whose worker dies is begun again elsewhere, at most three times in all. When the
        iterator is closed, or its process is interrupted or killed, all workers end, with every process that they
        started.

        Args:
            work: ``"package.module:function"``, which takes a spec and returns a result, JSON both.
            cells: what to do. It is read on as places become free, so it may be as long as it likes.
        """

    def __call__(self, work: str, cells: Iterable[Cell]) -> Iterator[Done]:
        """``run``, with what goes in and what comes out checked.

        Raises:
            UserError: ``work`` is not of the form ``package.module:function``, or a key is there twice.
            PluginError: a cell was answered twice or not at all, or with neither a result nor a problem.
        """
        if not _WORK.fullmatch(work):
            raise UserError(f"work is named as 'package.module:function'; got {work!r}.")
        return self._checked(work, cells)

    def _checked(self, work: str, cells: Iterable[Cell]) -> Iterator[Done]:
        begun: dict[str, bool] = {}  # each key, and whether it was answered
        outcomes = self.run(work, _noted(cells, begun))
        try:
            for done in outcomes:
                self._check(done, begun)
                begun[done.key] = True
                yield done
        finally:
            if hasattr(outcomes, "close"):
                outcomes.close()
        if missing := sorted(key for key, answered in begun.items() if not answered):
            raise PluginError(f"{type(self).__name__}.run ended without an answer to {some_of(missing, 5)}.")

    def _check(self, done: Done, begun: dict[str, bool]) -> None:
        name = type(self).__name__
        if begun.get(done.key, True):
            times = "twice" if done.key in begun else "though nobody asked"
            raise PluginError(f"{name}.run answered the cell {done.key!r} {times}.")
        if (done.result is None) is (done.problem == ""):
            raise PluginError(f"{name}.run answered {done.key!r} with a result and a problem, or with neither: {done}.")


def environment_of(needs: Needs) -> dict[str, str]:
    """What a cell's process is started with, before any library is loaded: the cores and GPUs that it asked for."""
    room = {WORKERS: str(needs.threads), **thread_variables(needs.threads)}
    return room if needs.gpus else {**room, "CUDA_VISIBLE_DEVICES": ""}


def attempt(work: str, key: str, spec: str, where: str = "") -> Done:
    """Carries out one cell here and now: what a worker of any executor calls.

    Args:
        work: ``"package.module:function"``.
        key: the cell's key.
        spec: the cell's spec.
        where: what this worker is called.

    Returns:
        The outcome. Every exception, SystemExit included, is told as a problem; only KeyboardInterrupt passes.
    """
    try:
        result = _function(work)(spec)
        if not isinstance(result, str):
            raise TypeError(f"{work} returned {type(result).__name__}, not a string of JSON")
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        words = redacted(f"{type(error).__name__}: {error}").removesuffix(": ")
        return Done(key, None, words, where, trace=redacted(traceback.format_exc()))
    return Done(key, result, where=where)


@functools.cache
def _function(work: str) -> Callable[[str], object]:
    module, _, name = work.partition(":")
    function: Callable[[str], object] = getattr(import_module(module), name)
    return function


def _noted(cells: Iterable[Cell], begun: dict[str, bool]) -> Iterator[Cell]:
    for cell in cells:
        if cell.key in begun:
            raise UserError(f"two cells have the key {cell.key!r}; each needs one of its own.")
        begun[cell.key] = False
        yield cell
