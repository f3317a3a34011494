"""A trained classifier on a remote backend: what is sent, whether it may be, and what comes of it.

The classifier runs once on a simulator, which leaves the angles of its circuits. A plan, settled before anything is
sent, says which samples go to the device with how many shots; the plan, the journal and the values lie in the
evaluation's folder, so that any later process goes on where this one ended.

Where the angles of circuits come from values of others, as in a head behind circuits of a backbone, circuits are sent
in stages, each a job of its own with the angles that the device's own values of the stage before give. What is settled,
and what may be spent, holds for all of them.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from qplug.contract.errors import ConfigError, Interrupted
from qplug.contract.interfaces import NotYet, RemoteBackend, Task, Values, Work
from qplug.lab.data.labelled import Labelled
from qplug.lab.hardware.drive import Drive, tag_of
from qplug.lab.hardware.journal import JOURNAL, Journal
from qplug.lab.judging.given import judge_given, judge_with_angles, part_of, some_of_part
from qplug.lab.judging.judge import Judgement
from qplug.lab.judging.view import View
from qplug.lab.runner.reporter import Reporter
from qplug.lab.runner.settling import Settling
from qplug.lab.runner.stages import Stage, sent_together, values_together
from qplug.lab.runs.sent_plan import (
    PLAN,
    VERSION,
    Sent,
    SentPlan,
    SentStage,
    pack_angles,
    read_plan,
    read_sent,
    read_stage,
    write_stage,
)
from qplug.lab.stopping import by

BUDGET = 60.0
"""Seconds of the device that may be spent where nobody says otherwise: a tenth of a month of a free account."""


@dataclass(frozen=True)
class Spending:
    """What may be spent on a device.

    Attributes:
        budget: seconds of the device; None: ``BUDGET``, or what was allowed before.
        allow: asked, with a sentence, before anything is sent that costs; None: nobody can be, and nothing is sent.
        wait: whether to wait for the device.
        size: how many samples, with how many shots each, are sent for a run that was to ask a device by itself; None:
            as the budget buys.
        sleep: waits so many seconds.
    """

    budget: float | None = None
    allow: Callable[[str], bool] | None = None
    wait: bool = True
    size: tuple[int | None, int | None] = (None, None)
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Answered:
    """What came back from a device.

    Attributes:
        backend: the device.
        sent: what was sent.
        values: what came.
        judgement: what the classifier answers with these values.
        exact: what it answers without shot noise, on the same samples; its expectation values are those for the angles
            that were sent.
        jobs: the device's names for the work.
        chained: the expectation values that stand behind those answers: for angles that came of exact values too. They
            are other ones where a circuit was sent in a later job.
    """

    backend: RemoteBackend
    sent: Sent
    values: Values
    judgement: Judgement
    exact: Judgement
    jobs: tuple[str, ...]
    chained: tuple[Tensor, ...]


@dataclass(frozen=True)
class Waiting:
    """Work that the device has, and is not done with.

    Attributes:
        sent: what was sent.
        jobs: the device's names for it.
        status: how far it is, for people.
        stage: which of the plan's jobs it is, 1 the first.
    """

    sent: Sent
    jobs: tuple[str, ...]
    status: str
    stage: int


@dataclass(frozen=True)
class OnDevice:
    """A classifier, samples, and the device that is to run its circuits.

    Attributes:
        view: the classifier, on the backend that trained it, and its inputs.
        on: the part that is judged.
        backend: the device.
        home: the evaluation's folder.
        question: what is asked: ``settings`` (with the table ``backend``), ``part``, ``classes``, ``size`` of the plan.
        seed: draws samples where not all are sent.
        device: where the classical layers are computed.
        reporter: told what goes on.
    """

    view: View
    on: Labelled
    backend: RemoteBackend
    home: Path
    question: Mapping[str, Any]
    seed: int
    device: str
    reporter: Reporter

    def ask(self, spending: Spending) -> Answered | Waiting:
        """The device's answer; what was begun by an earlier process is gone on with.

        Raises:
            UserError: the budget or the user does not allow it; nothing was sent.
            QplugError: the device failed or cannot be reached; the next call goes on.
        """
        if not (self.home / PLAN).is_file():
            self._settle_plan(spending)
        plan = read_plan(self.home)
        self.reporter.stage(f"{plan.backend['name']}: {len(plan.samples):,} samples, {plan.shots:,} shots")
        stages: list[Stage] = []
        for number in range(1, plan.n_stages + 1):
            found = self._stage(plan, number, stages, spending)
            if isinstance(found, Waiting):
                return found
            stages.append(found)
        sent, values = sent_together(plan, stages), values_together(plan, stages)
        positions = self._positions(plan)
        judgement = judge_given(
            self.view, some_of_part(self.on, positions), values.expectations, self.backend, device=self.device
        )
        exact = part_of(self._exact[0], positions)
        same_angles = replace(exact, expectations=plan.in_order([stage.exact for stage in stages]))
        jobs = tuple(job for stage in stages for job in stage.jobs)
        return Answered(self.backend, sent, values, judgement, same_angles, jobs, exact.expectations)

    def _stage(self, plan: SentPlan, number: int, before: Sequence[Stage], spending: Spending) -> Stage | Waiting:
        """One job, from wherever it is; the first is settled with the plan, others when their angles are known."""
        exact: tuple[Tensor, ...] = ()
        if number > 1:
            exact = self._settle_stage(plan, number, before)
            self.backend.stay_with(before[-1].handle)
            self.reporter.note(f"job {number} of {plan.n_stages}: angles from the values of the jobs before")
        sent, journal = read_sent(self.home, number), Journal(self.home / JOURNAL)
        budget = plan.budget_seconds if spending.budget is None else _whole_seconds(spending)
        drive = Drive(self.backend, journal, self.home, budget, spending.sleep, self.reporter.note)
        try:
            came = drive.settle(sent.work, wait=spending.wait, reserved=plan.seconds_behind(number))
        except KeyboardInterrupt as stop:
            raise Interrupted(
                f"stopped{by(stop)}. What the device has goes on there; fetch it with: qplug resume {self.run}"
            ) from None
        unit = journal.units()[sent.work.tag]
        jobs = tuple(unit.fact("jobs") or ())
        if isinstance(came, NotYet):
            return Waiting(sent, jobs, came.status, number)
        if number == 1:
            known = part_of(self._exact[0], self._positions(plan)).expectations
            exact = tuple(known[circuit] for circuit in plan.circuits_of(1))
        return Stage(sent, came, jobs, unit.fact("handle"), unit.fact("sha256"), exact)

    def _settle_stage(self, plan: SentPlan, number: int, before: Sequence[Stage]) -> tuple[Tensor, ...]:
        """Writes the angles of a later job, once; gives the exact values for these angles.

        Angles are kept, for another process may round them otherwise, and what it sent would be other work.
        """
        given = {
            circuit: values
            for stage, came in enumerate(before, start=1)
            for circuit, values in zip(plan.circuits_of(stage), came.values.expectations, strict=True)
        }
        on = some_of_part(self.on, self._positions(plan))
        judgement, tasks = judge_with_angles(self.view, on, given, device=self.device)
        circuits = plan.circuits_of(number)
        if read_stage(self.home, number) is None:
            angles = pack_angles({circuit: tasks[circuit] for circuit in circuits})
            work = Work(tuple(tasks[circuit] for circuit in circuits), plan.shots)
            found = SentStage(
                version=VERSION,
                stage=number,
                tag=tag_of(work, plan.tag, str(number)),
                given_sha256=tuple(stage.sha256 for stage in before),
                angles_sha256=hashlib.sha256(angles).hexdigest(),
            )
            write_stage(self.home, found, angles)
        return tuple(judgement.expectations[circuit] for circuit in circuits)

    def _settle_plan(self, spending: Spending) -> None:
        exact, tasks = self._exact
        settling = Settling(self.view, exact, tasks, self.backend, self.home, self.question, self.seed, self.reporter)
        settling.settle(_whole_seconds(spending), spending.allow)

    @property
    def run(self) -> Path:
        """The run's directory."""
        return self.home.parent.parent

    @cached_property
    def _exact(self) -> tuple[Judgement, tuple[Task, ...]]:
        self.reporter.stage(f"judging on {self.on.part} without the device")
        return judge_with_angles(self.view, self.on, device=self.device, on_step=self.reporter.progress)

    def _positions(self, plan: SentPlan) -> NDArray[np.int64]:
        place = {sample.id: position for position, sample in enumerate(self.on.samples)}
        if gone := [name for name in plan.samples if name not in place]:
            raise ConfigError(
                f"{len(gone)} of the {len(plan.samples)} samples that were sent to the device are no longer in the "
                f"{self.on.part} part, {gone[0]!r} among them. Put them back as they were."
            )
        return np.array([place[name] for name in plan.samples], dtype=np.int64)


def _whole_seconds(spending: Spending) -> float:
    """The budget; a fraction of a second buys nothing, since a device that stops a job counts none."""
    return float(math.floor(BUDGET if spending.budget is None else spending.budget))
