"""Training on a backend that is asked step by step: what that costs, whether it may be, and who asks it.

A remote backend gets one unit of work a step, through the same journal as an evaluation: a training that was killed
goes on at its last checkpoint, and the steps behind that are fetched, not paid for again.
"""

from __future__ import annotations

import hashlib
import math
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import numpy as np
import torch

from qplug.circuits.slots import Rows
from qplug.contract.errors import NotSupported, UserError
from qplug.contract.interfaces import Backend, Forecast, RemoteBackend, Task, Values, Work
from qplug.lab.config.model import RunConfig
from qplug.lab.hardware.drive import Drive
from qplug.lab.hardware.journal import JOURNAL, Journal
from qplug.lab.pipeline.classifier import Classifier
from qplug.lab.pipeline.components import Components
from qplug.lab.runner.on_device import Spending
from qplug.lab.runner.reporter import Reporter
from qplug.lab.runs.directory import TRAINING
from qplug.lab.runs.sent_training import VERSION, SentTraining, read_training, write_training
from qplug.lab.training.asking import Asked, Learning, Method, batch_sizes, blank_tasks, learning_circuits, method_of

_UNLIMITED = 1e9  # seconds, where nothing is charged
_SLACK = 1e-6


@dataclass(frozen=True)
class Course:
    """A training that is asked for step by step, before it begins.

    Attributes:
        name: the backend's name.
        backend: who is asked.
        circuits: all that learn.
        method: how gradients come about.
        sizes: samples of each step of an epoch.
        epochs: how many there are at most.
        shots: of each row, where the backend is remote.
    """

    name: str
    backend: Backend
    circuits: Sequence[Learning]
    method: Method
    sizes: tuple[int, ...]
    epochs: int
    shots: int

    @property
    def n_steps(self) -> int:
        """Steps of all epochs."""
        return self.epochs * len(self.sizes)

    @property
    def remote(self) -> RemoteBackend | None:
        """The backend, if it is sent work and answers later."""
        return cast(RemoteBackend, self.backend) if self.backend.capabilities.remote else None

    def work(self, n_samples: int, tag: str = "") -> Work:
        """What a step with so many samples asks for, but for the angles."""
        return Work(blank_tasks(self.circuits, self.method, n_samples), self.shots, tag)

    def forecast(self) -> Forecast:
        """What all steps of a remote backend would cost. Nothing is sent."""
        assert self.remote is not None
        of_size = {size: self.remote.forecast(self.work(size)) for size in set(self.sizes)}
        each = [of_size[size] for size in self.sizes]
        executions, seconds = sum(one.executions for one in each), sum(one.seconds for one in each)
        return Forecast(self.epochs * executions, self.epochs * seconds, each[0].note, each[0].left_seconds)

    def words(self, told: Forecast) -> str:
        """The forecast in a sentence."""
        left = "" if told.left_seconds is None else f", of {_time(told.left_seconds)} that the account has left"
        return (
            f"training on {self.name}: {self.n_steps:,} jobs, one a step ({self.method}, {self.shots:,} shots), "
            f"{told.executions:,} executions, about {_time(told.seconds)} of the device{left}"
        )


def course(config: RunConfig, components: Components, model: Classifier, n_training: int) -> Course | None:
    """How a run trains step by step; None where autograd finds its way through the backend.

    Args:
        config: the run.
        components: its components.
        model: its classifier; only its shape counts.
        n_training: samples of the training part.

    Raises:
        NotSupported: something was asked that is not built for this way of training.
        UserError: a step is more than the backend takes at once.
    """
    place = components.training
    if place is None or place.asked is None:
        return None
    circuits = learning_circuits(model.branches)
    if not circuits:  # something else stands in the circuits' place
        return None
    _refuse_what_is_not_built(config, components, place.name)
    remote = cast(RemoteBackend, place.asked) if place.asked.capabilities.remote else None
    method = method_of(config.training, circuits, None if remote is None else remote.capabilities.max_rows)
    if remote is not None and config.training.shots > remote.capabilities.max_shots:
        raise UserError(
            f"training.shots is {config.training.shots:,}, but {place.name} takes {remote.capabilities.max_shots:,}."
        )
    for each in circuits:
        place.asked.accept(each.circuit)
    sizes = tuple(batch_sizes(n_training, config.training.batch_size))
    return Course(place.name, place.asked, circuits, method, sizes, config.training.epochs, config.training.shots)


def _refuse_what_is_not_built(config: RunConfig, components: Components, name: str) -> None:
    options, what = config.training, f"training on {name} asks for the values of each step"
    if not components.backbone.frozen:
        raise NotSupported(
            f"{what}, which is built for heads on embeddings that are computed once, but backbone "
            f"{config.backbone.name!r} learns too. Freeze it (--set backbone.frozen=true), or leave training.backend "
            "out."
        )
    for setting, wrong in (
        (f"training.devices={options.devices}", options.devices > 1),
        ("training.mixed_precision=true", options.mixed_precision),
    ):
        if wrong:
            raise NotSupported(f"{what}, in one process and full precision: leave {setting} out.")


def settle(found: Course, home: Path, spending: Spending | None, reporter: Reporter) -> SentTraining:
    """The plan of a training on a remote backend, once it may be carried out; one that is there is gone on with.

    Args:
        found: the training.
        home: the run directory.
        spending: what it may cost; None: nothing that costs.
        reporter: told the forecast.

    Raises:
        UserError: no budget was given, it does not buy one step, or the user does not allow it; nothing was sent.
    """
    folder, spending = home / TRAINING, spending or Spending()
    known, budget = read_training(folder), spending.budget
    if known is not None:
        if budget is not None and budget != known.budget_seconds:
            known = known.model_copy(update={"budget_seconds": budget})
            write_training(folder, known)
        return known
    told = found.forecast()
    offer = found.words(told)
    reporter.note(offer + (f" ({told.note})" if told.note else ""))
    _refuse_unbudgeted(found, offer, told, spending)
    plan = SentTraining(
        version=VERSION,
        salt=uuid.uuid4().hex,
        backend=found.name,
        method=found.method,
        shots=found.shots,
        n_steps=found.n_steps,
        executions=told.executions,
        forecast_seconds=told.seconds,
        budget_seconds=budget,
    )
    write_training(folder, plan)
    return plan


def _refuse_unbudgeted(found: Course, offer: str, told: Forecast, spending: Spending) -> None:
    assert found.remote is not None
    if not spending.wait:
        raise UserError("--no-wait leaves work with the device, but a training needs the values of each step. Nothing "
                        "was sent.")  # fmt: skip
    if not found.remote.capabilities.hardware:  # a fake device costs nothing
        return
    if spending.budget is None:
        raise UserError(
            f"{offer}. Nothing was sent, for a training needs a budget of its own: --budget TIME, such as "
            f"--budget {math.ceil(told.seconds / 60)}m for all of it; it ends before the step that would exceed it."
        )
    first = found.remote.forecast(found.work(found.sizes[0])).seconds
    most = min(math.floor(spending.budget), math.inf if told.left_seconds is None else told.left_seconds)
    if first > most:
        raise UserError(
            f"{offer}. The first step alone would take {first:.3g} s, but {most:.3g} s may be spent. Nothing was sent."
        )
    if spending.allow is None:
        raise UserError(f"{offer}. Nothing was sent, for without a terminal nobody can be asked. Say so with --yes.")
    short = "" if told.seconds <= most else f", of which {_time(most)} may be spent"
    if not spending.allow(f"Start {offer}{short}?"):
        raise UserError("nothing was sent.")


@dataclass
class RemoteSteps:
    """Asks a remote backend for each step, and keeps a journal of it.

    Attributes:
        course: the training.
        plan: what it may cost.
        drive: sends, waits and keeps.
    """

    course: Course
    plan: SentTraining
    drive: Drive
    ended: str = field(default="", init=False)

    def affords(self, step: int, n_samples: int) -> bool:
        """Whether the budget, and what the account has left, buys the step; one that was sent is paid for."""
        journal = self.drive.journal
        if journal.unit(self._tag(step)).event in ("submitting", "submitted", "collected"):
            return True
        told = self.drive.backend.forecast(self.course.work(n_samples))
        spent = journal.spent_seconds()
        left = math.floor(self.drive.budget - spent + _SLACK)
        if told.seconds <= min(left, math.inf if told.left_seconds is None else told.left_seconds):
            return True
        whose = "the budget" if told.seconds > left else "the account"
        self.ended = (
            f"{whose} does not buy step {step + 1:,} of {self.course.n_steps:,}, which would take {told.seconds:.3g} "
            f"s; {spent:.3g} s of {self.drive.budget:.3g} s are spent"
        )
        return False

    def __call__(self, step: int, tasks: tuple[Task, ...]) -> Sequence[Rows]:
        """What the device says; it is waited for."""
        came = self.drive.settle(Work(tasks, self.plan.shots, self._tag(step)))
        assert isinstance(came, Values)
        return came.expectations

    def _tag(self, step: int) -> str:
        # Without the angles: a step that is gone through again after a kill is the same step, also where another
        # machine rounds its last digits otherwise.
        return f"qplug-{hashlib.sha256(f'{self.plan.salt} {step}'.encode()).hexdigest()[:32]}"


@dataclass
class LocalSteps:
    """Asks a backend of this process.

    Attributes:
        course: the training.
    """

    course: Course
    ended: str = field(default="", init=False)

    def affords(self, step: int, n_samples: int) -> bool:
        """Always: it costs nothing but time."""
        return True

    def __call__(self, step: int, tasks: tuple[Task, ...]) -> Sequence[Rows]:
        """What the backend says."""
        with torch.no_grad():
            return [
                np.asarray(
                    self.course.backend(
                        task.circuit, torch.from_numpy(task.encoding), torch.from_numpy(task.weights)
                    ).double()
                )
                for task in tasks
            ]

    def measured(self) -> str:
        """How long all steps take, in a sentence, by one that is taken for that and thrown away."""
        found = self.course
        self(0, found.work(1).tasks)  # compiles the circuits
        began = time.perf_counter()
        self(0, found.work(max(found.sizes)).tasks)
        each = time.perf_counter() - began
        rows = sum(len(task.encoding) for task in found.work(max(found.sizes)).tasks)
        return (
            f"training on {found.name}: {found.n_steps:,} steps ({found.method}, {rows:,} rows of angles) of "
            f"{each:.2g} s each, about {_time(found.n_steps * each)}"
        )


def asked_by(
    found: Course, home: Path, seed: int, plan: SentTraining | None, spending: Spending | None, reporter: Reporter
) -> Asked:
    """Who is asked for the steps of a training.

    Args:
        found: the training.
        home: the run directory.
        seed: of the run.
        plan: what it may cost, where the backend is remote.
        spending: how the device is waited for.
        reporter: told what the device says.
    """
    if found.remote is None or plan is None:
        steps = LocalSteps(found)
        reporter.note(steps.measured())
        return Asked(found.method, steps, seed)
    journal = Journal(home / TRAINING / JOURNAL)
    budget = _UNLIMITED if plan.budget_seconds is None else float(math.floor(plan.budget_seconds))
    drive = Drive(found.remote, journal, home / TRAINING, budget, (spending or Spending()).sleep, reporter.note)
    return Asked(plan.method, RemoteSteps(found, plan, drive), seed)


def rest_of(spending: Spending | None, home: Path) -> Spending | None:
    """What a run that trained on a device may still spend on its evaluation."""
    plan = read_training(home / TRAINING)
    if plan is None or plan.budget_seconds is None or spending is None:
        return spending
    return replace(spending, budget=max(0.0, plan.budget_seconds - Journal(home / TRAINING / JOURNAL).spent_seconds()))


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"
