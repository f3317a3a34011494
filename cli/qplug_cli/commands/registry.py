"""``qplug registry``: entries of registry.toml, checked before they are proposed."""

from __future__ import annotations

import inspect
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from qplug.contract.errors import DataError
from qplug_cli import output
from qplug_cli.options import Json
from qplug_cli.plain_help import PlainCommand, PlainGroup
from qplug_cli.visible import visible

EXAMPLES = """
**Examples**

`qplug registry check registry.toml` – whether entries can be added to the registry

`qplug registry schema` – what an entry may hold, as JSON schema for an editor
"""

app = typer.Typer(
    cls=PlainGroup,
    add_completion=False,
    rich_markup_mode="markdown",
    help="The registry of known components: entries checked before they are proposed.",
    epilog=inspect.cleandoc(EXAMPLES),
)
_command = partial(app.command, cls=PlainCommand, epilog=inspect.cleandoc(EXAMPLES))


@app.callback(invoke_without_command=True)
def _registry(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")


@_command("check")
def check(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A TOML file with entries.  [default: qplug's own registry]")
    ] = None,
    json: Json = False,
) -> None:
    """Say all that is wrong with the entries of a file: keys, texts, names that others have, recipes that name nothing.

    The file is all of registry.toml or some entries for it. Ends with 2 where something is wrong.
    """
    from qplug import catalogue
    from qplug.lab.config.registry_faults import registry_faults

    path = file or catalogue.shipped("registry.toml")
    faults = registry_faults(path)
    if json:
        output.document({"file": str(path), "faults": faults})
    if faults:
        told = "".join(f"\n  {visible(fault)}" for fault in faults)
        raise DataError(f"{path}: {len(faults)} faults.{told}" if len(faults) > 1 else f"{path}: {faults[0]}.")
    if not json:
        sys.stdout.write(f"{visible(str(path))} is in order.\n")


@_command("schema")
def schema() -> None:
    """Print the JSON schema of registry.toml."""
    from qplug.lab.config.registry_faults import registry_schema

    output.document(registry_schema())
