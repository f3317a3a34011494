"""A trained classifier on a remote backend: what is sent, whether it may be, and what comes of it.

The classifier runs once on a simulator, which leaves the angles of its circuits. A plan, settled before anything is
sent, says which samples go to the device with how many shots; the plan, the journal and the values lie in the
evaluation's folder, so that any later process goes on where this one ended.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from qplug.circuits.json_text import dump
from qplug.contract.errors import ConfigError, Interrupted, UserError
from qplug.contract.interfaces import Backend, Forecast, NotYet, RemoteBackend, Task, Values, Work
from qplug.lab.data.labelled import Labelled
from qplug.lab.hardware.budget import Plan, fit_budget, stratified_subset
from qplug.lab.hardware.drive import Drive, tag_of
from qplug.lab.hardware.journal import JOURNAL, Journal
from qplug.lab.hardware.shots import MANY_FLIPPED, SHOTS, Answer, enough_shots, flip_curve
from qplug.lab.hardware.shots import Flips as PlannedFlips
from qplug.lab.judging.given import (
    judge_given,
    judge_with_angles,
    part_of,
    refuse_circuits_behind_circuits,
    rows_of,
    some_of_part,
)
from qplug.lab.judging.judge import Judgement
from qplug.lab.judging.view import View
from qplug.lab.pipeline.cut import Behind
from qplug.lab.runner.reporter import Reporter
from qplug.lab.runs.sent_plan import (
    PLAN,
    VERSION,
    Flips,
    Sent,
    SentPlan,
    pack_angles,
    read_sent,
    write_plan,
)
from qplug.lab.stopping import by

_THOUGHT_OF = 64
"""So many samples tell what shots do to labels where the whole classifier stands behind its circuits."""
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
        exact: what it answers without shot noise, on the same samples.
        jobs: the device's names for the work.
    """

    backend: RemoteBackend
    sent: Sent
    values: Values
    judgement: Judgement
    exact: Judgement
    jobs: tuple[str, ...]


@dataclass(frozen=True)
class Waiting:
    """Work that the device has, and is not done with.

    Attributes:
        sent: what was sent.
        jobs: the device's names for it.
        status: how far it is, for people.
    """

    sent: Sent
    jobs: tuple[str, ...]
    status: str


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
        sent = read_sent(self.home)
        budget = sent.plan.budget_seconds if spending.budget is None else _whole_seconds(spending)
        journal = Journal(self.home / JOURNAL)
        drive = Drive(self.backend, journal, self.home, budget, spending.sleep, self.reporter.note)
        self.reporter.stage(
            f"{sent.plan.backend['name']}: {len(sent.plan.samples):,} samples, {sent.plan.shots:,} shots"
        )
        try:
            came = drive.settle(sent.work, wait=spending.wait)
        except KeyboardInterrupt as stop:
            raise Interrupted(
                f"stopped{by(stop)}. What the device has goes on there; fetch it with: qplug resume {self.run}"
            ) from None
        jobs = tuple(journal.units()[sent.work.tag].fact("jobs") or ())
        if isinstance(came, NotYet):
            return Waiting(sent, jobs, came.status)
        positions = self._positions(sent.plan)
        on = some_of_part(self.on, positions)
        judgement = judge_given(self.view, on, came.expectations, self.backend, device=self.device)
        exact = part_of(self._exact[0], positions)
        return Answered(self.backend, sent, came, judgement, exact, jobs)

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

    # Before anything is sent

    def _settle_plan(self, spending: Spending) -> None:
        """Writes the plan, once it may be carried out."""
        refuse_circuits_behind_circuits(self.view, self.on)
        tasks, curve = self._exact[1], self._flips()
        bought = self._bought(spending, tasks, curve)
        (flips,) = self._flips(bought.shots)
        self.reporter.note(
            f"{bought.shots:,} shots are thought to change {flips.flipped:.1%} of the labels by themselves"
        )
        positions = stratified_subset(self.on.labels, bought.n_samples, self.seed)
        work = self._work(tasks, positions, bought.shots)
        rows = tuple(len(task.encoding) // bought.n_samples for task in work.tasks)
        self._ask_user(bought, rows, spending)
        angles = pack_angles(work.tasks)
        plan = SentPlan(
            version=VERSION,
            **self.question,
            samples=tuple(self.on.samples[position].id for position in positions.tolist()),
            n_part=len(self.on.labels),
            shots=bought.shots,
            seed=self.seed,
            budget_seconds=_whole_seconds(spending),
            forecast_seconds=bought.forecast.seconds,
            executions=bought.forecast.executions,
            facts=dict(bought.forecast.facts),
            tag=tag_of(work, str(self.home), repr(self.question["settings"])),
            expected_flipped=flips.flipped,
            curve=tuple(Flips(shots=point.shots, flipped=point.flipped) for point in curve),
            circuits=tuple(dump(task.circuit) for task in work.tasks),
            angles_sha256=hashlib.sha256(angles).hexdigest(),
            rows=() if set(rows) == {1} else rows,
        )
        write_plan(self.home, plan, angles)

    def _flips(self, *shots: int) -> list[PlannedFlips]:
        """What shot noise would do to labels, for each number of shots."""
        exact = tuple(each.double().numpy() for each in self._thought_of.expectations)
        return flip_curve(exact, self._answer, shots=shots or SHOTS)

    @cached_property
    def _thought_of(self) -> Judgement:
        """The exact answers that are thought about: where the backbone holds circuits, those to a drawn part."""
        n = len(self.on.labels)
        if n <= _THOUGHT_OF or not any(self.view.model.circuits_in_front()):
            return self._exact[0]
        return part_of(self._exact[0], stratified_subset(self.on.labels, _THOUGHT_OF, self.seed))

    def _bought(self, spending: Spending, tasks: tuple[Task, ...], curve: list[PlannedFlips]) -> Plan:
        """How many samples and shots; the user is told where they are fewer than wanted."""
        limits = self.backend.capabilities
        n_part = len(self.on.labels)
        each_sample = sum(len(task.encoding) // n_part for task in tasks)
        if each_sample > limits.max_rows:
            raise UserError(
                f"each sample is {each_sample:,} runs of circuits, and a job of the device holds {limits.max_rows:,}. "
                "Nothing was sent. Use smaller features, or fewer patches of each: --set backbone.stride=N"
            )
        most = limits.max_rows // max(1, each_sample)
        samples_asked, shots_asked = self.question["size"]
        n, shots = samples_asked or n_part, shots_asked or min(enough_shots(curve), limits.max_shots)
        if samples_asked and not 1 <= n <= min(n_part, most):
            raise UserError(f"--samples {n} must be in 1 to {min(n_part, most):,}: so many the part, or a job, has.")
        if shots > limits.max_shots:
            raise UserError(f"--shots {shots:,} is more than the {limits.max_shots:,} that the device takes.")

        def cost(n_samples: int, each: int) -> Forecast:
            return self.backend.forecast(self._work(tasks, np.arange(n_samples), each))

        bought = fit_budget(
            cost, min(n, most), shots, _whole_seconds(spending),
            fewest_shots=enough_shots(curve, MANY_FLIPPED),
            fixed_samples=bool(samples_asked), fixed_shots=bool(shots_asked),
        )  # fmt: skip
        if bought.n_samples < n_part and not samples_asked:
            self.reporter.note(f"the budget buys {bought.n_samples:,} of {n_part:,} samples, drawn by class")
        return bought

    def _work(self, tasks: tuple[Task, ...], positions: NDArray[np.int64], shots: int) -> Work:
        n = len(self.on.labels)
        return Work(tuple(replace(task, encoding=rows_of(task.encoding, positions, n)) for task in tasks), shots)

    def _ask_user(self, bought: Plan, rows: tuple[int, ...], spending: Spending) -> None:
        told = bought.forecast
        left = "" if told.left_seconds is None else f", of {told.left_seconds:,.3g} s that the account has left"
        runs = "" if set(rows) == {1} else f", each {sum(rows):,} runs of the backbone's circuits,"
        offer = (
            f"{bought.n_samples:,} samples{runs} with {bought.shots:,} shots: {told.executions:,} executions, about "
            f"{told.seconds:,.3g} s of the device{left}"
        )
        self.reporter.note(offer + (f" ({told.note})" if told.note else ""))
        if not self.backend.capabilities.hardware:  # a fake device costs nothing
            return
        if spending.allow is None:
            raise UserError(
                f"it would cost {offer}. Nothing was sent, for without a terminal nobody can be asked. "
                "Say so with --yes, or change what it costs with --budget, --samples and --shots."
            )
        if not spending.allow(f"Send {offer}?"):
            raise UserError("nothing was sent.")

    @cached_property
    def _answer(self) -> Answer:
        return labels_of_values(self.view, self._thought_of)


def _whole_seconds(spending: Spending) -> float:
    """The budget; a fraction of a second buys nothing, since a device that stops a job counts none."""
    return float(math.floor(BUDGET if spending.budget is None else spending.budget))


def labels_of_values(view: View, exact: Judgement) -> Answer:
    """What gives the label of each sample for expectation values of its circuits.

    Where only heads hold circuits, by the read-outs alone; else by all of the classifier that stands behind them.

    Args:
        view: the classifier and its inputs.
        exact: what it answers to the same samples without shots and noise.
    """
    if any(view.model.circuits_in_front()):
        backend = cast(Backend, exact.backend)
        return lambda values: judge_given(view, exact.on, values, backend).predicted.numpy()
    behind = Behind(view.model.cpu()).eval()
    with torch.no_grad():
        others = exact.logits - behind(*exact.expectations)  # of branches without a circuit

    def answer(values: tuple[NDArray[np.float64], ...]) -> NDArray[np.int64]:
        with torch.no_grad():
            logits = behind(*(torch.from_numpy(each).float() for each in values)) + others
        labels: NDArray[np.int64] = logits.argmax(dim=1).numpy()
        return labels

    return answer
