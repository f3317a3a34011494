"""The few facts of a ``run.toml`` that a list of thousands of runs shows, without parsing each as TOML in full."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

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
    for number, piece in enumerate(text.split("\n[")):
        found = _piece(f"[{piece}" if number else piece)
        table = None if found is None else _open(top, found.path, several=found.several) if found.path else top
        if table is None or found is None:
            return None
        table.update(found.kept)
    return top


class _Piece(NamedTuple):
    """One table of a text with its heading, which the text's beginning lacks."""

    path: str
    several: bool
    kept: Mapping[str, str | int]


@lru_cache(maxsize=4096)  # most tables of a run are those of another one too
def _piece(text: str) -> _Piece | None:
    first, *rest = text.splitlines() or [""]
    heading = _TABLE.fullmatch(first)
    if heading and bool(heading[1]) != bool(heading[3]):
        return None
    kept = _kept(rest if heading else [first, *rest])
    if kept is None:
        return None
    return _Piece(heading[2], bool(heading[1]), kept) if heading else _Piece("", False, kept)


def _kept(lines: Iterable[str]) -> Mapping[str, str | int] | None:
    kept: dict[str, str | int] = {}
    seen: set[str] = set()
    in_list = False
    for line in lines:
        if in_list:
            if line == "]":
                in_list = False
            elif not _ENTRY.fullmatch(line):
                return None
        elif not line or line.startswith("# "):
            continue
        elif found := _SETTING.fullmatch(line):
            if found[1] in seen:
                return None
            seen.add(found[1])
            if found[1] in _KEPT and not found[4]:
                kept[found[1]] = found[2] if found[2] is not None else int(found[3])
        elif _LIST.fullmatch(line):
            in_list = True
        else:
            return None
    return None if in_list else kept


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
