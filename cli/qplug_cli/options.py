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
