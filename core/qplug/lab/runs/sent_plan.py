"""``plan.json`` and ``angles.npz``: what is sent to a device, settled before anything is, in whatever process.

Where the angles of circuits come from values of others, each stage of circuits is a job of its own. What the plan says
holds for all of them; ``plan-2.json`` and ``angles-2.npz`` are written when the values of the first job are there.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from pydantic import Field, JsonValue

from qplug.atomic import write_atomically
from qplug.circuits.json_text import load
from qplug.contract.errors import DataError
from qplug.contract.interfaces import Task, Work
from qplug.lab.runs.files import json_bytes
from qplug.lab.runs.run_record import Count, Number, Table
from qplug.lab.runs.typed_file import read_versioned

PLAN = "plan.json"
ANGLES = "angles.npz"
VERSION: Literal[1] = 1
_WHAT = "what was to be sent to the device"
_T = TypeVar("_T")


class Flips(Table):
    """What shot noise would do with so many shots of each sample."""

    shots: Count
    flipped: float = Field(description="share of labels that differ from the exact ones")


class SentPlan(Table):
    """What is sent to a device.

    Attributes:
        settings: what of the run's configuration was replaced by what was asked, the backend among it.
        part: which part is judged.
        classes: names of the other data set's classes → the run's, where they differ.
        size: how many samples, with how many shots, were asked for; null: as the budget buys.
        attempt: how often the device was asked the same before.
        samples: ids of the samples, in the order of the rows of angles.
        n_part: how many samples the part has.
        shots: of each sample.
        seed: drew the samples.
        budget_seconds: what all attempts together may take.
        forecast_seconds: what one attempt is thought to take.
        executions: circuits × rows × samples × shots.
        facts: of the device and the compiled circuits, as the backend told them before.
        tag: names the work in the journal and at the device.
        expected_flipped: the share of labels that these shots were thought to change.
        n_thought: over how many samples of the part that share and ``curve`` are; null in older plans.
        curve: what shot noise would do to labels.
        circuits: as JSON text, one for each with a read-out, those of the backbone first.
        rows: how often each of them is run for a sample; empty: once.
        stages: the job in which each circuit is sent, 1 the first; empty: all in one.
        stage_seconds: what each of these jobs is thought to take; empty: there is one.
        angles_sha256: of ``angles.npz``, which holds the angles of later jobs too, as exact values would give them.
    """

    version: Literal[1]
    settings: dict[str, JsonValue]
    part: Literal["test", "validation"]
    classes: dict[str, str] = Field(default={}, description="theirs to the run's")
    size: tuple[Count | None, Count | None] = (None, None)
    attempt: Count = 0
    samples: tuple[str, ...]
    n_part: Count
    shots: Count
    seed: int
    budget_seconds: float
    forecast_seconds: Number
    executions: Count
    facts: dict[str, JsonValue] = Field(default={}, description="as the backend tells them")
    tag: str
    expected_flipped: Number = None
    n_thought: Count | None = None
    curve: tuple[Flips, ...] = ()
    circuits: tuple[str, ...]
    rows: tuple[Count, ...] = ()
    stages: tuple[Count, ...] = ()
    stage_seconds: tuple[float, ...] = ()
    angles_sha256: str

    @property
    def n_stages(self) -> int:
        """How many jobs are sent, one after the other."""
        return max(self.stages, default=1)

    @property
    def stage_of_each(self) -> tuple[int, ...]:
        """The job in which each circuit is sent."""
        return self.stages or (1,) * len(self.circuits)

    def circuits_of(self, stage: int) -> tuple[int, ...]:
        """The circuits that are sent in one job, by number, 0 the first."""
        return tuple(number for number, each in enumerate(self.stage_of_each) if each == stage)

    def in_order(self, of_stages: Sequence[Iterable[_T]]) -> tuple[_T, ...]:
        """What there is of the circuits of each job, in the order of all circuits."""
        each = [iter(stage) for stage in of_stages]
        return tuple(next(each[stage - 1]) for stage in self.stage_of_each)

    def seconds_behind(self, stage: int) -> float:
        """What the jobs behind one are to be left, in whole seconds each."""
        return float(sum(math.ceil(each) for each in self.stage_seconds[stage:]))

    @property
    def n_rows(self) -> int:
        """How many rows of angles are sent, over all circuits."""
        return len(self.samples) * sum(self.rows or (1,) * len(self.circuits))

    @property
    def backend(self) -> dict[str, Any]:
        """Name and parameters of the backend."""
        found = self.settings.get("backend")
        return dict(found) if isinstance(found, dict) else {}


class SentStage(Table):
    """What is sent in a later job.

    Attributes:
        stage: 2 is the second.
        tag: names the work in the journal and at the device.
        given_sha256: of the file of each job's values, that the angles were computed with.
        angles_sha256: of ``angles-2.npz``.
    """

    version: Literal[1]
    stage: Count
    tag: str
    given_sha256: tuple[str, ...]
    angles_sha256: str


@dataclass(frozen=True)
class Sent:
    """A plan with the angles of one job.

    Attributes:
        plan: what is sent.
        work: circuits, angles, shots and tag.
    """

    plan: SentPlan
    work: Work


def stage_file(name: str, stage: int) -> str:
    """What the file is called that is ``plan.json`` or ``angles.npz`` for the first job."""
    return name if stage == 1 else f"-{stage}.".join(name.split("."))


def pack_angles(tasks: Mapping[int, Task]) -> bytes:
    """The angles of circuits, by number, as a file."""
    file = io.BytesIO()
    arrays = {f"encoding/{number}": task.encoding for number, task in tasks.items()}
    arrays |= {f"weights/{number}": task.weights for number, task in tasks.items()}
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def write_plan(folder: Path, plan: SentPlan, angles: bytes) -> None:
    """Writes angles and plan, the plan last: where it stands, all stands that sending needs."""
    write_atomically(folder / ANGLES, angles)
    write_atomically(folder / PLAN, json_bytes(plan.model_dump(mode="json", exclude_unset=True)))


def read_plan(folder: Path) -> SentPlan:
    """The plan in an evaluation's folder.

    Raises:
        DataError: it is missing, damaged or of a newer version.
    """
    plan = read_versioned(folder / PLAN, SentPlan, VERSION, "plans", what=_WHAT)
    if plan is None:
        raise DataError(f"{folder / PLAN}, {_WHAT}, is missing.")
    return plan


def write_stage(folder: Path, stage: SentStage, angles: bytes) -> None:
    """Writes the angles of a later job and what is to be known of it, that last."""
    write_atomically(folder / stage_file(ANGLES, stage.stage), angles)
    write_atomically(folder / stage_file(PLAN, stage.stage), json_bytes(stage.model_dump(mode="json")))


def read_stage(folder: Path, stage: int) -> SentStage | None:
    """What is known of a later job; None if the values that it is made of are not there yet.

    Raises:
        DataError: it is damaged or of a newer version.
    """
    path = folder / stage_file(PLAN, stage)
    return read_versioned(path, SentStage, VERSION, "plans", what=_WHAT)


def read_tags(folder: Path) -> tuple[str, ...]:
    """The tag of each job of a plan; empty of one that is not made yet.

    Raises:
        DataError: the plan is missing or damaged.
    """
    plan = read_plan(folder)
    later = (read_stage(folder, stage) for stage in range(2, plan.n_stages + 1))
    return (plan.tag, *("" if each is None else each.tag for each in later))


def read_sent(folder: Path, stage: int = 1) -> Sent:
    """The plan in an evaluation's folder, with the circuits and angles of one job.

    Raises:
        DataError: either is missing or damaged.
    """
    plan = read_plan(folder)
    if stage == 1:
        tag, sha256 = plan.tag, plan.angles_sha256
    elif (later := read_stage(folder, stage)) is not None:
        tag, sha256 = later.tag, later.angles_sha256
    else:
        raise DataError(f"{folder / stage_file(PLAN, stage)}, {_WHAT}, is missing.")
    numbers = plan.circuits_of(stage)
    tasks = read_angles(
        folder / stage_file(ANGLES, stage), sha256, {number: plan.circuits[number] for number in numbers}
    )
    return Sent(plan, Work(tasks, plan.shots, tag))


def read_angles(path: Path, sha256: str, circuits: Mapping[int, str]) -> tuple[Task, ...]:
    """The angles of some circuits.

    Args:
        path: the file.
        sha256: of its content.
        circuits: as JSON text, by number.

    Raises:
        DataError: it is missing or damaged.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}, the angles that were to be sent, cannot be read: {error.strerror}.") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DataError(f"{path}, the angles that were to be sent, is damaged. Restore it from a copy.")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return tuple(
            Task(load(circuit), arrays[f"encoding/{number}"], arrays[f"weights/{number}"])
            for number, circuit in circuits.items()
        )
