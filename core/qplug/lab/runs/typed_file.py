"""A JSON file of a run as the type that describes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from qplug import installation
from qplug.contract.errors import DataError
from qplug.lab.config.reading import parse_json, read_text
from qplug.lab.runs.digests import refuse_damaged
from qplug.lab.runs.directory import METRICS, RunDirectory
from qplug.lab.runs.run_record import misshapen
from qplug.version import __version__

_T = TypeVar("_T", bound=BaseModel)


def validated(text: str, where: str, shape: type[_T]) -> _T:
    """A JSON text as its type.

    Raises:
        DataError: it is not of that shape; the message names the key.
    """
    try:
        return shape.model_validate_json(text)
    except ValidationError as error:
        raise misshapen(error, where) or error from None


def refuse_newer(content: Any, where: str, known: int, what: str) -> None:
    """Refuses what a newer qplug wrote.

    Args:
        content: what the file holds.
        where: the file.
        known: the newest version that is read.
        what: what versions are counted of, such as ``records``.

    Raises:
        DataError: the message names both versions.
    """
    version = content.get("version") if isinstance(content, dict) else None
    if isinstance(version, int) and version > known:
        raise DataError(
            f"{where} has version {version} of {what}, which a newer qplug wrote; qplug {__version__} reads up to "
            f"version {known}. Update it with: {installation.upgrade()}"
        )


def read_versioned(path: Path, shape: type[_T], known: int, versions_of: str, *, what: str = "") -> _T | None:
    """The content of a file that counts its versions; None if there is none.

    Args:
        path: the file.
        shape: what it holds.
        known: the newest version that is read.
        versions_of: what versions are counted of, such as ``plans``.
        what: what it is for people, said behind its name where it cannot be read.

    Raises:
        DataError: it is damaged or of a newer version.
    """
    try:
        text = read_text(path)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}{f', {what},' if what else ''} cannot be read: {error}.") from error
    refuse_newer(parse_json(text, str(path), DataError), str(path), known, versions_of)
    return validated(text, str(path), shape)


def read_typed(directory: RunDirectory, name: str, shape: type[_T]) -> _T:
    """A file's content.

    Raises:
        DataError: it is missing or damaged; the message names the key.
    """
    where = str(directory.path / name)
    text = directory.read_text(name)
    parse_json(text, where, DataError)  # refuses what no JSON of qplug's holds, before anything looks at it
    content = validated(text, where, shape)
    if name == METRICS:
        refuse_damaged(directory.path, name)
    return content
