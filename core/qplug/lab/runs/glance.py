"""The few facts of a ``run.toml`` that a list of thousands of runs shows, without parsing each as TOML in full."""

from __future__ import annotations

import re
from typing import Any

_TABLE = re.compile(r"\[(\[?)([a-z_]+(?:\.[a-z_]+)*)\](\]?)")
_SETTING = re.compile(
    r"([A-Za-z0-9_-]+) = "
    r'(?:"([^"\\\x00-\x1f\x7f]*)"|(-?(?:0|[1-9]\d{0,17}))|(true|false|-?\d+\.\d+|\[\]))'
)
_ENTRY = re.compile(r'    (?:"[^"\\]*"|-?\d+(?:\.\d+)?),')
_LIST = re.compile(r"[A-Za-z0-9_-]+ = \[")
_KEPT = ("name", "seed", "fold")


def glance(text: str) -> dict[str, Any] | None:
    """``name``, ``seed`` and ``fold`` of each table, in the shape of the whole; None: only a TOML parser can tell.

    It knows the plain lines that qplug writes, and gives up at any other, so that it never misreads one.
    """
    top: dict[str, Any] = {}
    table, seen = top, set()
    heading = ""
    in_list = False
    for line in text.splitlines():
        if in_list:
            if line == "]":
                in_list = False
            elif not _ENTRY.fullmatch(line):
                return None
        elif not line or line.startswith("# "):
            continue
        elif found := _SETTING.fullmatch(line):
            if (heading, found[1]) in seen:
                return None
            seen.add((heading, found[1]))
            if found[1] in _KEPT and not found[4]:
                table[found[1]] = found[2] if found[2] is not None else int(found[3])
        elif _LIST.fullmatch(line):
            in_list = True
        elif (found := _TABLE.fullmatch(line)) and bool(found[1]) == bool(found[3]):
            opened = _open(top, found[2], several=bool(found[1]))
            if opened is None:
                return None
            table, heading = opened, f"{found[2]}-{len(seen)}"
        else:
            return None
    return None if in_list else top


def _open(top: dict[str, Any], path: str, *, several: bool) -> dict[str, Any] | None:
    """The table of that heading, made in its place; None where it is there already."""
    *above, last = path.split(".")
    place = top
    for key in above:
        inner = place.get(key)
        place = inner[-1] if isinstance(inner, list) else inner  # type: ignore[assignment]
        if not isinstance(place, dict):
            return None
    new: dict[str, Any] = {}
    if several:
        entries = place.setdefault(last, [])
        if not isinstance(entries, list):
            return None
        entries.append(new)
    elif last in place:
        return None
    else:
        place[last] = new
    return new
