"""Lists as users write them after ``--set``: plain words with commas, or as TOML and JSON write lists."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from typing import Any


def list_entries(text: str) -> list[Any]:
    """The entries of ``a,b`` and of ``["a, with a comma", "b"]``, in brackets, in parentheses or in neither.

    Where quotes make it a list of TOML or JSON it is read as one; else the commas part it.
    """
    inner = text.strip()
    if inner[:1] + inner[-1:] in ("[]", "()"):
        inner = inner[1:-1].strip()
    if not inner:
        return []
    for read in (json.loads, _toml):
        try:
            found = read(f"[{inner}]")
        except (ValueError, RecursionError):  # no such list: both kinds of decoding errors are ValueErrors
            continue
        if isinstance(found, list) and any(isinstance(entry, str) for entry in found):
            return found
    return [entry.strip().strip("\"'") for entry in inner.split(",")]


def list_text(entries: Sequence[str]) -> str:
    """The entries, each as text, as a user would write them; what plain commas cannot say is written as JSON."""
    plain = ",".join(entries)
    return (plain or "()") if list_entries(plain) == list(entries) else json.dumps(list(entries), ensure_ascii=False)


def _toml(text: str) -> Any:
    return tomllib.loads(f"entries = {text}")["entries"]
