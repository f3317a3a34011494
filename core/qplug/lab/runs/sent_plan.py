"""``plan.json`` and ``angles.npz``: what is sent to a device, settled before anything is, in whatever process."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, JsonValue

from qplug.atomic import write_atomically
from qplug.circuits.json_text import load
from qplug.contract.errors import DataError
from qplug.contract.interfaces import Task, Work
from qplug.lab.config.reading import parse_json, read_text
from qplug.lab.runs.files import json_bytes
from qplug.lab.runs.run_record import Count, Number, Table
from qplug.lab.runs.typed_file import refuse_newer, validated

PLAN = "plan.json"
ANGLES = "angles.npz"
VERSION: Literal[1] = 1


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
        curve: what shot noise would do to labels.
        circuits: as JSON text, one for each with a read-out, those of the backbone first.
        rows: how often each of them is run for a sample; empty: once.
        angles_sha256: of ``angles.npz``.
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
    curve: tuple[Flips, ...] = ()
    circuits: tuple[str, ...]
    rows: tuple[Count, ...] = ()
    angles_sha256: str

    @property
    def n_rows(self) -> int:
        """How many rows of angles are sent, over all circuits."""
        return len(self.samples) * sum(self.rows or (1,) * len(self.circuits))

    @property
    def backend(self) -> dict[str, Any]:
        """Name and parameters of the backend."""
        found = self.settings.get("backend")
        return dict(found) if isinstance(found, dict) else {}


@dataclass(frozen=True)
class Sent:
    """A plan with its angles.

    Attributes:
        plan: what is sent.
        work: circuits, angles, shots and tag.
    """

    plan: SentPlan
    work: Work


def pack_angles(tasks: Sequence[Task]) -> bytes:
    """The angles of all circuits, as a file."""
    file = io.BytesIO()
    arrays = {f"encoding/{number}": task.encoding for number, task in enumerate(tasks)}
    arrays |= {f"weights/{number}": task.weights for number, task in enumerate(tasks)}
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
    path = folder / PLAN
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}, what was to be sent to the device, cannot be read: {error}.") from error
    refuse_newer(parse_json(text, str(path), DataError), str(path), VERSION, "plans")
    return validated(text, str(path), SentPlan)


def read_sent(folder: Path) -> Sent:
    """The plan in an evaluation's folder, with its circuits and angles.

    Raises:
        DataError: either is missing or damaged.
    """
    plan, path = read_plan(folder), folder / ANGLES
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}, the angles that were to be sent, cannot be read: {error.strerror}.") from error
    if hashlib.sha256(content).hexdigest() != plan.angles_sha256:
        raise DataError(f"{path}, the angles that were to be sent, is damaged. Restore it from a copy.")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        tasks = tuple(
            Task(load(circuit), arrays[f"encoding/{number}"], arrays[f"weights/{number}"])
            for number, circuit in enumerate(plan.circuits)
        )
    return Sent(plan, Work(tasks, plan.shots, plan.tag))
