"""``qplug search``: what is known about a word."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from difflib import get_close_matches
from typing import Annotated

import typer

from qplug import catalogue
from qplug.catalogue import Entry
from qplug_cli import output
from qplug_cli.commands.list import rows_of, show_rows
from qplug_cli.options import Json, NoPlugin, PluginFile
from qplug_cli.visible import visible

EXAMPLES = """
**Examples**

`qplug search kernel` – by name, summary or paper

`qplug search audio mel` – all words have to be found

`qplug search 2006.14619` – what follows a paper

`qplug search speech --json` – for scripts
"""


def search(
    words: Annotated[list[str], typer.Argument(metavar="WORD...", help="Words, or parts of some; all are looked for.")],
    json: Json = False,
    plugin: PluginFile = None,
    no_plugin: NoPlugin = None,
) -> None:
    """Find components and recipes by names, summaries, papers and who provides them; those that are not installed too.

    Of each kind, what bears the words in its name stands first. Capitals do not count.
    """
    rows = rows_of(None)
    found = matching(rows, words)
    if json:
        output.document([asdict(row) for row in found])
    elif found:
        show_rows(found)
    else:
        _say_nothing_found(words, rows)


def matching(rows: Sequence[Entry], words: Sequence[str]) -> list[Entry]:
    """The rows in which all words stand; of each kind, those that have them in their name first."""
    wanted = [word.casefold() for word in words]
    found = [row for row in rows if all(word in _text(row) for word in wanted)]
    kinds = list(dict.fromkeys(row.kind for row in found))
    return sorted(found, key=lambda row: (kinds.index(row.kind), not all(w in row.name.casefold() for w in wanted)))


def _text(row: Entry) -> str:
    known = catalogue.registry().components.get((row.kind, row.name))
    papers = (row.paper, known.paper if known else "")
    return "\n".join((row.kind, row.name, row.summary, row.provider, *papers)).casefold()


def _say_nothing_found(words: Sequence[str], rows: Sequence[Entry]) -> None:
    known = {row.name for row in rows} | {
        word.casefold().strip(".,:;()") for row in rows for word in row.summary.split()
    }
    near = dict.fromkeys(near for word in words for near in get_close_matches(word.casefold(), known, n=2, cutoff=0.7))
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    told = f"Nothing that is known has {' and '.join(map(repr, words))}.{hint} All of it: qplug list"
    sys.stderr.write(visible(told) + "\n")
