"""``qplug replay``: every number of a run, a set of runs or a comparison, derived again from what its folder holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qplug_cli import output
from qplug_cli.options import Json

if TYPE_CHECKING:
    from qplug.lab.capsule.check import Check
    from qplug.lab.capsule.replay import Replayed

EXAMPLES = """
**Examples**

`qplug replay runs/20260101-120000-fsdd-pennylane-pqc-1a2b3c4d5e6f`

`qplug replay runs/20260101-120000-fsdd-pennylane-pqc-1a2b3c4d5e6f --with-data --data-dir fsdd` – the answers too

`qplug replay comparisons/20260101-120000-digits-pennylane-pqc-1a2b3c4d5e6f --json`
"""
_BY_CLASS = (".per_class.", ".confusion.")


def replay(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", help="The directory of a finished run, set of runs or comparison.", show_default=False
        ),
    ],
    with_data: Annotated[
        bool, typer.Option("--with-data", help="Judge a run again by its weights, with the data it was made of.")
    ] = False,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the data, if they are not where they were; implies --with-data.", show_default=False
        ),
    ] = None,
    all_numbers: Annotated[bool, typer.Option("--all", help="Show every number, those by class too.")] = False,
    json: Json = False,
) -> None:
    """Derive every number again from what a folder holds, and say of each whether it holds.

    Needs no data, no plugin and no torch. The exit code is 1 where a number does not hold.
    """
    from qplug_cli.progress import loading

    with loading():
        from qplug.lab.capsule.replay import replay as derive

    found = derive(run)
    if with_data or data_dir is not None:
        found = _with_data(found, run, data_dir)
    if json:
        output.document({"replayed": str(run), **found.to_json()})
    else:
        _show(found, all_numbers=all_numbers)
    if found.faults:
        raise typer.Exit(1)


def _with_data(found: Replayed, run: Path, data_dir: Path | None) -> Replayed:
    from dataclasses import replace

    from qplug.contract.errors import UserError
    from qplug.lab.capsule.again import checks_with_data
    from qplug.lab.runner.workplace import Workplace
    from qplug_cli.progress import TerminalReporter

    if found.what != "run":
        raise UserError(
            f"{run} is a {found.what}, which is not judged again with data. Name one of its runs, or carry a "
            "comparison out again: qplug compare plan.toml"
        )
    place = Workplace.from_environment().with_data_dir(data_dir)
    with TerminalReporter() as reporter:
        checks = tuple(checks_with_data(run, place, reporter))
    return replace(found, checks=(*found.checks, *checks))


def _show(found: Replayed, *, all_numbers: bool) -> None:
    shown = [check for check in found.checks if all_numbers or not check.holds or not _is_detail(check.number)]
    console = output.console()
    console.print(_table(shown))
    if hidden := len(found.checks) - len(shown):
        console.print(f"{hidden} more numbers hold; to see them: --all")
    if found.not_derived:
        console.print(f"Nothing else tells {', '.join(found.not_derived)}.")
    n, faults = len(found.checks), found.faults
    console.print(f"{n - len(faults)} of {n} numbers hold." if faults else f"All {n} numbers of the {found.what} hold.")


def _is_detail(number: str) -> bool:
    """Whether it is one of many of its kind, shown only where it does not hold or is asked for."""
    many = ("configuration.", "environment.", "SHA-256")
    return any(part in number for part in _BY_CLASS) or number.startswith(many)


def _table(checks: Sequence[Check]) -> Any:
    from rich.table import Table

    from qplug_cli.words import Text

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    for heading in ("file", "number", "recorded", "derived", "holds"):
        table.add_column(heading, overflow="fold")
    for check in checks:
        holds = Text("yes", "green") if check.holds else Text("NO", "bold red")
        table.add_row(*map(Text, (check.file, check.number, _told(check.recorded), _told(check.derived))), holds)
    return table


def _told(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return " to ".join(map(_told, value)) if len(value) == 2 else ", ".join(map(_told, value))
    text = "–" if value is None else str(value)
    return f"{text[:12]}…" if len(text) == 64 and " " not in text else text
