"""``qplug recipes``: whole pipelines by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from qplug_cli import output
from qplug_cli.options import Json

if TYPE_CHECKING:
    from qplug.catalogue import Recipe

EXAMPLES = """
**Examples**

`qplug recipes` – all of them

`qplug show recipe urbansound8k-fusion` – its components and settings

`qplug run --recipe urbansound8k-fusion --data-dir ~/data/urbansound8k --fold all`

`qplug run --recipe urbansound8k-fusion-classical --smoke` – on generated files, in a minute
"""


def recipes(json: Json = False) -> None:
    """Every recipe: what it runs, on which protocol, and what the original reported."""
    from qplug import catalogue

    known = catalogue.registry().recipes
    if json:
        output.document([asdict(recipe) for recipe in known.values()])
        return
    from rich.padding import Padding

    from qplug_cli.words import Text

    console = output.console()
    for recipe in known.values():
        console.print(Text(recipe.name, "bold"))
        console.print(Padding(Text(recipe.summary), (0, 0, 0, 2)))
        if not recipe.base:
            for label, text in facts(recipe):
                console.print(Padding(Text(f"{label}: {text}", "dim"), (0, 0, 0, 2)))


def facts(recipe: Recipe) -> Sequence[tuple[str, str]]:
    """What is known of a recipe, label and text."""
    told = [
        ("protocol", recipe.protocol),
        *(("original", str(claim)) for claim in recipe.results),
        ("original", recipe.original),
        ("source", recipe.source),
    ]
    return [(label, text) for label, text in told if text]
