"""The options at the top of ``run.toml``, said once: what they may be, and what they are by default."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from qplug.lab.config.ablation import Ablation


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What a run is told beside its components.

    Attributes:
        seed: decides everything random: initial weights, data order, held-out parts.
        split: name of the split; None for the data set's default.
        fold: the fold that is the test part, in splits that have folds; None for the first.
        device: torch device, or ``"auto"`` for CUDA where there is one.
        threads: CPU threads of one tensor operation; None: chosen by the size of a batch.
        data_dir: where the data set's files are; None for the default place.
        on_bad_file: whether a file that cannot be used ends the run or is left out of it.
        allow_leak: go on where a group stands in two parts, and stamp the results LEAKY.
        smoke: run on generated example files in the data set's official layout, to see that everything works.
        recipe: the recipe that it started from, for the record.
        ablation: what stands in the place of the circuits, one of ``ABLATIONS``; None: the circuits themselves.
    """

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    split: str | None = None
    fold: Annotated[int, Field(ge=0)] | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    data_dir: Path | None = None
    on_bad_file: Literal["refuse", "skip"] = "refuse"
    allow_leak: bool = False
    smoke: bool = False
    recipe: str | None = None
    ablation: Ablation | None = None


OPTIONS = tuple(entry.name for entry in fields(RunOptions))
"""Their names."""
