"""What the components that a run configuration names lack, all at once and before anything of them is imported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from qplug import installation
from qplug.catalogue.entry import Entry
from qplug.catalogue.listing import entry
from qplug.catalogue.offers import GROUPS, same_distribution
from qplug.catalogue.registry import registry
from qplug.catalogue.unannounced import is_code
from qplug.contract.errors import NotInstalled


def named_parts(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Kind and name of every component that a run configuration names, in branches too."""
    for key, value in table.items():
        if isinstance(value, Mapping) and isinstance(value.get("name"), str):
            yield key, value["name"]
        elif isinstance(value, str) and key in GROUPS:
            yield key, value
        elif isinstance(value, list):
            for each in value:
                if isinstance(each, Mapping):
                    yield from named_parts(each)


def lacking(table: Mapping[str, Any], rows: Sequence[Entry]) -> list[Entry]:
    """The rows of what a run configuration names that are not ready; a stranger's claim to a name is no part of it."""
    named = set(named_parts(table))
    return [row for row in rows if (row.kind, row.name) in named and row.status != "ready" and _is_owner_s(row)]


def _is_owner_s(row: Entry) -> bool:
    known = registry().components.get((row.kind, row.name))
    return known is None or same_distribution(known.provider, row.provider)


def install_all(rows: Sequence[Entry]) -> str:
    """One command for all that is lacking, where extras of qplug are what is lacking."""
    known = registry().components
    extras = {known[row.kind, row.name].extra for row in rows if row.status == "needs-extra"}
    if extras and len(rows) == sum(row.status == "needs-extra" for row in rows):
        return installation.install(*sorted(extras))
    return rows[0].install if rows else ""


def refuse_lacking(table: Mapping[str, Any]) -> None:
    """Refuses a run configuration that names what does not exist or lacks its packages.

    What is told of several components is told at once, with one command. Anything else that is wrong with one is told
    when it is loaded.

    Raises:
        UnknownName: nothing has that name; with near ones.
        NotInstalled: components lack their packages.
    """
    parts = [(kind, name) for kind, name in dict.fromkeys(named_parts(table)) if kind in GROUPS and not is_code(name)]
    rows = [row for kind, name in parts if (row := entry(kind, name)).status == "needs-extra"]
    if rows:
        told = ", ".join(f"{row.kind} {row.name!r} {row.reason}" for row in rows)
        raise NotInstalled(f"{told}, not installed here. Install what it needs with: {install_all(rows)}")
