"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


def _disable(names: list[str] | None) -> list[str] | None:
    if names:
        from qplug import catalogue

        catalogue.disable(names)
    return names


class OnBadFile(StrEnum):
    """What to do about a file that cannot be used."""

    refuse = "refuse"
    skip = "skip"


Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON document on stdout.")]

Jobs = Annotated[
    int,
    typer.Option(min=1, max=4096, help="How many runs of a set at once, each in a process of its own."),
]

Figures = Annotated[
    bool,
    typer.Option("--figures/--no-figures", help="Draw the figures of each run; a set of many is quicker without."),
]

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
