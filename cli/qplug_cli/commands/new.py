"""``qplug new plugin``: a whole package that installs and passes its tests, to be changed into one's own."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Annotated

import typer

from qplug_cli import output
from qplug_cli.options import Json
from qplug_cli.plain_help import PlainCommand, PlainGroup

EXAMPLES = """
**Examples**

`qplug new plugin night-birds --kind dataset` – a data set with official folds, an example and its tests

`qplug new plugin staircase --kind pennylane-head` – a quantum head, written in PennyLane

`qplug new plugin my-simulator --kind backend --out /tmp` – a backend, in another folder
"""

app = typer.Typer(
    cls=PlainGroup,
    add_completion=False,
    rich_markup_mode="markdown",
    help="Begin a plugin: a whole package that is right from the start.",
    epilog=inspect.cleandoc(EXAMPLES),
)


@app.callback(invoke_without_command=True)
def _new(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")


@app.command(cls=PlainCommand, epilog=inspect.cleandoc(EXAMPLES))
def plugin(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, as users will type it: night-birds.")],
    kind: Annotated[str, typer.Option("--kind", metavar="KIND", help="What it holds, such as dataset or head.")],
    out: Annotated[Path, typer.Option("--out", help="The folder that gets the package.")] = Path(),
    json: Json = False,
) -> None:
    """Write a package with one component: entry point, typed example, tests, CI, and the entry for the registry.

    Kinds: dataset, features, backbone, reducer, head, quantum-head, pennylane-head, qiskit-head, backend,
    remote-backend, executor, hooks. It installs and passes its tests, ruff and mypy --strict as it is.
    """
    from qplug_cli import scaffold

    files = scaffold.write(name, kind, out)
    if json:
        output.document({"kind": kind, "name": name, "files": [str(file) for file in files]})
        return
    folder = files[0].parent
    sys.stdout.write("".join(f"{file}\n" for file in files))
    sys.stdout.write(f"\nnext: pip install -e '{folder}[dev]' && pytest {folder}\n")
