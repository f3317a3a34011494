"""One parameter, as it is shown to people, and values as they write them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from qplug.parameters.lists import list_text

PRESET = "preset"
"""The key that names a preset; no parameter is called so."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a person needs to know about one parameter.

    Attributes:
        name: as in ``--set kind.name=value``.
        type: in words, such as ``"integer"`` or ``"one of 'x', 'y', 'z'"``.
        default: what it is if nobody sets it.
        range: the values allowed, such as ``"[1, 24]"``; empty if every value of the type is.
        description: what it means, from its annotation.
        annotation: the Python annotation behind the words.
    """

    name: str
    type: str
    default: Any
    range: str
    description: str
    annotation: Any

    @property
    def allowed(self) -> str:
        """Type and range in words, such as ``"an integer in [1, 24]"``."""
        article = {"integer": "an integer", "number": "a number", "path": "a path"}
        words = " or ".join(article.get(word, word) for word in self.type.split(" or "))
        return f"{words} in {self.range}" if self.range else words

    @property
    def default_text(self) -> str:
        """The default as the user would write it."""
        return value_text(self.default)


def value_text(value: Any) -> str:
    """A value as a user would write it after ``--set kind.name=``."""
    match plain(value):
        case None:
            return "none"
        case bool(truth):
            return "true" if truth else "false"
        case [*entries]:
            return list_text([value_text(entry) for entry in entries])
        case written:
            return str(written)


def plain(value: Any) -> Any:
    """``value`` as TOML and JSON know it: enumerations by value, paths as text, every sequence as a list."""
    match value:
        case Enum():
            return plain(value.value)
        case Path():
            return str(value)
        case list() | tuple() | set() | frozenset():
            return [plain(entry) for entry in value]
        case BaseModel():
            return plain(value.model_dump())
        case Mapping():
            return {str(key): plain(entry) for key, entry in value.items() if entry is not None}
        case _:
            return value
