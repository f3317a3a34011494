"""What is wrong with a registry file, or with entries that somebody proposes for it: everything at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from qplug import installation
from qplug.catalogue import Known, Recipe, Registry, registry, shipped
from qplug.catalogue.lacking import named_parts
from qplug.catalogue.offers import same_distribution
from qplug.catalogue.registry import Baseline, Defaults
from qplug.contract.errors import DataError, QplugError
from qplug.contract.kinds import KINDS
from qplug.lab.config.layers import checked
from qplug.version import PROJECT

SHAPES: Mapping[str, Any] = {**dict.fromkeys((*KINDS, "hook"), Known), "recipe": Recipe, "baseline": Baseline}
"""The tables that a registry file has for each name, by their first word, and what one holds."""

LONGEST = 120
"""Characters of a summary, which stands on one line of a list."""

_GIVEN = {"kind", "name"}
"""What a table's own heading says."""

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_DISTRIBUTION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


def registry_faults(path: Path) -> list[str]:
    """What is wrong with the entries of a file, each with its table; empty: nothing.

    Args:
        path: all of registry.toml, or some entries for it.

    Raises:
        DataError: there is no such file, or it is not TOML.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from None
    except ValueError as error:
        raise DataError(f"{path} is not TOML in UTF-8: {error}.") from None
    found = list(_faults(tables))
    if not found and path.resolve() != shipped("registry.toml").resolve():
        found += _claims(tables)
    return found or _last_word(path)


def _faults(tables: Mapping[str, Any]) -> Iterator[str]:
    if not tables:
        yield "it has no entry. A component is a table [kind.name], such as [head.my-head]"
    for kind, named in tables.items():
        if not isinstance(named, Mapping):
            yield f"{kind}: entries are tables [{kind}.name]; got {named!r}"
        elif kind == "default":
            yield from _unknown(Defaults, named, "default")
            yield from _misshapen(Defaults, {}, named, "default")
        elif kind not in SHAPES:
            near = _near(kind, SHAPES)
            yield f"{kind}: there is no such kind.{near} Kinds: {', '.join(SHAPES)}"
        else:
            for name, table in named.items():
                yield from _entry(kind, name, table, tables)


def _entry(kind: str, name: str, table: Any, tables: Mapping[str, Any]) -> Iterator[str]:
    where = f"{kind}.{name}"
    if not _NAME.fullmatch(name):
        yield f"{where}: a name is of small letters, digits, hyphens and dots"
    if not isinstance(table, Mapping):
        yield f"{where}: it has to be a table; got {table!r}"
        return
    shape = SHAPES[kind]
    yield from _unknown(shape, table, where)
    wrong = list(_misshapen(shape, {"name": name} | ({"kind": kind} if shape is Known else {}), table, where))
    yield from wrong
    if wrong:
        return
    yield from _summary(table["summary"], where)
    if shape is Known:
        yield from _component(table, where)
    elif shape is Recipe:
        yield from _recipe(table, where, tables)


def _unknown(shape: Any, table: Mapping[str, Any], where: str) -> Iterator[str]:
    known = sorted(field.name for field in fields(shape) if field.name not in _GIVEN)
    for key in sorted(table.keys() - set(known)):
        yield f"{where}: there is no key {key!r}.{_near(key, known)} Keys: {', '.join(known)}"


def _misshapen(shape: Any, given: Mapping[str, str], table: Mapping[str, Any], where: str) -> Iterator[str]:
    """Keys that are missing or hold something else than they should."""
    known = {field.name for field in fields(shape)}
    try:
        _adapter(shape).validate_python({**{key: table[key] for key in table.keys() & known}, **given})
    except ValidationError as error:
        for fault in error.errors():
            place = ".".join(map(str, fault["loc"]))
            got = "" if fault["type"].startswith("missing") else f"; got {fault['input']!r}"
            yield f"{where}: {place}: {fault['msg'].lower()}{got}"


@cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)


def _near(word: str, known: Any) -> str:
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" Did you mean {close[0]!r}?" if close else ""


def _summary(summary: str, where: str) -> Iterator[str]:
    if not summary.strip() or "\n" in summary:
        yield f"{where}: summary: one line that says what it is; got {summary!r}"
    if len(summary) > LONGEST:
        yield f"{where}: summary: at most {LONGEST} characters, to stand on one line of a list; it has {len(summary)}"
    if summary.rstrip().endswith("."):
        yield f"{where}: summary: no full stop at its end, as in a heading; got {summary!r}"


def _component(table: Mapping[str, Any], where: str) -> Iterator[str]:
    provider, extra = table["provider"], table.get("extra", "")
    if not _DISTRIBUTION.fullmatch(provider):
        yield f"{where}: provider: the name by which pip knows the distribution; got {provider!r}"
    for module in table.get("requires", ()):
        if not all(part.isidentifier() for part in module.split(".")):
            yield f"{where}: requires: modules as they are imported, such as sklearn; got {module!r}"
    homepage = table.get("homepage", "")
    if homepage and not re.match(r"https?://\S+$", homepage):
        yield f"{where}: homepage: an address that begins with https://; got {homepage!r}"
    if provider != PROJECT:
        yield from _of_another(table, where)
    elif extra and extra not in _extras():
        yield f"{where}: extra: qplug has none called {extra!r}.{_near(extra, _extras())}"


def _of_another(table: Mapping[str, Any], where: str) -> Iterator[str]:
    """What is asked of the entries of other authors besides."""
    if table.get("extra"):
        yield f"{where}: extra: extras are qplug's own; {table['provider']} brings what it needs by itself"
    for key, why in (("homepage", "where its users find its author"), ("licence", "what they may do with it")):
        if not table.get(key):
            yield f"{where}: {key}: it is missing; it says {why}"


def _extras() -> list[str]:
    ours = installation.own()
    return (ours.metadata.get_all("Provides-Extra") if ours else None) or []


def _recipe(table: Mapping[str, Any], where: str, tables: Mapping[str, Any]) -> Iterator[str]:
    base = table.get("base", "")
    if base and base not in {**tables["recipe"], **registry().recipes}:
        yield f"{where}: base: there is no recipe {base!r}, here or in registry.toml.{_near(base, registry().recipes)}"
    for key in ("run", "smoke"):
        try:
            checked(dict(table.get(key, {})), where=f"{where}.{key}")
        except QplugError as error:
            yield f"{where}.{key}: {error}"
    for kind, name in named_parts(table.get("run", {})):
        if kind in KINDS and name not in tables.get(kind, {}) and (kind, name) not in registry().components:
            near = _near(name, [known for other, known in registry().components if other == kind])
            yield f"{where}.run: no {kind} is called {name!r}, here or in registry.toml.{near}"


def _claims(tables: Mapping[str, Any]) -> Iterator[str]:
    """Names that belong to somebody else already."""
    for (kind, name), owner in registry().components.items():
        table = tables.get(kind, {}).get(name)
        if table is not None and not same_distribution(table["provider"], owner.provider):
            yield f"{kind}.{name}: the name belongs to {owner.provider} already; choose another"
    for name in tables.get("recipe", {}).keys() & registry().recipes.keys():
        yield f"recipe.{name}: there is a recipe of that name already; choose another"


def _last_word(path: Path) -> list[str]:
    """What the reader of the registry says of a whole file; a recipe's base may stand in the registry."""
    try:
        Registry.read(path)
    except QplugError as error:
        told = str(error)
        return [] if "must stand above it" in told and path.resolve() != shipped("registry.toml").resolve() else [told]
    return []


def registry_schema() -> dict[str, Any]:
    """The JSON schema of a registry file, for editors that check TOML."""
    shapes = {**SHAPES, "default": Defaults}
    made = {shape: _adapter(shape).json_schema() for shape in dict.fromkeys(shapes.values())}
    definitions: dict[str, Any] = {}
    for shape, schema in made.items():
        definitions |= schema.pop("$defs", {})
        for key in _GIVEN & schema["properties"].keys():
            del schema["properties"][key]
        schema["required"] = [key for key in schema.get("required", ()) if key not in _GIVEN]
        definitions[shape.__name__] = schema | {"additionalProperties": False}
    tables = {kind: {"type": "object", "additionalProperties": {"$ref": f"#/$defs/{shape.__name__}"}}
              for kind, shape in SHAPES.items()}  # fmt: skip
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "registry.toml of qplug",
        "type": "object",
        "properties": {**tables, "default": {"$ref": "#/$defs/Defaults"}},
        "additionalProperties": False,
        "$defs": definitions,
    }
