"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


def _disable(names: list[str] | None) -> list[str] | None:
    if names:
        from qplug import catalogue

        catalogue.disable(names)
    return names


def _plug_in(context: typer.Context, files: list[Path] | None) -> list[Path] | None:
    if files and not context.resilient_parsing:  # a shell that completes a line imports nothing
        from qplug import catalogue

        catalogue.plug_in(*files)
    return files


class OnBadFile(StrEnum):
    """What to do about a file that cannot be used."""

    refuse = "refuse"
    skip = "skip"


Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON document on stdout.")]

Jobs = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=4096,
        help="How many runs of a set at once, each in a process of its own.  "
        "[default: 1; with --executor, and for a comparison with minutes of work left, as many as there is room for]",
        rich_help_panel="Many at once",
    ),
]

ExecutorName = Annotated[
    str | None,
    typer.Option(
        "--executor",
        metavar="NAME",
        help="Who carries out the runs of a set: qplug list executors. Set it with --set executor.PARAM=VALUE.  "
        "[default: local]",
        rich_help_panel="Many at once",
    ),
]

PerGpu = Annotated[
    int | None,
    typer.Option(min=1, max=64, help="How many runs of a set may share a GPU.", rich_help_panel="Many at once"),
]

ExecutorSettings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="executor.PARAM=VALUE",
        help="Set one parameter of the executor: qplug show executor NAME. Repeatable.",
        rich_help_panel="Many at once",
    ),
]

Figures = Annotated[
    bool,
    typer.Option("--figures/--no-figures", help="Draw the figures of each run; a set of many is quicker without."),
]

PluginFile = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        metavar="FILE",
        callback=_plug_in,
        is_eager=True,
        help="A Python file with parts that no package brings: a class LoudHead in it is named loud-head. Repeatable.",
    ),
]
"""As ``NoPlugin``, and before it: what a file brings can be left out."""

NoPlugin = Annotated[
    list[str] | None,
    typer.Option(
        "--no-plugin",
        metavar="NAME",
        callback=_disable,
        help="Do without a plugin: a distribution, a component, or kind:component. Repeatable.",
    ),
]
"""Does its work by itself, when the command line is parsed; a command only has to list it."""

Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="PARAM=VALUE", help="Set one of its parameters by name, as in qplug show. Repeatable."
    ),
]
