"""``qplug plugins``: which distributions bring components, hooks and commands."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from qplug.catalogue import Entry
from qplug_cli import output
from qplug_cli.commands.list import PLURALS, STATUS, rows_of
from qplug_cli.options import Json, NoPlugin, PluginFile
from qplug_cli.visible import visible

EXAMPLES = """
**Examples**

`qplug plugins` – what is installed, with versions

`qplug plugins --json` – every name, for a report of a fault
"""


@dataclass
class Brought:
    """What one installed distribution brings.

    Attributes:
        distribution: its name; ``qplug`` is this one. A file of ``--plugin`` stands here by its own name.
        version: its version; a file has none.
        ready: names by kind, hooks and commands among them.
        others: names by kind of what may not be used, each with its status and the reason.
    """

    distribution: str
    version: str
    ready: dict[str, list[str]] = field(default_factory=dict)
    others: dict[str, dict[str, str]] = field(default_factory=dict)


def plugins(json: Json = False, plugin: PluginFile = None, no_plugin: NoPlugin = None) -> None:
    """Show the installed distributions that bring components, hooks and commands, with their versions.

    What cannot be used is named with its reason. One by one, with a line about each: qplug list.
    """
    found = brought(rows_of(None))
    if json:
        output.document([asdict(each) for each in found])
        return
    for each in found:
        counts = Counter({kind: len(names) for kind, names in each.ready.items()})
        told = ", ".join(f"{n} {kind if n == 1 else PLURALS.get(kind, f'{kind}s')}" for kind, n in counts.items())
        name = f"{each.distribution} {each.version}".strip()
        sys.stdout.write(visible(f"{name}: {told or 'nothing that can be used'}") + "\n")
        for kind in ("hook", "command"):
            if names := each.ready.get(kind):
                sys.stdout.write(visible(f"  {kind}s: {', '.join(names)}") + "\n")
        for kind, reasons in each.others.items():
            for name, reason in reasons.items():
                sys.stdout.write(visible(f"  {kind} {name}: {reason}") + "\n")


def brought(rows: Iterable[Entry]) -> list[Brought]:
    """Rows of the catalogue by the installed distribution that brings them, this one first."""
    found: dict[str, Brought] = {}
    for row in rows:
        if not (row.version or row.target) or row.kind == "recipe":
            continue  # known, and not installed
        each = found.setdefault(row.provider, Brought(row.provider, row.version))
        if row.status == "ready":
            each.ready.setdefault(row.kind, []).append(row.name)
        else:
            told = ": ".join(filter(None, (STATUS[row.status][0], row.reason)))
            each.others.setdefault(row.kind, {})[row.name] = told
    return sorted(found.values(), key=lambda each: (each.distribution != "qplug", each.distribution))
