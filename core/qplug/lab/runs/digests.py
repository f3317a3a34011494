"""``digests.json``: the SHA-256 of every file of a run, by which damage is told from what the run wrote."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from qplug.atomic import write_atomically
from qplug.contract.errors import DataError
from qplug.lab.config.reading import parse_json, read_text

DIGESTS = "digests.json"

State = Literal["good", "damaged", "missing"]
"""How a file was found."""


def digest(content: bytes) -> str:
    """SHA-256 (hex)."""
    return hashlib.sha256(content).hexdigest()


def read_digests(folder: Path) -> dict[str, str]:
    """The SHA-256 (hex) of each file that was written into a run's folder, by name; empty for a run without any.

    Raises:
        DataError: the record itself is damaged.
    """
    path = folder / DIGESTS
    try:
        content = parse_json(read_text(path), str(path), DataError)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    if not isinstance(content, Mapping) or not all(isinstance(value, str) for value in content.values()):
        raise DataError(f"{path} is damaged: it is no table of digests.")
    return dict(content)


def add_digests(folder: Path, digests: Mapping[str, str]) -> None:
    """Adds to the record; one that was damaged begins anew, because writing must not fail for it.

    Raises:
        UserError: the folder may not be written to, or the disk is full.
    """
    try:
        before = read_digests(folder)
    except DataError:
        before = {}
    digests = {**before, **digests}
    write_atomically(folder / DIGESTS, (json.dumps(digests, indent=1, sort_keys=True) + "\n").encode())


def digest_of_file(path: Path) -> str | None:
    """SHA-256 (hex) of a file's content; None where there is none.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


def states_of_files(folder: Path) -> dict[str, State]:
    """How each file of a run that has a digest was found, by name.

    Raises:
        DataError: the record of digests itself is damaged.
    """
    return {name: _state(folder / name, wanted) for name, wanted in sorted(read_digests(folder).items())}


def _state(path: Path, wanted: str) -> State:
    try:
        found = digest_of_file(path)
    except DataError:
        return "damaged"
    return "missing" if found is None else "good" if found == wanted else "damaged"


def refuse_damaged(folder: Path, name: str, content: bytes | None = None) -> None:
    """Refuses a file that is not what the run wrote; one that is missing, or of which nothing is recorded, passes.

    Args:
        folder: the run's.
        name: of the file.
        content: what it holds, where that is known already.

    Raises:
        DataError: the message names the file.
    """
    wanted = read_digests(folder).get(name)
    if wanted is None:
        return
    found = digest_of_file(folder / name) if content is None else digest(content)
    if found not in (wanted, None):
        raise DataError(
            f"{folder / name} is damaged: its content is not what the run wrote (see {DIGESTS} beside it). "
            "Put it back from a copy, or run again."
        )
