"""``qplug replay``: every number of finished work, derived again from what its folder, or a capsule, holds."""

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

`qplug replay 20260101-120000-fsdd-pennylane-pqc-1a2b3c4d5e6f.capsule.zip` – what somebody else has packed
"""
_MANY = 6
_BY_CLASS = (".per_class.", ".confusion.")


def replay(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN",
            help="The directory of a finished run, set of runs or comparison, or a capsule.",
            show_default=False,
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
        from qplug.lab.capsule.replay import replay_capsule

    if with_data or data_dir is not None:
        found = _with_data(run, data_dir)
    else:
        found = replay_capsule(run) if run.is_file() else derive(run)
    if json:
        output.document({"replayed": str(run), **found.to_json()})
    else:
        _show(found, all_numbers=all_numbers)
    if found.faults:
        raise typer.Exit(1)


def _with_data(run: Path, data_dir: Path | None) -> Replayed:
    from qplug.lab.capsule.again import checks_with_data
    from qplug.lab.capsule.replay import replay_capsule, replay_with
    from qplug.lab.runner.workplace import Workplace
    from qplug_cli.progress import TerminalReporter

    place = Workplace.from_environment().with_data_dir(data_dir)
    with TerminalReporter() as reporter:
        return (replay_capsule if run.is_file() else replay_with)(
            run, lambda folder: checks_with_data(folder, place, reporter)
        )


def _show(found: Replayed, *, all_numbers: bool) -> None:
    from qplug.contract.errors import some_of
    from qplug.lab.capsule.check import EXACTLY

    shown = [check for check in found.checks if all_numbers or not check.holds or not _is_detail(check.number)]
    console = output.console()
    console.print(_table(shown))
    if hidden := len(found.checks) - len(shown):
        console.print(f"{hidden} more numbers hold; to see them: --all")
    for tolerance in dict.fromkeys(check.tolerance for check in found.checks if check.tolerance != EXACTLY):
        own = dict.fromkeys(check.number for check in found.checks if check.tolerance == tolerance)
        console.print(f"Not exactly ({tolerance}): {some_of(list(own), _MANY)}.", markup=False)
    if found.not_derived:
        console.print(f"Nothing else tells {', '.join(found.not_derived)}.", markup=False)
    n, faults = len(found.checks), found.faults
    console.print(f"{n - len(faults)} of {n} numbers hold." if faults else f"All {n} numbers of the {found.what} hold.")


def _is_detail(number: str) -> bool:
    """Whether it is one of many of its kind, shown only where it does not hold or is asked for."""
    many = ("configuration.", "environment.", "SHA-256", "size in the capsule")
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
