"""``record.json``, written in one place and read in one, without torch and without any plugin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from qplug.contract.errors import DataError
from qplug.lab.config.reading import parse_json
from qplug.lab.config.shape import refuse_misshapen
from qplug.lab.runs.digests import refuse_damaged
from qplug.lab.runs.directory import METRICS, RECORD, RunDirectory
from qplug.lab.runs.first_version import read_first_version
from qplug.lab.runs.run_record import VERSION, MissingKey, RunRecord, misshapen
from qplug.lab.runs.typed_file import refuse_newer, validated


def write_record(directory: RunDirectory, record: RunRecord) -> Path:
    """Writes a run's record, last of all its files: a run that has it is finished."""
    return directory.write_json(RECORD, record.model_dump(mode="json", exclude_unset=True))


def read_record(path: Path | str) -> RunRecord:
    """The record of a finished run, also of one that an older version wrote.

    Args:
        path: the run directory.

    Raises:
        UserError: there is no such run, or it is not finished.
        DataError: a newer version wrote it, or it is damaged; the message names the key.
    """
    directory = RunDirectory.open(Path(path))
    directory.require_finished("it has no record")
    if not (directory.path / RECORD).is_file():
        return read_first_version(directory)
    where = str(directory.path / RECORD)
    text = directory.read_text(RECORD)
    refuse_other_version(parse_json(text, where, DataError), where)
    record = validated(text, where, RunRecord)
    refuse_misshapen(record.configuration, f"{where}, configuration")
    refuse_damaged(directory.path, RECORD)
    return record


@dataclass(frozen=True)
class Glance:
    """The few facts of a finished run that a list of thousands shows.

    Attributes:
        test: the metrics of its test part that are single numbers.
        stamps: what everything that shows the run must say.
        has_circuits: whether the test part was judged on a backend; None if nothing tells.
    """

    test: Mapping[str, float] = field(default_factory=dict)
    stamps: tuple[str, ...] = ()
    has_circuits: bool | None = None


class _JudgementGlance(BaseModel):
    part: str
    backend: str | None
    scores: dict[str, Any]


class _Glance(BaseModel):
    version: int
    judgements: list[_JudgementGlance]
    stamps: list[str]


def glance_at_record(directory: RunDirectory) -> Glance:
    """What a list of runs shows of the record; the rest is not looked at.

    Raises:
        DataError: a newer version wrote the record, or it is damaged.
    """
    text = directory.read_text(RECORD)
    try:
        seen = _Glance.model_validate_json(text)  # several times as fast as a look at every value
    except ValidationError as error:
        refuse_other_version(parse_json(text, RECORD, DataError), RECORD)
        raise misshapen(error, RECORD) or error from None
    refuse_other_version({"version": seen.version}, RECORD)
    test = next((judgement for judgement in seen.judgements if judgement.part == "test"), None)
    if test is None:
        return Glance(stamps=tuple(seen.stamps))
    numbers = {name: value for name, value in test.scores.items() if isinstance(value, int | float)}
    return Glance(numbers, tuple(seen.stamps), test.backend is not None)


def refuse_other_version(content: Any, where: str) -> None:
    """Refuses a record that this version of qplug cannot read.

    Raises:
        DataError: the message names both versions, or what stands in place of one.
    """
    if not isinstance(content, dict):
        raise DataError(f"{where} is damaged: it holds no table.")
    if "version" not in content:
        missing = MissingKey(f"{where} is damaged: it lacks version.")
        missing.key = "version"
        raise missing
    version = content["version"]
    if not isinstance(version, int) or isinstance(version, bool) or version < VERSION:
        raise DataError(f"{where} is damaged: version is {str(version)[:80]!r}; records have version {VERSION}.")
    refuse_newer(content, where, VERSION, "records")


def record_name(directory: RunDirectory) -> str:
    """The name of the file that holds a finished run's record."""
    return RECORD if (directory.path / RECORD).is_file() else METRICS
