"""What leaves the machine: without its folders, and without what opens an account."""

from __future__ import annotations

import io
import json
import os
import re
import tomllib
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qplug.contract.addresses import redacted
from qplug.contract.errors import UserError

REPLACED = "LEFT-OUT"
"""Stands where a folder of the machine stood."""
_TEXT = (".toml", ".json", ".csv", ".jsonl", ".qasm")
_DATA_DIR = re.compile(r'("?\bdata_dir"?\s*[:=]\s*)"((?:[^"\\]|\\.)+)"')
_PATH = re.compile(
    r"(?<![\w:/.*\\-])(?:/(?:[^\s/'\"<>\\,;|]+/)+[^\s/'\"<>\\,;|]*|[A-Za-z]:(?:\\{1,2}[^\s\\'\"<>,;|]+)+)"
)
_HIDDEN_IN_VARIABLES = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY", re.IGNORECASE)
_BEARER = re.compile(rb"(?i)\b(?:bearer|apikey)[ =:]+[\w.~+/-]{8,}")
_SHORTEST = 8
"""Shorter values of variables are words that stand anywhere."""


@dataclass(frozen=True)
class Cleaned:
    """A file as it is handed over.

    Attributes:
        content: its bytes.
        changes: what was replaced in it, in words; empty if nothing was.
    """

    content: bytes
    changes: tuple[str, ...] = ()


def cleaned(name: str, content: bytes, folders: Iterable[str]) -> Cleaned:
    """A file without the folders of this machine, and without passwords in addresses.

    Args:
        name: the file's path; what is no text stays as it is.
        content: its bytes.
        folders: absolute paths that stand for themselves, also with blanks in them.
    """
    if not name.endswith(_TEXT):
        return Cleaned(content)
    text = before = content.decode("utf-8")
    text = _DATA_DIR.sub(rf'\g<1>"{REPLACED}"', text)
    changes = ["data_dir"] if text != before else []
    without = text
    for folder in sorted(folders, key=len, reverse=True):
        without = without.replace(folder, REPLACED)
    without = _PATH.sub(REPLACED, without)
    changes += ["folders of the machine"] if without != text else []
    hidden = redacted(without)
    changes += ["passwords and queries in addresses"] if hidden != without else []
    return Cleaned(hidden.encode(), tuple(changes))


def folders_named(contents: Mapping[str, bytes], folder: Path) -> set[str]:
    """The absolute paths that are known: of the folder, of the user, and of the data."""
    found = {str(folder.resolve()), str(folder.resolve().parent), str(Path.home())}
    for name, content in contents.items():
        if name.endswith((".toml", ".json")):
            for match in _DATA_DIR.finditer(content.decode("utf-8", "replace")):
                found |= {match[2]} if Path(match[2]).is_absolute() else set()
    return {path for path in found if len(Path(path).parts) > 2}


def refuse_changed_settings(name: str, before: bytes, after: bytes) -> None:
    """Refuses to hand over several runs whose settings, by which they are named, would be others.

    Raises:
        UserError: the message names the setting.
    """
    changed = [key for key, value in _settings(name, before) if (key, value) not in set(_settings(name, after))]
    if changed:
        raise UserError(
            f"{name} names a folder or an address in {changed[0]}, which is left out of a capsule, and its runs are "
            "named by their settings. Nothing was written. Pack the runs one by one, where there are any."
        )


def has_changed_settings(before: bytes, after: bytes) -> bool:
    """Whether a ``run.toml`` differs in more than the folder of its data."""
    return dict(_settings("run.toml", before)) != dict(_settings("run.toml", after))


def _settings(name: str, content: bytes) -> list[tuple[str, str]]:
    text = content.decode("utf-8")
    return list(_flat(tomllib.loads(text) if name.endswith(".toml") else json.loads(text), ""))


def _flat(value: Any, under: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, entry in value.items():
            if key != "data_dir":
                yield from _flat(entry, f"{under}.{key}" if under else str(key))
    elif isinstance(value, list):
        for number, entry in enumerate(value):
            yield from _flat(entry, f"{under}.{number}")
    else:
        yield under, repr(value)


def refuse_secrets(name: str, content: bytes, environment: Mapping[str, str] = os.environ) -> None:
    """Refuses a file that holds a token: one that a variable of the environment holds, or a header of a request.

    Raises:
        UserError: the message names the file, and the variable, not the token.
    """
    whole = b"\n".join(_searched(name, content))
    for variable, value in environment.items():
        if _HIDDEN_IN_VARIABLES.search(variable) and len(value) >= _SHORTEST and value.encode() in whole:
            raise UserError(f"{name} holds what the environment variable {variable} holds. Nothing was written.")
    if _BEARER.search(whole):
        raise UserError(f"{name} holds what looks like the token of a request (bearer, apikey). Nothing was written.")


def _searched(name: str, content: bytes) -> Iterator[bytes]:
    yield content
    if name.endswith(".npz"):
        with zipfile.ZipFile(io.BytesIO(content)) as arrays:
            yield from map(arrays.read, arrays.namelist())
