"""Carrying out the runs of a set, one after the other or many at once, and telling how it goes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qplug.contract.errors import Interrupted, QplugError, UserError, some_of
from qplug.contract.interfaces import Executor
from qplug.lab.comparison.cell_work import WORK, Spec, cell_of, told_of_workplace
from qplug.lab.comparison.needs import needs_of, room_for
from qplug.lab.comparison.progress import Progress
from qplug.lab.config.resolve import resolve
from qplug.lab.runner.complete import Cell, complete
from qplug.lab.runner.reporter import Reporter
from qplug.lab.runner.workplace import Workplace
from qplug.lab.runs.directory import RunDirectory
from qplug.lab.runs.set_record import CellRecord, SetRecord
from qplug.lab.stopping import by

_MANY = 5  # failed runs that are told by name


@dataclass(frozen=True)
class Carried:
    """A set that is carried out.

    Attributes:
        path: its folder.
        record: its runs.
        workplace: where they are worked on.
        executor: who carries them out, many at once; None: one after the other in this process.
    """

    path: Path
    record: SetRecord
    workplace: Workplace
    executor: Executor | None

    def is_finished(self, cell: CellRecord) -> bool:
        """Whether a run has its record."""
        return RunDirectory(self.path / cell.folder).status == "finished"


@dataclass(frozen=True)
class _Ended:
    cell: CellRecord
    accuracy: float | None
    problem: str = ""
    of_the_user: bool = False


def carry(carried: Carried, reporter: Reporter) -> None:
    """Carries out what is not finished; one run that fails does not keep the others from being finished.

    Raises:
        UserError: some runs were refused, and no other failed.
        QplugError: some runs failed.
        Interrupted: the user stopped it.
    """
    cells = carried.record.cells
    left = [cell for cell in cells if not carried.is_finished(cell)]
    several = carried.executor is not None
    room = room_for(needs_of(carried.record.settings(left[0]))) if left and not several else 1
    progress = Progress(reporter, n=len(cells), left=len(left), bar=several, what="runs", room=room)
    failed: list[_Ended] = []
    try:
        for ended in _one_by_one(carried, left, reporter) if carried.executor is None else _at_once(carried, left):
            progress.told(carried.record.called(ended.cell), ended.accuracy, ended.problem)
            if ended.problem:
                failed.append(ended)
    except (Interrupted, KeyboardInterrupt) as stop:
        done = sum(map(carried.is_finished, cells))
        raise Interrupted(
            f"stopped{by(stop)}; {done} of {len(cells)} runs are finished. Go on with: qplug resume {carried.path}"
        ) from None
    if failed:
        texts = [f"{carried.record.called(each.cell)}: {each.problem}" for each in failed]
        kind = UserError if all(each.of_the_user for each in failed) else QplugError
        raise kind(f"{len(failed)} of {len(cells)} runs did not finish ({some_of(texts, _MANY)}). {_way_on(carried)}")


def _way_on(carried: Carried) -> str:
    if any((carried.path / cell.folder).is_dir() for cell in carried.record.cells):
        return f"What is finished is kept. Once it is mended: qplug resume {carried.path}"
    return "Nothing is kept. Once it is mended, start again with the same command."


def _one_by_one(carried: Carried, left: list[CellRecord], reporter: Reporter) -> Iterator[_Ended]:
    for cell in left:
        reporter.note(f"{carried.record.called(cell)} of {carried.record.dataset}")
        config = resolve([carried.record.settings(cell)])
        try:
            record = complete(Cell(config, carried.path / cell.folder), carried.workplace, reporter)
        except Interrupted:
            raise
        except QplugError as error:
            yield _Ended(cell, None, str(error), isinstance(error, UserError))
        else:
            yield _Ended(cell, record.test.accuracy)


def _at_once(carried: Carried, left: list[CellRecord]) -> Iterator[_Ended]:
    assert carried.executor is not None
    by_key = {cell.key: cell for cell in left}
    settings = {cell.key: carried.record.settings(cell) for cell in left}
    room = told_of_workplace(carried.workplace, carried.executor)
    work = (cell_of(key, Spec(settings[key], str(carried.path / cell.folder), room)) for key, cell in by_key.items())
    outcomes = carried.executor(WORK, work)
    for done in outcomes:
        if done.result is None:
            kind, _, text = done.problem.partition(": ")
            yield _Ended(by_key[done.key], None, text or kind, _is_of_the_user(kind))
        else:
            yield _Ended(by_key[done.key], float(json.loads(done.result)["accuracy"]))


def _is_of_the_user(name: str) -> bool:
    from qplug.contract import errors

    kind = getattr(errors, name, None)
    return isinstance(kind, type) and issubclass(kind, UserError)
