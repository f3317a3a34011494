"""The lines that result blocks of all commands share: how sure a number is, where all is, and what to do next."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def interval(what: str, accuracy: float, n: int, ends: Sequence[float] | None = None) -> str:
    """How far the number of samples alone lets an accuracy be off.

    Args:
        what: whose accuracy it is, such as ``"test"``.
        accuracy: the share of them that is right.
        n: how many there are.
        ends: of the 95 % interval; None: Wilson's.
    """
    from qplug.lab.judging.interval import wilson

    low, high = wilson(round(accuracy * n), n) if ends is None else ends
    return f"{what} accuracy {accuracy:.3f}, 95 % interval {low:.3f} to {high:.3f} for other samples like these {n:,}"


def numbers(console: Console, headings: Sequence[str], rows: Sequence[Sequence[str]], n_words: int = 0) -> None:
    """Prints a table whose cells are never folded or cut; where the terminal is narrow, headings are folded.

    Args:
        console: where to.
        headings: of the columns.
        rows: their cells.
        n_words: so many columns from the left hold words, the others numbers.
    """
    from rich.table import Table

    from qplug_cli.words import Text

    cells = [[Text(cell) for cell in row] for row in rows]
    longest = [max((row[column].cell_len for row in cells), default=0) for column in range(len(headings))]
    whole = [max(width, len(heading)) for width, heading in zip(longest, headings, strict=True)]
    least = [max(width, *map(len, heading.split()), 0) for width, heading in zip(longest, headings, strict=True)]
    fits = sum(whole) + 2 * (len(whole) - 1) <= console.width
    between = 2 if fits or sum(least) + 2 * (len(least) - 1) <= console.width else 1
    table = Table(box=None, padding=(0, between, 0, 0), pad_edge=False, header_style="dim")
    for number, (heading, width) in enumerate(zip(headings, least, strict=True)):
        words = number < n_words or not heading
        table.add_column(heading, justify="left" if words else "right", width=None if fits else width)
    for row in cells:
        table.add_row(*row)
    console.print(table)


def pairs(console: Console, found: Sequence[tuple[str, str]]) -> None:
    """Prints names and texts beside them; lines end between words, so that an address can be copied, however long."""
    from qplug_cli.visible import visible
    from qplug_cli.words import styled

    names = max(_NAMES, *(len(visible(name)) for name, _ in found))
    width = max(_NAMES, console.width - names - len(_BETWEEN))
    for name, text in found:
        lines = [line for part in text.split("\n") for line in _wrapped(visible(part), width)]
        for number, line in enumerate(lines):
            head = visible(name) if number == 0 else ""
            console.print(styled((head.ljust(names), "dim"), _BETWEEN, line), soft_wrap=True)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


_NAMES, _BETWEEN = 14, "  "


def command(*words: str) -> str:
    """A command as it can be typed, folders with blanks quoted."""
    return shlex.join(("qplug", *words))


def end(console: Console, place: str, *commands: str) -> None:
    """Prints where all is, and the commands that go on from there.

    Args:
        console: where to.
        place: the folder or file.
        commands: such as ``command`` gives.
    """
    console.print(f"written to {place}", soft_wrap=True)
    if commands:
        console.print(f"next: {' · '.join(commands)}", soft_wrap=True)
