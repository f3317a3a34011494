"""A JSON file of a run as the type that describes it."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from qplug.contract.errors import DataError
from qplug.lab.config.reading import parse_json
from qplug.lab.runs.digests import refuse_damaged
from qplug.lab.runs.directory import METRICS, RunDirectory
from qplug.lab.runs.run_record import misshapen

_T = TypeVar("_T", bound=BaseModel)


def read_typed(directory: RunDirectory, name: str, shape: type[_T]) -> _T:
    """A file's content.

    Raises:
        DataError: it is missing or damaged; the message names the key.
    """
    where = str(directory.path / name)
    text = directory.read_text(name)
    parse_json(text, where, DataError)  # refuses what no JSON of qplug's holds, before anything looks at it
    try:
        content = shape.model_validate_json(text)
    except ValidationError as error:
        raise misshapen(error, where) or error from None
    if name == METRICS:
        refuse_damaged(directory.path, name)
    return content
