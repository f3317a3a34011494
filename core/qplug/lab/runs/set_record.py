"""What a set of runs says of itself: ``SetRecord``, the content of ``set.json``, and what its runs came to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue

from qplug.contract.errors import DataError
from qplug.lab.config.reading import parse_json
from qplug.lab.config.shape import refuse_misshapen
from qplug.lab.config.toml import full_hash
from qplug.lab.runs.directory import SET, SUMMARY, RunDirectory
from qplug.lab.runs.record_file import read_record
from qplug.lab.runs.run_record import Code, Count, Number, Table
from qplug.lab.runs.typed_file import read_typed, refuse_newer, validated

VERSION: Literal[1] = 1
"""The version of the sets that are written."""
CELLS = "cells"
"""Folder, in that of a set, of its runs: one folder each, named by the SHA-256 of the run's configuration."""


class ArmRecord(Table):
    """What some runs of a set share: all but seed and fold."""

    name: str = Field(description="the head, as it was asked for")
    settings: dict[str, JsonValue] = Field(description="the tables of run.toml without seed, fold and folder")
    code: dict[str, Code] = Field(description="the code of each part when the set was begun")


class CellRecord(Table):
    """One run of a set."""

    key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    arm: Count = Field(description="which of the arms, from 0")
    seed: Count
    fold: Count | None = None

    @property
    def folder(self) -> str:
        """Its folder, relative to that of the set."""
        return f"{CELLS}/{self.key}"


class SetRecord(Table):
    """Which runs make a set.

    Attributes:
        data_dir: where the data set lay when the set was begun, for people and for ``qplug resume``; None if it needs
            no folder. Nothing depends on it.
    """

    version: Literal[1]
    dataset: str
    arms: Annotated[tuple[ArmRecord, ...], Field(min_length=1)]
    cells: Annotated[tuple[CellRecord, ...], Field(min_length=1)]
    data_dir: str | None = None

    def settings(self, cell: CellRecord) -> dict[str, Any]:
        """The configuration of a run, as in its ``run.toml``; without the folder of its data."""
        fold = {} if cell.fold is None else {"fold": cell.fold}
        return {**self.arms[cell.arm].settings, "seed": cell.seed, **fold}

    def called(self, cell: CellRecord) -> str:
        """A run by what tells it from the others."""
        name = [self.arms[cell.arm].name] if len(self.arms) > 1 else []
        seeds = [f"seed {cell.seed}"] if len({each.seed for each in self.cells}) > 1 else []
        fold = [] if cell.fold is None else [f"fold {cell.fold}"]
        return ", ".join([*name, *seeds, *fold]) or f"seed {cell.seed}"


class ArmSummary(Table):
    """What the runs of an arm came to: mean, standard deviation and count."""

    model_config = Table.model_config | {"extra": "ignore"}

    name: str
    n_runs: Count
    test: dict[str, Number]
    test_sd: dict[str, Number]
    validation: dict[str, Number]
    validation_sd: dict[str, Number]


class SetSummary(Table):
    """What is read again of ``summary.json``; it holds what ``qplug run --json`` printed at the end of the set."""

    model_config = Table.model_config | {"extra": "ignore"}

    arms: Annotated[tuple[ArmSummary, ...], Field(min_length=1)]
    stamps: tuple[str, ...]


def _consistent(record: SetRecord, where: str) -> None:
    keys = [cell.key for cell in record.cells]
    if len(set(keys)) != len(keys):
        raise DataError(f"{where} is damaged: two of its runs have the same key.")
    for cell in record.cells:
        if cell.arm >= len(record.arms):
            raise DataError(f"{where} is damaged: run {cell.key} is of arm {cell.arm}; there are {len(record.arms)}.")
        if full_hash(record.settings(cell)) != cell.key:
            raise DataError(f"{where} is damaged: the settings of run {cell.key} are not those that it is named by.")


def read_set(path: Path) -> SetRecord:
    """The record of a set.

    Args:
        path: its folder.

    Raises:
        DataError: it is damaged, or a newer version wrote it.
    """
    where, text = str(path / SET), RunDirectory(path).read_text(SET)
    refuse_newer(parse_json(text, where, DataError), where, VERSION, "sets")
    record = validated(text, where, SetRecord)
    for arm in record.arms:
        refuse_misshapen(arm.settings, where)
    _consistent(record, where)
    return record


def read_summary(path: Path) -> SetSummary:
    """What a finished set came to.

    Raises:
        DataError: it is damaged.
    """
    return read_typed(RunDirectory(path), SUMMARY, SetSummary)


def summaries_of(path: Path, record: SetRecord) -> list[dict[str, Any]]:
    """The summary of each run of a finished set, in order, with its folder relative to the set's."""
    return [read_record(path / cell.folder).summary(cell.folder) for cell in record.cells]
