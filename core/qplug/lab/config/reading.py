"""The door through which texts come in: what is opened, parsed or passed on here has a size and shape that is safe."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from collections.abc import Callable, Mapping
from datetime import date, time
from pathlib import Path
from typing import Any

from qplug.contract.errors import QplugError

MOST_BYTES = 2**30
"""No text that qplug reads whole is larger: a split of ten million samples fits."""
DEEPEST = 32
"""Tables and lists within one another, far more than any of qplug's own files has."""
_WHOLE_NUMBERS = 2**63


def read_text(path: Path | str) -> str:
    """The text of a file, which has to be one: a pipe or a device would be waited for without end.

    Raises:
        OSError: as ``open`` does; also for what is no file, and for more than ``MOST_BYTES``.
        UnicodeDecodeError: it is not UTF-8.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb", buffering=0) as file:  # with layers for text, opening takes longer than reading
        found = os.fstat(descriptor)
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(f"{path} is a folder")
        if not stat.S_ISREG(found.st_mode):
            raise OSError(f"{path} is a pipe or a device, not a file; write its content to a file first")
        if found.st_size > MOST_BYTES:
            raise OSError(f"{path} has {found.st_size:,} bytes, which is no text of qplug's")
        text = file.readall().decode("utf-8")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def parse_toml(text: str, where: str, error: type[QplugError]) -> dict[str, Any]:
    """The tables of a TOML text.

    Args:
        text: what was read.
        where: the file, for the message.
        error: raised where it is no TOML, or holds what no configuration does.
    """
    return dict(_parsed(tomllib.loads, text, f"{where} is not valid TOML", error))


def parse_json(text: str, where: str, error: type[QplugError]) -> Any:
    """The content of a JSON text; the arguments are those of ``parse_toml``."""
    return _parsed(json.loads, text, f"{where} is damaged", error)


def _parsed(parse: Callable[[str], Any], text: str, fault: str, error: type[QplugError]) -> Any:
    try:
        content = parse(text)
    except RecursionError:
        raise error(f"{fault}: it nests tables or lists more than {DEEPEST} deep.") from None
    except ValueError as problem:  # of the parser, and of Python about numbers of thousands of digits
        raise error(f"{fault}: {problem}.") from None
    if strange := _strange(content):
        raise error(f"{fault}: {strange}.")
    return content


def _strange(content: Any) -> str:
    """What of parsed content no file of qplug's holds, in words; empty if there is nothing."""
    level = [("", content)]
    for _ in range(DEEPEST):
        inner = []
        for place, value in level:
            if isinstance(value, Mapping):
                inner += [(f"{place}.{key}" if place else str(key), entry) for key, entry in value.items()]
            elif isinstance(value, list):
                inner += [(place, entry) for entry in value]
            elif fault := _strange_value(value):
                return f"{place[:80]} {fault}"
        if not inner:
            return ""
        level = inner
    return f"{level[0][0][:80]}… nests tables or lists more than {DEEPEST} deep"


def _strange_value(value: Any) -> str:
    if isinstance(value, date | time):
        return f"is the date or time {value}, which no setting is; write it in quotes if a text is meant"
    if isinstance(value, int) and not -_WHOLE_NUMBERS <= value < _WHOLE_NUMBERS:
        return "is a whole number of more than 64 bits, too large to be used"
    return "holds the character NUL" if isinstance(value, str) and "\0" in value else ""
