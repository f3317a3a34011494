"""``qplug check``: whether a component keeps every promise of its kind."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qplug import catalogue
from qplug.contract.errors import UnknownName
from qplug_cli import output
from qplug_cli.commands.list import PLURALS, singular
from qplug_cli.commands.show import setting
from qplug_cli.options import Json, NoPlugin, PluginFile, Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from qplug.contract.interfaces import Backend
    from qplug.testing.conformance import Check, Outcome

EXAMPLES = """
**Examples**

`qplug check head pennylane-pqc --set n_qubits=3` – every check of a quantum head, at a size that is quick

`qplug check dataset doors --data-dir doors` – of a data set, with its files

`qplug check features my_parts.features:Loudness` – of a class that no package announces yet

`qplug check reducer pca --only fit-repeats` – one check
"""

COLOURS = {"passed": "green", "failed": "red", "skipped": "yellow"}


def check(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Its kind, such as head.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, as in qplug list, or module:Class.")],
    settings: Settings = None,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Files of a data set.  [default: an example that it writes]")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="CHECK", help="Make this check alone. Repeatable.")
    ] = None,
    skip: Annotated[
        list[str] | None, typer.Option("--skip", metavar="CHECK", help="Leave this check out. Repeatable.")
    ] = None,
    send: Annotated[bool, typer.Option("--send", help="Send work to a remote backend, which may cost.")] = False,
    json: Json = False,
    plugin: PluginFile = None,
    no_plugin: NoPlugin = None,
) -> None:
    """Find out whether a component keeps every promise of its kind: the checks of qplug.testing.conformance.

    Exit code 1 if a promise is broken. A check that cannot be made says what it lacks.
    """
    wanted = singular(kind, known={kind: many for kind, many in PLURALS.items() if kind not in ("recipe", "command")})
    checks = _chosen(_checks(wanted, name, settings or (), data_dir, send=send), only or (), skip or ())
    found = _made(checks, f"{len(checks)} check{'s' * (len(checks) != 1)} of {name}")
    counts = Counter[str](each.status for each in found)
    if json:
        told = {status: counts[status] for status in COLOURS}
        output.document({"kind": wanted, "name": name, **told, "checks": [asdict(each) for each in found]})
    else:
        _print(found, counts)
    if counts["failed"]:
        raise typer.Exit(1)


def _checks(kind: str, name: str, settings: Sequence[str], data_dir: Path | None, *, send: bool) -> list[Check]:
    from qplug.testing.conformance import Setting, checks_for

    if kind == "hook":
        return checks_for(catalogue.hook(name))
    component = catalogue.create(kind, name, dict(setting(kind, text) for text in settings))
    backend = _backend() if kind == "head" else None
    return checks_for(component, Setting(folder=data_dir, backend=backend, sends=send))


def _made(checks: list[Check], what: str) -> list[Outcome]:
    """How each check ends. What they bring about on purpose, a component may warn of; nobody needs to read it."""
    from qplug.testing.conformance import outcomes
    from qplug_cli.progress import TerminalReporter

    found = []
    with TerminalReporter() as reporter, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        reporter.stage(what)
        for number, each in enumerate(outcomes(checks), start=1):
            found.append(each)
            reporter.progress(number, len(checks))
    return found


def _backend() -> Backend | None:
    """Where circuits train by default, if that is installed; the checks bring a slow simulator of their own."""
    name = catalogue.registry().defaults.training_backend
    known = [row.name for row in catalogue.entries("backend") if row.status == "ready"]
    backend: Backend | None = catalogue.create("backend", name) if name in known else None
    return backend


def _chosen(checks: list[Check], only: Iterable[str], skip: Iterable[str]) -> list[Check]:
    wanted, unwanted, names = set(only), set(skip), {each.name for each in checks}
    for name in sorted((wanted | unwanted) - names):
        raise UnknownName.of("check", name, names)
    return [each for each in checks if (not wanted or each.name in wanted) and each.name not in unwanted]


def _print(found: list[Outcome], counts: Counter[str]) -> None:
    from rich.table import Table

    from qplug_cli.words import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for heading in ("check", "", ""):
        table.add_column(heading, no_wrap=heading == "check", overflow="fold")
    for each in found:
        table.add_row(each.name, Text(each.status, COLOURS[each.status]), Text(each.told))
    console: Any = output.console()
    console.print(table)
    told = ", ".join(f"{counts[status]} {status}" for status in COLOURS if counts[status])
    console.print(Text(f"\n{told}", "bold red" if counts["failed"] else "bold green"))
