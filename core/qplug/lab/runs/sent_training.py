"""``training/plan.json``: what a training on a remote backend may cost, settled before its first step is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from qplug.atomic import write_atomically
from qplug.contract.errors import DataError
from qplug.lab.config.reading import parse_json, read_text
from qplug.lab.runs.files import json_bytes
from qplug.lab.runs.run_record import Count, Table
from qplug.lab.runs.sent_plan import PLAN
from qplug.lab.runs.typed_file import refuse_newer, validated

VERSION: Literal[1] = 1


class SentTraining(Table):
    """What a training sends to a device: one unit of work a step.

    Attributes:
        salt: tells its steps from those of any other training.
        backend: the name of the backend that is asked.
        method: how gradients come about, ``shift`` or ``spsa``.
        shots: of each row.
        n_steps: how many there are, each one job.
        executions: of all steps.
        forecast_seconds: of the device, of all steps.
        budget_seconds: what all steps together may take; null: as long as they like, where nothing is charged.
    """

    version: Literal[1]
    salt: str
    backend: str
    method: Literal["shift", "spsa"]
    shots: Count
    n_steps: Count
    executions: Count
    forecast_seconds: float
    budget_seconds: float | None = Field(default=None, description="null where nothing is charged")


def write_training(folder: Path, plan: SentTraining) -> None:
    """Writes the plan; the folder is made."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / PLAN, json_bytes(plan.model_dump(mode="json")))


def read_training(folder: Path) -> SentTraining | None:
    """The plan; None where nothing was settled yet.

    Raises:
        DataError: it is damaged or of a newer version.
    """
    path = folder / PLAN
    if not path.is_file():
        return None
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}, what a training may cost, cannot be read: {error}.") from error
    refuse_newer(parse_json(text, str(path), DataError), str(path), VERSION, "plans")
    return validated(text, str(path), SentTraining)
