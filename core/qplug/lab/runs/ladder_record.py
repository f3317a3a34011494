"""``evaluations/ladder.json``: a run judged in steps from exact values to a device."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from qplug.lab.runs.run_record import Count, Number, Table
from qplug.lab.runs.typed_file import read_versioned

LADDER = "ladder.json"
VERSION: Literal[1] = 1
Rung = Literal["exact", "shots", "modelled noise", "device"]
"""The steps, in their order."""


class StepOfLadder(Table):
    """One step.

    Attributes:
        thought: the accuracy that was thought to come out, before the step.
        label_agreement: with the exact labels; null on the first step.
        evaluation: the folder, beside the ladder, of all that came out.
    """

    step: Rung
    backend: str
    device: str | None = None
    fake: bool = False
    accuracy: float
    interval: tuple[float, float] = Field(description="95 % Wilson interval")
    thought: float
    label_agreement: Number = None
    evaluation: str


class LadderRecord(Table):
    """All steps, on the same samples."""

    version: Literal[1]
    part: Literal["test", "validation"]
    n_samples: Count
    shots: Count
    steps: tuple[StepOfLadder, ...]
    sentence: str = Field(description="which step lost what")


def read_ladder(folder: Path) -> LadderRecord | None:
    """The ladder in a run's folder ``evaluations``; None if it has none.

    Raises:
        DataError: it is damaged or of a newer version.
    """
    return read_versioned(folder / LADDER, LadderRecord, VERSION, "ladders")
