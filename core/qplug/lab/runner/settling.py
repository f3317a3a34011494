"""What is sent to a device, settled before anything is: how many samples, how many shots, and whether it may be."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qplug.circuits.json_text import dump
from qplug.contract.errors import UserError
from qplug.contract.interfaces import Forecast, RemoteBackend, Task, Work
from qplug.lab.data.labelled import Labelled
from qplug.lab.hardware.budget import Plan, fit_budget, stratified_subset
from qplug.lab.hardware.drive import tag_of
from qplug.lab.hardware.shots import MANY_FLIPPED, SHOTS, enough_shots
from qplug.lab.hardware.shots import Flips as PlannedFlips
from qplug.lab.judging.given import part_of, rows_of
from qplug.lab.judging.judge import Judgement
from qplug.lab.judging.stages import Order, order_in
from qplug.lab.judging.view import View
from qplug.lab.measures import percent
from qplug.lab.runner.reporter import Reporter
from qplug.lab.runner.thought import Thought
from qplug.lab.runs.evaluations import thought_over
from qplug.lab.runs.sent_plan import VERSION, Flips, SentPlan, pack_angles, write_plan

THOUGHT_OF = 64
"""So many samples tell what shots do to labels where the whole classifier stands behind its circuits."""


@dataclass(frozen=True)
class Settling:
    """A classifier, what it answers exactly, and the device that is to run its circuits.

    Attributes:
        view: the classifier and its inputs.
        exact: what it answers to the part, without shots and noise.
        tasks: of each circuit, what it was run with for that.
        backend: the device.
        home: the evaluation's folder.
        question: as that of ``OnDevice``.
        seed: draws samples where not all are sent.
        reporter: told what goes on.
    """

    view: View
    exact: Judgement
    tasks: tuple[Task, ...]
    backend: RemoteBackend
    home: Path
    question: Mapping[str, Any]
    seed: int
    reporter: Reporter
    _told: dict[tuple[int, int], tuple[Forecast, ...]] = field(default_factory=dict, init=False, repr=False)

    def settle(self, budget: float, allow: Callable[[str], bool] | None) -> None:
        """Writes the plan, once it may be carried out.

        Args:
            budget: whole seconds of the device.
            allow: asked before anything is sent that costs; None: nobody can be.

        Raises:
            UserError: the budget or the user does not allow it; nothing was sent.
            NotSupported: the circuits cannot be sent in a number of jobs that is known before.
        """
        order, curve = self.order, self._curve()
        bought = self._bought(budget, curve)
        (flips,) = self._thought.flips(bought.shots)
        self.reporter.note(
            f"{bought.shots:,} shots are thought to change {percent(flips.flipped)} of the labels by themselves"
            + thought_over(self._thought.n, len(self._on.labels), self._on.part)
        )
        positions = stratified_subset(self._on.labels, bought.n_samples, self.seed)
        work = self._work(positions, bought.shots)
        rows = tuple(len(task.encoding) // bought.n_samples for task in work.tasks)
        self._ask_user(bought, rows, allow)
        angles = pack_angles(dict(enumerate(work.tasks)))
        first = self._work(positions, bought.shots, stage=1)
        several: dict[str, Any] = {}
        if order.n_stages > 1:
            jobs = self._jobs(bought.n_samples, bought.shots)
            several = {"stages": order.stages, "stage_seconds": tuple(job.seconds for job in jobs)}
        plan = SentPlan(
            version=VERSION,
            **self.question,
            samples=tuple(self._on.samples[position].id for position in positions.tolist()),
            n_part=len(self._on.labels),
            shots=bought.shots,
            seed=self.seed,
            budget_seconds=budget,
            forecast_seconds=bought.forecast.seconds,
            executions=bought.forecast.executions,
            facts=dict(bought.forecast.facts),
            tag=tag_of(first, str(self.home), repr(self.question["settings"])),
            expected_flipped=flips.flipped,
            n_thought=self._thought.n,
            curve=tuple(Flips(shots=point.shots, flipped=point.flipped) for point in curve),
            circuits=tuple(dump(task.circuit) for task in work.tasks),
            angles_sha256=hashlib.sha256(angles).hexdigest(),
            rows=() if set(rows) == {1} else rows,
            **several,
        )
        write_plan(self.home, plan, angles)

    def _curve(self) -> list[PlannedFlips]:
        """What shots do to labels; told as it goes where the whole classifier is run for it."""
        if not any(self.view.model.circuits_in_front()):
            return self._thought.flips()
        self.reporter.stage("labels that shots alone would change")
        curve = []
        for number, shots in enumerate(SHOTS, start=1):
            curve += self._thought.flips(shots)
            self.reporter.progress(number, len(SHOTS))
        return curve

    @cached_property
    def order(self) -> Order:
        """Which circuits stand behind which."""
        return order_in(self.view, self._on)

    @property
    def _on(self) -> Labelled:
        return self.exact.on

    @cached_property
    def _thought(self) -> Thought:
        """What shots do to the exact answers: where the backbone holds circuits, to those to a drawn part."""
        n, exact = len(self._on.labels), self.exact
        if n > THOUGHT_OF and any(self.view.model.circuits_in_front()):
            exact = part_of(exact, stratified_subset(self._on.labels, THOUGHT_OF, self.seed))
        return Thought(self.view, exact, self.order.n_stages > 1)

    def _bought(self, budget: float, curve: list[PlannedFlips]) -> Plan:
        """How many samples and shots; the user is told where they are fewer than wanted."""
        limits = self.backend.capabilities
        n_part = len(self._on.labels)
        each_sample = max(self._rows_of_stage(stage) for stage in self._stages)
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
        bought = fit_budget(
            self._reserved, min(n, most), shots, budget,
            fewest_shots=enough_shots(curve, MANY_FLIPPED),
            fixed_samples=bool(samples_asked), fixed_shots=bool(shots_asked),
        )  # fmt: skip
        if bought.n_samples < n_part and not samples_asked:
            self.reporter.note(f"the budget buys {bought.n_samples:,} of {n_part:,} samples, drawn by class")
        if self.order.n_stages == 1:
            return bought
        # All that the device tells of the circuits, as if they went together.
        whole = self.backend.forecast(self._work(np.arange(bought.n_samples), bought.shots))
        seconds = sum(job.seconds for job in self._jobs(bought.n_samples, bought.shots))
        return replace(bought, forecast=replace(whole, seconds=seconds))

    @property
    def _stages(self) -> range:
        return range(1, self.order.n_stages + 1)

    def _rows_of_stage(self, stage: int) -> int:
        pairs = zip(self.tasks, self.order.stages, strict=True)
        return sum(len(task.encoding) // len(self._on.labels) for task, each in pairs if each == stage)

    def _reserved(self, n_samples: int, shots: int) -> Forecast:
        """What all jobs together cost, each behind the first in whole seconds: that is kept for it."""
        first, *later = self._jobs(n_samples, shots)
        return replace(first, seconds=first.seconds + sum(math.ceil(job.seconds) for job in later))

    def _jobs(self, n_samples: int, shots: int) -> tuple[Forecast, ...]:
        """What each job costs, asked once: it depends on how many rows there are and not on their angles."""
        if (n_samples, shots) not in self._told:
            positions = np.arange(n_samples)
            self._told[n_samples, shots] = tuple(
                self.backend.forecast(self._work(positions, shots, stage)) for stage in self._stages
            )
        return self._told[n_samples, shots]

    def _work(self, positions: NDArray[np.int64], shots: int, stage: int | None = None) -> Work:
        """The rows of some samples, of all circuits or of those of one job."""
        n, pairs = len(self._on.labels), zip(self.tasks, self.order.stages, strict=True)
        chosen = [task for task, each in pairs if stage in (None, each)]
        return Work(tuple(replace(task, encoding=rows_of(task.encoding, positions, n)) for task in chosen), shots)

    def _ask_user(self, bought: Plan, rows: tuple[int, ...], allow: Callable[[str], bool] | None) -> None:
        told = bought.forecast
        left = "" if told.left_seconds is None else f", of {told.left_seconds:,.3g} s that the account has left"
        runs = "" if set(rows) == {1} else f", each {sum(rows):,} runs of {self._whose} circuits,"
        jobs = "" if self.order.n_stages == 1 else f" in {self.order.n_stages} jobs, one made of the other's values"
        offer = (
            f"{bought.n_samples:,} samples{runs} with {bought.shots:,} shots{jobs}: {told.executions:,} executions, "
            f"about {told.seconds:,.3g} s of the device{left}"
        )
        self.reporter.note(offer + (f" ({told.note})" if told.note else ""))
        if not self.backend.capabilities.hardware:  # a fake device costs nothing
            return
        if allow is None:
            raise UserError(
                f"it would cost {offer}. Nothing was sent, for without a terminal nobody can be asked. "
                "Say so with --yes, or change what it costs with --budget, --samples and --shots."
            )
        if not allow(f"Send {offer}?"):
            raise UserError("nothing was sent.")

    @property
    def _whose(self) -> str:
        return "its" if any(self.view.model.circuits_in_branches()) else "the backbone's"
