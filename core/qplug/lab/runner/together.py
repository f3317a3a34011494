"""Runs that differ in their seeds alone, trained in one pass; each is prepared, judged and recorded by itself."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import methodcaller
from typing import TypeAlias, cast

from qplug import catalogue
from qplug.contract.errors import Interrupted, QplugError
from qplug.lab.config.toml import to_layer
from qplug.lab.pipeline.components import assemble
from qplug.lab.pipeline.suspects import suspects
from qplug.lab.runner.complete import (
    Cell,
    check_beginning,
    complete,
    finish,
    is_done,
    prepare_in,
    refuse_another,
    session_of,
    write_beginning,
)
from qplug.lab.runner.ending import Watch, recorded_end
from qplug.lab.runner.examine import Examined, computing_on, examine
from qplug.lab.runner.inventory import Inventory
from qplug.lab.runner.reporter import Reporter, Silent
from qplug.lab.runner.train import Trained, labelled, learns, ready_to_train, train_by_gradients
from qplug.lab.runner.workplace import Workplace
from qplug.lab.runs.directory import CONFIG, RunDirectory
from qplug.lab.runs.record_file import read_record
from qplug.lab.runs.run_record import RunRecord
from qplug.lab.training.idle import idle_parts, prints
from qplug.lab.training.progress import Fitted
from qplug.lab.training.together import Lane, fit_together, why_not_together

Outcome: TypeAlias = RunRecord | QplugError
_Stages: TypeAlias = Generator[Lane | None, bool | Fitted | None, RunRecord]
"""A run's stages: gives what is to be trained, is told whether together, and if so what came of it."""


def complete_together(
    cells: Sequence[Cell], workplace: Workplace, reporter: Reporter, *, even_one: bool = False
) -> list[Outcome]:
    """What ``complete`` gives for each cell, with the trainings in one pass where they can be.

    They can be where the cells differ in their seeds alone, train on the CPU behind a frozen front, and their networks
    compute side by side what each computes by itself (``why_not_together``). All others go one by one. The files of a
    run are those of a single one, but for checkpoints: what is killed in training starts again, and what is finished
    stays.

    Args:
        cells: the runs.
        workplace: where they are worked on.
        reporter: told what goes on; of the trainings in one pass, of the first.
        even_one: take the pass for a single run too, so that its numbers are to the last digit those that it has beside
            any others.

    Returns:
        The record of each cell, in their order; of one that failed what ``complete`` raises.

    Raises:
        Interrupted: the user stopped it; the message says how to go on.
    """
    with catalogue.without(workplace.disabled):
        found: dict[int, Outcome] = {
            number: read_record(cell.folder) for number, cell in enumerate(cells) if is_done(cell)
        }
        left = {number: cell for number, cell in enumerate(cells) if number not in found}
        least = 1 if even_one else 2
        if len(left) >= least and _one_arm(left.values()):
            found |= _in_one_pass(left, workplace, reporter, least)
        for number, cell in left.items():
            if number not in found:
                found[number] = _outcome(partial(complete, cell, workplace, reporter))
    return [found[number] for number in range(len(cells))]


def _one_arm(cells: Iterable[Cell]) -> bool:
    settings = [{key: value for key, value in to_layer(cell.config).items() if key != "seed"} for cell in cells]
    return all(each == settings[0] for each in settings)


def _outcome(work: Callable[[], RunRecord]) -> Outcome:
    try:
        return work()
    except Interrupted:
        raise
    except QplugError as error:
        return error


@dataclass
class _Pass:
    """Some runs on their way through one pass.

    Attributes:
        stages: those that are not done, by number.
        lanes: what is to be trained of each.
        found: what came of the others.
    """

    stages: dict[int, _Stages] = field(default_factory=dict)
    lanes: dict[int, Lane | None] = field(default_factory=dict)
    found: dict[int, Outcome] = field(default_factory=dict)

    def advance(self, number: int, step: Callable[[_Stages], object]) -> None:
        """Takes a run's next step, and notes its end if it is one."""
        stages = self.stages.pop(number)
        try:
            given = step(stages)
        except StopIteration as end:
            self.found[number] = end.value
        except Interrupted:
            raise
        except QplugError as error:
            self.found[number] = error
        else:
            self.stages[number] = stages
            self.lanes.setdefault(number, cast("Lane | None", given))

    def stop(self, error: BaseException) -> None:
        """Ends all that are on their way as if each had been stopped by itself."""
        while self.stages:
            _, stages = self.stages.popitem()
            with contextlib.suppress(BaseException):
                stages.throw(error)


def _in_one_pass(cells: Mapping[int, Cell], workplace: Workplace, reporter: Reporter, least: int) -> dict[int, Outcome]:
    """What came of the cells; nothing of those that have to be completed by themselves."""
    fresh = {number: cell for number, cell in cells.items() if not RunDirectory(cell.folder).has_checkpoints}
    examined, failed = _examined(fresh, workplace, reporter)
    if len(examined) < least:
        return failed
    several = _Pass(found=failed)
    with computing_on(next(iter(examined.values())).config.threads):
        try:
            for number, each in examined.items():
                told = Silent() if several.stages else reporter
                several.stages[number] = _stages(fresh[number], each, told)
                several.advance(number, next)
            _train(several, examined, reporter)
        except BaseException as error:
            n_left = len(several.stages)
            several.stop(error if isinstance(error, KeyboardInterrupt) else KeyboardInterrupt())
            if isinstance(error, KeyboardInterrupt):
                raise Interrupted(
                    f"stopped while {n_left} runs went through one pass. Those that are finished are kept; the others "
                    "start again with the same command."
                ) from error
            raise
    return several.found


def _examined(
    cells: Mapping[int, Cell], workplace: Workplace, reporter: Reporter
) -> tuple[dict[int, Examined], dict[int, Outcome]]:
    """What is known of each run, from one look at the data; nothing where the first says that it goes by itself."""
    examined: dict[int, Examined] = {}
    failed: dict[int, Outcome] = {}
    known: Inventory | None = None
    for number, cell in cells.items():
        try:
            each = examine(cell.config, workplace, reporter, assemble(cell.config), known)
        except QplugError as error:
            failed[number] = error
            continue
        place = each.components.training
        if (
            not each.model.frozen_front
            or each.config.device != "cpu"
            or (place is not None and place.asked is not None)
        ):
            return {}, {}
        known, examined[number] = each.inventory, each
    return examined, failed


def _train(several: _Pass, examined: Mapping[int, Examined], reporter: Reporter) -> None:
    lanes = {number: lane for number, lane in several.lanes.items() if lane is not None and number in several.stages}
    first = next(iter(examined.values()))
    n_classes, options = len(first.split.classes), first.config.training
    together = why_not_together(list(lanes.values()), n_classes=n_classes, options=options) is None
    for number in list(several.stages):
        several.advance(number, methodcaller("send", together and number in lanes))
    lanes = {number: lane for number, lane in lanes.items() if number in several.stages}
    if not lanes:
        return
    reporter.stage(f"training {len(lanes)} seeds in one pass")
    came: Sequence[Fitted | Exception]
    try:
        came = fit_together(list(lanes.values()), n_classes=n_classes, options=options)
    except Exception as error:  # each run tells by itself whose fault it is
        came = [error] * len(lanes)
    for number, fitted in zip(lanes, came, strict=True):
        several.advance(number, methodcaller("send" if isinstance(fitted, Fitted) else "throw", fitted))


def _stages(cell: Cell, examined: Examined, reporter: Reporter) -> _Stages:
    with RunDirectory.claim(cell.folder) as directory:
        resume = (directory.path / CONFIG).is_file()
        if resume:
            refuse_another(examined.config, directory)
            if directory.status == "finished":  # meanwhile, by another process
                return read_record(cell.folder)
            check_beginning(examined, directory)
        try:
            if not resume:
                write_beginning(examined, directory)
            watch = Watch(reporter, suspects(examined.config, examined.components))
            with recorded_end(directory, watch, resumed=resume):
                return (yield from _watched(examined, directory, watch, resume=resume))
        except BaseException:
            if not resume:
                directory.discard()  # keeps a run that has checkpoints
            raise


def _watched(examined: Examined, directory: RunDirectory, watch: Watch, *, resume: bool) -> _Stages:
    prepared = prepare_in(directory, examined, watch, resume=resume)
    session = session_of(examined, directory, watch, resume=resume)
    began = time.perf_counter()
    view = ready_to_train(examined, prepared, watch)
    seconds = time.perf_counter() - began
    if not learns(view):
        yield None
        session.on_start(view.model)
        trained = Trained(view, Fitted([], best_epoch=0, seconds=seconds, stopped_early=False))
        return finish(examined, prepared, trained, directory, watch)
    parts = labelled(view, prepared, "train"), labelled(view, prepared, "validation")
    together = yield Lane(view.module, *parts, examined.config.seed, session.on_epoch)
    session.on_start(view.model)
    if together:
        before = prints(view.model)
        watch.phase = "training"
        fitted = cast(Fitted, (yield None))
        trained = Trained(view, fitted, tuple(idle_parts(examined.config, view.model, before)))
    else:
        trained = train_by_gradients(examined, prepared, view, session, watch)
    return finish(examined, prepared, trained, directory, watch)
