"""``qplug runs``: past runs with their test metrics."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qplug.lab.measures import LISTED
from qplug_cli import output
from qplug_cli.options import Json
from qplug_cli.visible import visible

if TYPE_CHECKING:
    from rich.text import Text as RichText

    from qplug.lab.runs.listing import RunSummary

EXAMPLES = """
**Examples**

`qplug runs` – the runs in ./runs, the newest first

`qplug runs --out experiments --json`
"""
MANY = 500
"""Runs above which one plain line is printed for each."""
WIDE = 120
"""Columns of a terminal from which all of these are shown."""


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
    from rich.table import Table

    console = output.console()
    # The names are there to be copied, so they are never folded; on a narrow terminal the rest gives way.
    wide = console.width >= WIDE
    shown = LISTED if wide else LISTED[:1]
    if len(found) > MANY:
        _print_lines(found, shown)
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("run", no_wrap=True, min_width=max(len(visible(summary.path.name)) for summary in found))
    for heading in ("status", "backend", "seed") if wide else ("status",):
        table.add_column(heading, overflow="fold")
    table.add_column("fold", justify="right")
    for name in shown:
        table.add_column(name.replace("_", " "), justify="right")
    for summary in found:
        metrics = [f"{summary.test[name]:.3f}" if name in summary.test else "–" for name in shown]
        facts = [summary.backend or "–", "" if summary.seed is None else str(summary.seed)] if wide else []
        fold = "" if summary.fold is None else str(summary.fold)
        table.add_row(summary.path.name, _state(summary), *facts, fold, *metrics)
    console.print(table)


def _print_lines(found: list[RunSummary], shown: Sequence[str]) -> None:
    """One line per run without a layout that looks at all rows, which takes seconds for thousands of runs."""
    rows = [("run", "status", "backend", "seed", "fold", *(name.replace("_", " ") for name in shown))]
    for summary in found:
        metrics = [f"{summary.test[name]:.3f}" if name in summary.test else "–" for name in shown]
        facts = [summary.backend or "–", *("" if one is None else str(one) for one in (summary.seed, summary.fold))]
        rows.append((summary.path.name, " ".join((_words(summary), *summary.stamps)), *facts, *metrics))
    rows = [tuple(map(visible, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write(line.rstrip() + "\n")


def _state(summary: RunSummary) -> RichText:
    """Status or damage, and the stamps without which the numbers would say too much."""
    from qplug_cli.words import Text

    return Text.assemble(_words(summary), *((f" {stamp}", "bold red") for stamp in summary.stamps))


def _words(summary: RunSummary) -> str:
    """Status or damage, how many runs it has, and how often it was judged again."""
    again = f", judged again {summary.evaluations}x" if summary.evaluations else ""
    several = f", {summary.n_runs} runs" if summary.n_runs and not summary.ended else ""
    return (summary.problem or summary.ended or summary.status) + several + again
