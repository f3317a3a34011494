"""Recipes: whole pipelines by name, from the registry."""

from __future__ import annotations

from collections.abc import Sequence

from qplug import catalogue
from qplug.catalogue.layers import Layer, merge
from qplug.contract.errors import ConfigError
from qplug.lab.config.layers import checked

QUICKSTART = "quickstart"
"""The recipe of a run for which nobody names a data set."""


SMOKE: Layer = {"smoke": True, "training": {"epochs": 2}}
"""What makes a smoke run of any pipeline, unless the user says otherwise."""


def with_recipe(layers: Sequence[Layer], name: str | None = None, *, smoke: bool = False) -> list[Layer]:
    """The layers, and below them the recipe that they start from.

    Args:
        layers: settings by falling precedence.
        name: the recipe. None: none if the layers name a data set (a ``run.toml`` is complete, and the recipe it names
            is a record); else the recipe that they name; else the quickstart.
        smoke: a short run on generated files, with the recipe's own settings for that.

    Raises:
        UnknownName: no recipe has that name, or the recipe has a key that no run configuration has.
    """
    merged = merge(layers)
    if name is None and merged.get("dataset", {}).get("name"):
        return [*layers, SMOKE] if smoke else list(layers)
    name = name or merged.get("recipe", QUICKSTART)
    if not isinstance(name, str):
        raise ConfigError(f"recipe = {name!r} must be the name of a recipe.")
    recipe = catalogue.recipe(name)
    extra = [checked(dict(recipe.smoke), where=f"recipe {name}, smoke"), SMOKE] if smoke else []
    return [{"recipe": name}, *layers, *extra, checked(dict(recipe.run), where=f"recipe {name}")]
