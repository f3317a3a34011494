"""``qplug list``: every known component, installed or not."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from qplug import catalogue
from qplug.catalogue import Entry
from qplug.catalogue.lacking import install_all, lacking
from qplug.catalogue.offers import misspelt_groups
from qplug.contract.errors import UnknownName
from qplug_cli import output
from qplug_cli.options import Json, NoPlugin, PluginFile
from qplug_cli.visible import visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text as RichText

_log = logging.getLogger("qplug")

EXAMPLES = """
**Examples**

`qplug list` – all of them

`qplug list heads` – one kind

`qplug list --available` – what can be had besides, and how

`qplug list --json` – for scripts
"""

STATUS = {
    "ready": ("ready", "green"),
    "needs-extra": ("needs an extra", "yellow"),
    "not-installed": ("not installed", "yellow"),
    "quarantined": ("quarantined", "red"),
    "disabled": ("disabled", "dim"),
}
"""Each status in words, and its colour."""

WIDE = 120
"""Columns of a terminal from which a table shows who provides each row."""

PLURALS = {kind: kind if kind.endswith("s") else f"{kind}s" for kind in (*catalogue.GROUPS, "recipe")}


def list_components(
    kind: Annotated[str | None, typer.Argument(metavar="KIND", help="Only one kind, such as heads.")] = None,
    available: Annotated[
        bool, typer.Option("--available", help="Only what is not installed here, with the command that brings it.")
    ] = False,
    json: Json = False,
    plugin: PluginFile = None,
    no_plugin: NoPlugin = None,
) -> None:
    """Show every known component: what it is, who provides it, and whether it is ready.

    Nothing is imported to make the list. A plugin that is broken is shown with its reason; the others work.
    """
    wanted = singular(kind) if kind else None
    rows = [row for row in rows_of(wanted) if not available or row.status in ("needs-extra", "not-installed")]
    for fault in misspelt_groups():
        _log.warning("%s", fault)
    if json:
        output.document([asdict(row) for row in rows])
    elif rows:
        show_rows(rows)
    else:
        sys.stderr.write("Everything that is known is installed here.\n" if available else "There is none.\n")


def show_rows(rows: Sequence[Entry]) -> None:
    """Rows as tables on a terminal, as one unbroken line each elsewhere."""
    if output.is_for_people():
        _print(rows, output.console())
    else:
        _print_lines(rows)


def singular(kind: str, *, known: Mapping[str, str] = PLURALS) -> str:
    """A kind's proper name from its singular or plural.

    Raises:
        UnknownName: there is no such kind, with near ones.
    """
    for one, many in known.items():
        if kind.lower() in (one, many):
            return one
    raise UnknownName.of("kind", kind, known.values())


def rows_of(kind: str | None) -> list[Entry]:
    """The catalogue's rows of one kind, or of all; recipes stand last and are as ready as their components."""
    if kind not in (None, "recipe"):
        return catalogue.entries(kind)
    rows = catalogue.entries()
    recipes = [recipe_row(recipe, rows) for recipe in catalogue.registry().recipes.values()]
    return recipes if kind == "recipe" else rows + recipes


def recipe_row(recipe: catalogue.Recipe, rows: Sequence[Entry]) -> Entry:
    """A recipe as a row: as ready as the components that it names."""
    missing = lacking(recipe.run, rows)
    first = missing[0] if missing else None
    return Entry(
        kind="recipe",
        name=recipe.name,
        status=first.status if first else "ready",
        provider="qplug",
        summary=recipe.summary,
        reason=f"{first.kind} {first.name}: {first.reason}" if first else "",
        install=install_all(missing),
        paper=recipe.source,
    )


def _print(rows: Sequence[Entry], console: Console) -> None:
    wide = console.width >= WIDE
    widths = _widths([_words(row) for row in rows])
    for kind, group in groupby(rows, key=lambda row: row.kind):
        kin = list(group)
        console.print(PLURALS[kind], style="bold underline")
        # A narrow terminal has no room for names as wide as the widest of another kind, nor for who provides them.
        console.print(_table(kin, widths if wide else _widths([_words(row)[:2] for row in kin])), "")


def _words(row: Entry) -> tuple[str, str, str]:
    return visible(row.name), STATUS[row.status][0], visible(row.provider)


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """One width per column for all tables, so that they stand under one another."""
    return [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]


def _print_lines(rows: Sequence[Entry]) -> None:
    """One unbroken line per row, for ``grep`` and files."""
    cells = [(row.kind, *_words(row)) for row in rows]
    widths = _widths(cells)
    for row, words in zip(rows, cells, strict=True):
        columns = [word.ljust(width) for word, width in zip(words, widths, strict=True)]
        told = "  ".join(filter(None, (row.summary, row.reason, row.install)))
        sys.stdout.write(visible("  ".join([*columns, told])).rstrip() + "\n")


def _table(rows: Sequence[Entry], widths: Sequence[int]) -> Table:
    from rich.table import Table

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    for width in widths:
        table.add_column(no_wrap=True, min_width=width)
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*_cells(row, with_provider=len(widths) > 2))
    return table


def _cells(row: Entry, *, with_provider: bool) -> list[RichText]:
    from qplug_cli.words import Text

    _, colour = STATUS[row.status]
    name, word, provider = _words(row)
    foreign = "" if with_provider or provider == "qplug" else f"from {provider}"
    lines = [
        Text(text, style)
        for text, style in (
            (row.summary, ""),
            (row.reason, "dim" if row.status == "ready" else colour),
            (row.install, "bold"),
            (foreign, "dim"),
        )
        if text
    ]
    columns = [Text(name, "bold"), Text(word, colour), Text(provider, "dim")]
    return [*columns[: 3 if with_provider else 2], Text("\n").join(lines)]
