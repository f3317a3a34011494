"""``plan.toml``: which cells a comparison consists of, each addressed by all that decides its numbers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import Field, JsonValue

from qplug.atomic import write_atomically
from qplug.contract.errors import DataError, UserError
from qplug.lab.comparison.outcome import CircuitCost
from qplug.lab.comparison.request import Request
from qplug.lab.config.reading import parse_toml, read_text
from qplug.lab.config.shape import refuse_misshapen
from qplug.lab.runs.run_record import Code, Count, Table
from qplug.lab.runs.typed_file import refuse_newer, validated

VERSION: Literal[1] = 1
PLAN = "plan.toml"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class PlannedArm(Table):
    """One classifier that is compared with others: a configuration without seed and fold."""

    name: str
    description: str
    role: Literal["asked", "baseline", "ablation"]
    of: str = Field(default="", description="of an ablation: the arm whose circuit is rewritten")
    ablation: str = ""
    quantum: bool
    together: bool = Field(default=False, description="whether seeds may train in one pass, behind a frozen backbone")
    n_parameters: Count = Field(description="that training changes")
    settings: dict[str, JsonValue] = Field(description="the tables of run.toml without seed, fold and folder")
    code: dict[str, Code] = Field(description="the code of each part")
    versions: dict[str, str] = Field(description="of the packages that this code imports")
    circuit: CircuitCost | None = None

    @property
    def prepares(self) -> str:
        """What features and embeddings depend on: arms that share it share these."""
        kept = {key: self.settings.get(key) for key in ("dataset", "features", "backbone", "smoke")}
        return json.dumps(kept, sort_keys=True)


class PlannedSplit(Table):
    """One division of the samples, which all arms share."""

    seed: Count
    fold: Count | None = None
    hash: Sha256
    n_train: Count
    n_test: Count


class PlannedDataSet(Table):
    """A data set with its arms and splits.

    Attributes:
        data: SHA-256 of the samples' content, labels and groups.
        left_out: why an arm cannot be run here, by its name.
        data_dir: where it lay when it was planned, for people and ``qplug resume``; nothing depends on it.
    """

    name: str
    data: Sha256
    classes: tuple[str, ...]
    n_samples: Count
    split: str
    description: str
    official: bool
    leak: str = ""
    stamps: tuple[str, ...] = ()
    arms: tuple[PlannedArm, ...]
    splits: Annotated[tuple[PlannedSplit, ...], Field(min_length=1)]
    left_out: dict[str, str] = Field(default={})
    data_dir: str = ""


@dataclass(frozen=True)
class PlannedCell:
    """One run of a comparison."""

    key: str
    data_set: PlannedDataSet
    arm: PlannedArm
    split: PlannedSplit

    def settings(self) -> dict[str, Any]:
        """The configuration of the run; without the folder of its data."""
        fold = {} if self.split.fold is None else {"fold": self.split.fold}
        return {**self.arm.settings, "seed": self.split.seed, **fold}

    @property
    def name(self) -> str:
        """What tells it from the others, for people."""
        fold = "" if self.split.fold is None else f", fold {self.split.fold}"
        return f"{self.data_set.name}: {self.arm.name}, seed {self.split.seed}{fold}"


class ComparisonPlan(Table):
    """All cells of a comparison."""

    version: Literal[1]
    request: Request
    data_sets: Annotated[tuple[PlannedDataSet, ...], Field(min_length=1)]

    @cached_property
    def cells(self) -> tuple[PlannedCell, ...]:
        """All cells, always in the same order: by data set, arm, and split."""
        return tuple(self._cells())

    def _cells(self) -> Iterator[PlannedCell]:
        for data_set in self.data_sets:
            for arm in data_set.arms:
                for split in data_set.splits:
                    yield PlannedCell(_key(self.request, data_set, arm, split), data_set, arm, split)


def _key(request: Request, data_set: PlannedDataSet, arm: PlannedArm, split: PlannedSplit) -> str:
    """SHA-256 (hex) of all that decides a cell's numbers, the kind of device (in the settings) included."""
    decides = {
        "settings": {key: value for key, value in arm.settings.items() if key not in ("data_dir", "recipe")},
        "seed": split.seed,
        "fold": split.fold,
        "split": split.hash,
        "data": data_set.data,
        "code": {place: code.sha256 for place, code in arm.code.items()},
        "versions": arm.versions,
        "trials": request.trials,
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


def write_plan(folder: Path, plan: ComparisonPlan) -> Path:
    """Writes a comparison's plan into its folder."""
    head = "# A comparison: which cells, with all that decides their numbers. Carry it out: qplug compare plan.toml\n\n"
    content = plan.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    write_atomically(folder / PLAN, (head + tomli_w.dumps(content)).encode())
    return folder / PLAN


def read_plan(folder: Path) -> ComparisonPlan:
    """The plan in a comparison's folder.

    Raises:
        UserError: there is none.
        DataError: it is damaged, or a newer version wrote it.
    """
    path = folder / PLAN
    if not path.is_file():
        raise UserError(f"{folder} holds no comparison: it has no {PLAN}. All comparisons: qplug compare --list")
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    content = parse_toml(text, str(path), DataError)
    refuse_newer(content, str(path), VERSION, "plans of comparisons")
    plan = validated(json.dumps(content, default=str), str(path), ComparisonPlan)
    for data_set in plan.data_sets:
        for arm in data_set.arms:
            refuse_misshapen(arm.settings, str(path))
    keys = [cell.key for cell in plan.cells]
    if len(set(keys)) != len(keys):
        raise DataError(f"{path} is damaged: two of its cells are the same.")
    return plan


def is_comparison(folder: Path) -> bool:
    """Whether a folder holds a comparison."""
    return (folder / PLAN).is_file()
