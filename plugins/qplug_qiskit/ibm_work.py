"""What is sent in which job, and the handle by which another process finds it again."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from qplug.contract.circuit import Circuit
from qplug.contract.errors import DataError
from qplug.contract.interfaces import Work

from .programs import measurable_together

Kind = Literal["sampler", "estimator"]

EXECUTIONS_OF_A_JOB = 10_000_000
"""IBM refuses sampler jobs with more (circuits × shots); estimator jobs are kept as small."""
JOB_SECONDS, EXECUTION_SECONDS = 2.0, 0.00035
"""IBM's rule of thumb for what a job costs, and each of its executions."""


@dataclass(frozen=True)
class Shape:
    """What has to be known of a task to read its results.

    Attributes:
        kind: the primitive that runs it.
        rows: number of rows of angles.
        wires: of each observable.
        bases: in how many bases each row is measured.
    """

    kind: Kind
    rows: int
    wires: tuple[tuple[int, ...], ...]
    bases: int


@dataclass(frozen=True)
class Portion:
    """Rows [start, stop) of a task: one PUB."""

    task: int
    start: int
    stop: int


@dataclass(frozen=True)
class Part:
    """What one job holds."""

    kind: Kind
    portions: tuple[Portion, ...]


@dataclass(frozen=True)
class Handle:
    """Names sent work; all that is needed to fetch it, and nothing secret.

    Attributes:
        jobs: the job of each part.
        device: where they run.
        shots: of each row.
        shapes: of each task.
        tag: of the work.
    """

    jobs: tuple[str, ...]
    device: str
    shots: int
    shapes: tuple[Shape, ...]
    tag: str

    def __str__(self) -> str:
        shapes = [[shape.kind, shape.rows, shape.wires, shape.bases] for shape in self.shapes]
        whole = {"jobs": self.jobs, "device": self.device, "shots": self.shots, "tag": self.tag, "tasks": shapes}
        return json.dumps(whole, separators=(",", ":"))

    @classmethod
    def read(cls, text: str) -> Handle:
        """The handle that ``str`` gave.

        Raises:
            DataError: it is none.
        """
        try:
            whole: dict[str, Any] = json.loads(text)
            shapes = tuple(
                Shape(kind, int(rows), tuple(tuple(map(int, each)) for each in wires), int(bases))
                for kind, rows, wires, bases in whole["tasks"]
            )
            return cls(tuple(whole["jobs"]), whole["device"], int(whole["shots"]), shapes, whole["tag"])
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{text[:60]!r} is no handle of work that the backend ibm sent. Restore jobs.jsonl from a copy."
            ) from error


def shapes_of(work: Work, kinds: Sequence[Kind]) -> tuple[Shape, ...]:
    """What has to be known of each task."""
    return tuple(
        Shape(kind, len(task.encoding), tuple(each.wires for each in task.circuit.observables), bases_of(task.circuit))
        for task, kind in zip(work.tasks, kinds, strict=True)
    )


def bases_of(circuit: Circuit) -> int:
    """In how many bases a circuit has to be measured."""
    return len(measurable_together(circuit.observables))


def twirled_shots(shots: int) -> int:
    """So many shots a twirled row takes: they are dealt to up to 32 variants of a circuit, 64 or more to each."""
    each = max(64, math.ceil(shots / 32))
    return each * math.ceil(shots / each)


def parts_of(shapes: Sequence[Shape], shots: int) -> list[Part]:
    """All tasks in as few jobs as the limits allow: one for each primitive, unless there is too much for one."""
    parts: list[Part] = []
    kinds: tuple[Kind, ...] = ("sampler", "estimator")
    for kind in kinds:
        portions: list[Portion] = []
        room = EXECUTIONS_OF_A_JOB
        for task, shape in enumerate(shapes):
            each, start = twirled_shots(shots) * shape.bases, 0
            while shape.kind == kind and start < shape.rows:
                taken = min(shape.rows - start, room // each)
                if taken == 0 and portions:
                    parts.append(Part(kind, tuple(portions)))
                    portions, room = [], EXECUTIONS_OF_A_JOB
                    continue
                taken = max(taken, 1)
                portions.append(Portion(task, start, start + taken))
                room, start = room - taken * each, start + taken
        if portions:
            parts.append(Part(kind, tuple(portions)))
    return parts
