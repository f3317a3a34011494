"""The shape of ``run.toml``, checked once where a layer comes in; values are checked by their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from qplug.contract.errors import ConfigError

_Name = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200)]


class _Component(BaseModel):
    """The table of one component: its name, its preset, and parameters of its own."""

    model_config = ConfigDict(extra="allow")

    name: _Name | None = None


class _Branch(BaseModel):
    reducer: _Component | None = None
    head: _Component | None = None
    weight: Annotated[float, Field(allow_inf_nan=False)] | str = 1.0


class _RunFile(BaseModel):
    """What stands at the top of ``run.toml`` beside options, which are parameters of the run."""

    dataset: _Component | None = None
    features: _Component | None = None
    backbone: _Component | None = None
    reducer: _Component | None = None
    head: _Component | None = None
    backend: _Component | None = None
    branch: Annotated[list[_Branch], Field(min_length=1, max_length=1000)] | None = None
    recipe: _Name | None = None


_WAYS = {
    "name": 'write name = "…" with one of the names in: qplug list',
    "branch": "write one [[branch]] for each, with a table [branch.head]",
    "weight": "write weight = 0.5, for example",
    "recipe": 'write recipe = "…" with one of the names in: qplug recipes',
}


def refuse_misshapen(layer: Mapping[str, Any], where: str) -> None:
    """Refuses a layer whose tables, lists and names are not what and where they should be.

    Args:
        layer: what was read, its keys known.
        where: the file or recipe, for errors.

    Raises:
        ConfigError: the message names the place, what is there, and what belongs there.
    """
    try:
        _RunFile.model_validate(layer)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(
            str(step + 1) if isinstance(step, int) else step for step in first["loc"] if step not in ("str", "float")
        )
        keys = [step for step in first["loc"] if isinstance(step, str) and step in (*_WAYS, "head", "reducer")]
        way = _WAYS.get(keys[-1] if keys else "", 'write a table such as [branch.head] with name = "…"')
        got = repr(first["input"])
        raise ConfigError(f"{where}: {place} cannot be {got[:80]}{'…' if len(got) > 80 else ''}; {way}.") from None
