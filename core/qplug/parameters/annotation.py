"""What an annotation says of a parameter: type and range in words, and what kinds of values it admits."""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Collection, Iterator
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, TypeAdapter
from pydantic.fields import FieldInfo

_SCALARS = {int: "integer", float: "number", bool: "true or false", str: "text", Path: "path"}


@functools.lru_cache(maxsize=4096)
def adapter(annotation: Any) -> TypeAdapter[Any]:
    """What validates and converts values of an annotation."""
    return TypeAdapter(annotation, config=ConfigDict(allow_inf_nan=False))


def _members(annotation: Any) -> tuple[Any, ...]:
    is_union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    return typing.get_args(annotation) if is_union else (annotation,)


def type_text(annotation: Any) -> str:
    """The type in words, such as ``"integer or none"``."""
    annotation = _bare(annotation)
    members = _members(annotation)
    if len(members) > 1:
        # None last: "integer or none" is what people say.
        ordered = sorted(members, key=lambda member: member is type(None))
        return " or ".join(type_text(member) for member in ordered)
    options = options_of(annotation)
    if options:
        return "one of " + ", ".join(repr(option) if isinstance(option, str) else str(option) for option in options)
    if is_list(annotation):
        inner = [member for member in typing.get_args(annotation) if member is not Ellipsis]
        return f"list of {type_text(inner[0])}" if inner else "list"
    if annotation is type(None):
        return "none"
    return _SCALARS.get(annotation, getattr(annotation, "__name__", str(annotation)))


def options_of(annotation: Any) -> tuple[Any, ...]:
    """The values of a ``Literal`` or an ``Enum``, as the user writes them."""
    if typing.get_origin(annotation) is Literal:
        return typing.get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return tuple(member.value for member in annotation)
    return ()


def is_list(annotation: Any) -> bool:
    """Whether values are lists, or other collections that are written as lists."""
    origin = typing.get_origin(annotation) or annotation
    return isinstance(origin, type) and issubclass(origin, Collection) and not issubclass(origin, str | bytes | Enum)


def leaves(annotation: Any) -> Iterator[Any]:
    """Every type that a value may have: the members of unions, and of unions within them."""
    for member in _members(_bare(annotation)):
        bare = _bare(member)
        if len(_members(bare)) > 1:
            yield from leaves(bare)
        else:
            yield bare


def admits(annotation: Any, wanted: type) -> bool:
    """Whether a value may be of the type ``wanted``."""
    return any(
        leaf is wanted or leaf is Any or any(isinstance(option, wanted) for option in options_of(leaf))
        for leaf in leaves(annotation)
    )


def _bare(annotation: Any) -> Any:
    return typing.get_args(annotation)[0] if typing.get_origin(annotation) is Annotated else annotation


def _metadata(annotation: Any) -> Iterator[Any]:
    """All that stands beside the type, in this annotation and in the members of a union."""
    if typing.get_origin(annotation) is Annotated:
        for extra in annotation.__metadata__:
            yield from extra.metadata if isinstance(extra, FieldInfo) else (extra,)
    for member in _members(_bare(annotation)):
        if typing.get_origin(member) is Annotated:
            yield from _metadata(member)


def description(annotation: Any) -> str:
    """What stands beside the type as the parameter's meaning; empty if nothing does."""
    fields = [extra for extra in getattr(annotation, "__metadata__", ()) if isinstance(extra, FieldInfo)]
    return next((field.description for field in fields if field.description), "")


def _bounds(annotation: Any) -> dict[str, Any]:
    names = ("ge", "gt", "le", "lt", "min_length", "max_length", "multiple_of", "pattern")
    return {
        name: getattr(extra, name)
        for extra in _metadata(annotation)
        for name in names
        if getattr(extra, name, None) is not None
    }


def range_text(annotation: Any) -> str:
    """The values that are allowed, such as ``"[1, 24]"``; empty if every value of the type is."""
    bounds, parts = _bounds(annotation), []
    if bounds.keys() & {"ge", "gt", "le", "lt"}:
        low = f"[{bounds['ge']}" if "ge" in bounds else f"({bounds.get('gt', '-∞')}"
        high = f"{bounds['le']}]" if "le" in bounds else f"{bounds.get('lt', '∞')})"
        parts.append(f"{low}, {high}")
    if "multiple_of" in bounds:
        parts.append(f"multiples of {bounds['multiple_of']}")
    if bounds.keys() & {"min_length", "max_length"}:
        low, high = bounds.get("min_length", 0), bounds.get("max_length", "∞")
        parts.append(f"length {low} to {high}")
    if "pattern" in bounds:
        parts.append(f"matching {bounds['pattern']}")
    return ", ".join(parts)
