"""Carrying out the cells of a comparison: which are left, who computes them, and what is written as each one ends."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from qplug.atomic import write_atomically
from qplug.contract.errors import Interrupted, UserError
from qplug.contract.interfaces import Cell, Done, Executor, attempt
from qplug.lab.comparison.cell_file import cell_path, write_cell
from qplug.lab.comparison.cell_work import told_of_workplace
from qplug.lab.comparison.compare_work import WORK, order_of
from qplug.lab.comparison.executors import executor_of
from qplug.lab.comparison.needs import needs_of, room_for
from qplug.lab.comparison.plan_file import ComparisonPlan, PlannedCell
from qplug.lab.comparison.progress import LONG, Progress
from qplug.lab.comparison.spreading import at_once, told
from qplug.lab.runner.reporter import Reporter
from qplug.lab.runner.workplace import Workplace
from qplug.lab.runs.files import json_bytes
from qplug.lab.stopping import by, stop_if_asked

FAILED = ".failed.json"
_LARGEST, _GROUPS_EACH = 20, 3
"""So many seeds at most train in one pass, and so many groups are made for each worker at least."""
RUNS = "runs"
"""Folder, in that of a comparison, of whole run directories, where they are kept."""


@dataclass(frozen=True)
class Computing:
    """Who computes the cells, and where.

    Attributes:
        folder: of the comparison.
        plan: its cells.
        place: where they are worked on, on this machine.
        executor: who carries them out; None: this process, one after the other.
        keep_runs: whether whole run directories are kept.
        again: whether cells that failed are tried again.
        at_once: about how many workers there are; that many and more pieces of work are made.
        may_spread: whether cells that this process would be minutes at may go to processes of their own.
    """

    folder: Path
    plan: ComparisonPlan
    place: Workplace
    executor: Executor | None = None
    keep_runs: bool = False
    again: bool = False
    at_once: int = 1
    may_spread: bool = False

    def is_there(self, cell: PlannedCell) -> bool:
        """Whether a cell is finished."""
        return cell_path(self.folder, cell.key).is_file()

    def has_failed(self, cell: PlannedCell) -> bool:
        """Whether a cell ended with an exception, or its workers died again and again."""
        return cell_path(self.folder, cell.key, FAILED).is_file()

    def failure(self, cell: PlannedCell) -> str:
        """Why a cell failed."""
        try:
            told = json.loads(cell_path(self.folder, cell.key, FAILED).read_text(encoding="utf-8"))
            return str(told["problem"])
        except (OSError, ValueError, KeyError, TypeError):
            return "its note of the failure cannot be read"


def compute(computing: Computing, cells: Sequence[PlannedCell], reporter: Reporter) -> None:
    """Carries out the cells that are not finished; one that fails keeps no other from being finished.

    The first cell for each kind of features and embeddings runs before the others, which then find these in the cache.

    Raises:
        Interrupted: the user stopped it; the message says how to go on.
    """
    if computing.again:
        for cell in cells:
            cell_path(computing.folder, cell.key, FAILED).unlink(missing_ok=True)
    left = [cell for cell in cells if not computing.is_there(cell) and not computing.has_failed(cell)]
    if not left:
        return
    spreads = _spreads(computing, left)
    room = _room_for(left[0]) if computing.executor is None and not spreads else 1
    progress = Progress(reporter, n=len(cells), left=len(left), bar=True, what="cells", room=room)
    try:
        first, others = _warm_up_first(left)
        rest = _one_by_one(computing, others, reporter) if spreads else _carried_out(computing, others)
        for cell, accuracy, problem in chain(_carried_out(computing, first), rest):
            progress.told(cell.name, accuracy, problem)
    except (Interrupted, KeyboardInterrupt) as stop:
        there = sum(map(computing.is_there, cells))
        raise Interrupted(
            f"stopped{by(stop)}; {there} of {len(cells)} cells are finished. Go on with: "
            f"qplug resume {computing.folder}"
        ) from None


def _warm_up_first(left: Sequence[PlannedCell]) -> tuple[list[PlannedCell], list[PlannedCell]]:
    first: dict[str, PlannedCell] = {}
    for cell in left:
        first.setdefault(cell.arm.prepares, cell)
    chosen = {cell.key for cell in first.values()}
    return list(first.values()), [cell for cell in left if cell.key not in chosen]


def _spreads(computing: Computing, cells: Sequence[PlannedCell]) -> bool:
    """Whether processes may be started, and would have more to do than one that trains several seeds in one pass."""
    together = computing.plan.request.trials == 1 and any(cell.arm.together for cell in cells)
    return computing.may_spread and computing.executor is None and not together


def _one_by_one(
    computing: Computing, cells: Sequence[PlannedCell], reporter: Reporter
) -> Iterator[tuple[PlannedCell, float | None, str]]:
    """Carries out cells in this process, and once the time shows that it would be minutes at the others, in several."""
    began = time.monotonic()
    for n_done, cell in enumerate(cells, start=1):
        yield from _carried_out(computing, [cell])
        left = cells[n_done:]
        if (time.monotonic() - began) / n_done * len(left) > LONG and (n := at_once(left)) > 1:
            reporter.note(told(n, len(left)))
            executor = executor_of(None, n, None, computing.place)
            yield from _carried_out(replace(computing, executor=executor, at_once=n), left)
            return


def _carried_out(computing: Computing, cells: Sequence[PlannedCell]) -> Iterator[tuple[PlannedCell, float | None, str]]:
    """Carries out cells, writes what became of each, and tells its accuracy or its problem."""
    keep = computing.folder / RUNS if computing.keep_runs else None
    executor = computing.executor
    by_key: dict[str, Sequence[PlannedCell]] = {}

    def orders() -> Iterator[Cell]:
        for group, together in _groups(cells, computing):
            place = _room(computing.place, group[0])
            told = place.to_json() if executor is None else told_of_workplace(place, executor)
            order = order_of(group, computing.plan.request.trials, told, keep, together=together)
            by_key[order.key] = group
            yield order

    if executor is None:
        outcomes: Iterable[Done] = (attempt(WORK, each.key, each.spec, "this process") for each in orders())
    else:
        outcomes = executor(WORK, orders())
    for done in outcomes:
        yield from _written(computing, by_key[done.key], done)


def _groups(cells: Sequence[PlannedCell], computing: Computing) -> Iterator[tuple[Sequence[PlannedCell], bool]]:
    """Cells that one worker takes, and whether they train in one pass: several seeds of one arm on one fold.

    Whether they do depends on the plan alone, so a cell's numbers are the same whoever else is left to be computed.
    """
    several: dict[tuple[str, str, int | None], list[PlannedCell]] = {}
    alike = _alike(computing.plan)
    for cell in cells:
        fold = cell.split.fold
        if cell.arm.together and computing.plan.request.trials == 1 and (cell.data_set.name, fold) in alike:
            several.setdefault((cell.data_set.name, cell.arm.name, fold), []).append(cell)
        else:
            yield [cell], False
    n_cells = sum(map(len, several.values()))
    # Several times as many groups as workers, so that all have something to do to the end.
    largest = max(1, min(_LARGEST, -(-n_cells // (_GROUPS_EACH * computing.at_once))))
    for group in several.values():
        n_groups = -(-len(group) // largest)
        for number in range(n_groups):
            yield group[number::n_groups], True


def _alike(plan: ComparisonPlan) -> set[tuple[str, int | None]]:
    """The folds of which every seed has as many training samples, so that their batches fit side by side."""
    sizes: dict[tuple[str, int | None], set[int]] = {}
    for data_set in plan.data_sets:
        for split in data_set.splits:
            sizes.setdefault((data_set.name, split.fold), set()).add(split.n_train)
    return {fold for fold, found in sizes.items() if len(found) == 1}


def _room_for(cell: PlannedCell) -> int:
    return room_for(needs_of(cell.arm.settings))


def _room(place: Workplace, cell: PlannedCell) -> Workplace:
    """The workplace with the folder of the cell's data: what it says itself, else where they lay, if they still do."""
    bare, lay = replace(place, figures=False), cell.data_set.data_dir
    if place.data_dir is not None or not lay or not Path(lay).is_dir():
        return bare
    return bare.with_data_dir(Path(lay))


def _written(
    computing: Computing, group: Sequence[PlannedCell], done: Done
) -> Iterator[tuple[PlannedCell, float | None, str]]:
    answers = {} if done.result is None else {each["key"]: each for each in json.loads(done.result)}
    for cell in group:
        answer = answers.get(cell.key, {"problem": done.problem})
        if problem := answer.get("problem", ""):
            stop_if_asked()  # what a signal to this process has stopped is no failure, and ends the comparison
            kind, _, text = problem.partition(": ")
            _note_failure(computing.folder, cell, kind, text or kind, done)
            yield cell, None, text or kind
        else:
            write_cell(computing.folder, cell.key, base64.b64decode(answer["npz"]), answer["json"].encode())
            yield cell, float(answer["accuracy"]), ""


def _note_failure(folder: Path, cell: PlannedCell, kind: str, problem: str, done: Done) -> None:
    content = {"key": cell.key, "cell": cell.name, "problem": problem, "kind": kind, "lost": done.lost,
               "tries": done.tries, "trace": done.trace}  # fmt: skip
    path = cell_path(folder, cell.key, FAILED)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json_bytes(content))


def chosen_cells(plan: ComparisonPlan, words: str | None) -> Sequence[PlannedCell]:
    """The cells that ``--cells A-B`` names, both included, counted from 0; all of them where nothing is named.

    Raises:
        UserError: it is no range, or not one of this plan's.
    """
    if words is None:
        return plan.cells
    first, dash, last = words.partition("-")
    n = len(plan.cells)
    if not first.strip().isdecimal() or not (last if dash else first).strip().isdecimal():
        raise UserError(f"--cells takes a number or a range, such as 0-99; got {words!r}.")
    begin, end = int(first), int(last if dash else first)
    if begin > end or begin >= n:
        raise UserError(f"--cells {words}: this comparison has the cells 0 to {n - 1}.")
    return plan.cells[begin : end + 1]
