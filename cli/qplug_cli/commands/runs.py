"""``qplug runs``: past runs with their test metrics."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qplug.lab.measures import LISTED
from qplug_cli import output
from qplug_cli.options import Json
from qplug_cli.visible import visible

if TYPE_CHECKING:
    from qplug.lab.runs.listing import RunSummary

EXAMPLES = """
**Examples**

`qplug runs` – the runs in ./runs, the newest first

`qplug runs --out experiments --json`
"""
MANY = 500
"""Runs above which one plain line is printed for each."""
WIDE = 120
"""Columns of a terminal from which more than one metric is shown."""
_BETWEEN = "  "


def runs(
    out: Annotated[Path, typer.Option(help="Where run directories are.")] = Path("runs"),
    json: Json = False,
) -> None:
    """Past runs with their test metrics, the newest first."""
    from qplug.lab.runs.listing import list_runs

    found = list_runs(out)
    if json:
        output.document([_plain(summary) for summary in found])
    elif found:
        _show(found)
    else:
        output.console().print(f"There is no run in {out}. Start one with: qplug run")


def _plain(summary: RunSummary) -> dict[str, Any]:
    return {**asdict(summary), "path": str(summary.path)}


def _show(found: list[RunSummary]) -> None:
    if len(found) > MANY:  # styles for each of thousands of lines take seconds
        sys.stdout.writelines(f"{line}\n" for line in _Layout(found, sys.maxsize).lines())
        return
    from qplug_cli.words import Text

    console = output.console()
    stamps = {stamp for summary in found for stamp in summary.stamps}
    for line in _Layout(found, console.width).lines():
        text = Text(line)
        text.highlight_words(sorted(stamps), "bold red")
        console.print(text, soft_wrap=True)


class _Layout:
    """Lines for runs: the columns that a width has room for, and what is to be said of a run beside or below them.

    Names are there to be copied, so they are never folded; on a narrow terminal the rest gives way.
    """

    def __init__(self, found: Sequence[RunSummary], width: int) -> None:
        self._found = found
        self._width = width
        choices = [(columns, stacked) for columns in _choices(wide=width >= WIDE) for stacked in (False, True)]
        tried = (self._grid(*choice, stamped=stamped) for choice in choices for stamped in (True, False))
        for grid, stamped in tried:
            self._grid_of_cells, self._stamped = grid, stamped
            if _length(grid) <= width:
                break

    def _grid(self, columns: Sequence[str], stacked: bool, *, stamped: bool) -> tuple[list[list[str]], bool]:
        """Headings, one line of them or two, and a row for each run; all cells of a column have one length."""
        headings = [name.replace("_", " ") for name in columns]
        above, _, below = zip(*(name.rpartition(" ") for name in headings), strict=True)
        top = [list(above), list(below)] if stacked and any(above) else [headings]
        rows = [[visible(_cell(summary, name, stamped=stamped)) for name in columns] for summary in self._found]
        lengths = [max(map(len, column)) for column in zip(*top, *rows, strict=True)]
        numbers = {"fold", *LISTED}
        return [
            [cell.rjust(length) if name in numbers else cell.ljust(length)
             for name, cell, length in zip(columns, row, lengths, strict=True)]
            for row in (*top, *rows)
        ], stamped  # fmt: skip

    def lines(self) -> Iterator[str]:
        """The headings, and the lines of each run."""
        n_headings = len(self._grid_of_cells) - len(self._found)
        for row in self._grid_of_cells[:n_headings]:
            yield _BETWEEN.join(row).rstrip()
        for row, summary in zip(self._grid_of_cells[n_headings:], self._found, strict=True):
            line = _BETWEEN.join(row)
            said = visible(" · ".join((*(() if self._stamped else summary.stamps), *_notes(summary))))
            if len(line + _BETWEEN + said) <= self._width:
                yield f"{line}{_BETWEEN}{said}".rstrip()
                continue
            yield line.rstrip()
            yield from wrap(said, self._width, initial_indent=_BETWEEN, subsequent_indent=_BETWEEN)


def _choices(*, wide: bool) -> Iterator[list[str]]:
    """Columns to be shown, from the most to the fewest."""
    if wide:
        for n_metrics in range(len(LISTED), 0, -1):
            yield ["run", "status", "backend", "seed", "fold", *LISTED[:n_metrics]]
    yield ["run", "status", "fold", LISTED[0]]


def _length(grid: Sequence[Sequence[str]]) -> int:
    return len(_BETWEEN.join(grid[0]))


def _cell(summary: RunSummary, column: str, *, stamped: bool) -> str:
    """What stands in a column; beside the status the stamps without which the numbers would say too much."""
    if column == "run":
        return summary.path.name
    if column == "status":
        status = "damaged" if summary.problem else summary.ended.partition(":")[0] or summary.status
        return " ".join((status, *(summary.stamps if stamped else ())))
    if column == "backend":
        return summary.backend or "–"
    if column in LISTED:
        return f"{summary.test[column]:.3f}" if column in summary.test else "–"
    value = summary.seed if column == "seed" else summary.fold
    return "" if value is None else str(value)


def _notes(summary: RunSummary) -> Iterator[str]:
    """What is damaged or how it ended, how many runs it has, and how often it was judged again."""
    if told := summary.problem or summary.ended.partition(":")[2].strip():
        yield told
    if summary.n_runs and not summary.ended:
        yield f"{summary.n_runs} runs"
    if summary.evaluations:
        yield f"judged again {summary.evaluations}x"
