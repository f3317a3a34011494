"""Settings of a call in Python, as the layers that a command line gives."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from qplug import catalogue, parameters
from qplug.catalogue.layers import Layer
from qplug.contract.errors import ParameterError
from qplug.contract.interfaces import Component
from qplug.lab.config.branches import from_head
from qplug.lab.config.layers import from_flags, from_names

Given: TypeAlias = str | type[Component] | Component
"""A component: by name, as ``"module:Class"``, or as a class or an object."""


def layer_of(components: Mapping[str, Given | None], options: Mapping[str, Any], assigned: Mapping[str, Any]) -> Layer:
    """The settings that a call names, as a command line would.

    Args:
        components: by kind; None where none is given.
        options: of the run, and the table ``training``; None where none is given.
        assigned: what ``set`` holds, such as ``{"head.n_layers": 3}``.

    Raises:
        UserError: something that is no component, or no setting.
    """
    layer: Layer = {key: value for key, value in options.items() if value not in (None, {})}
    for kind, given in components.items():
        if given is not None:
            layer |= table_of(kind, given)
    return from_flags(layer, assignments(assigned))


def table_of(kind: str, given: Given) -> Layer:
    """The layer that one component makes; a head's may be that of several branches."""
    if isinstance(given, str):
        return from_head(given) if kind == "head" else from_names({kind: given})
    return {kind: catalogue.with_component(kind, given)}


def name_of(kind: str, given: Given) -> str:
    """One word for a component, where there is room for no parameters."""
    if isinstance(given, str):
        return given
    table = catalogue.with_component(kind, given)
    name = str(table.pop("name"))
    usual = parameters.resolved(catalogue.load(kind, name), {})
    return name if table in ({}, usual) else catalogue.keep(kind, given)


def assignments(assigned: Mapping[str, Any]) -> list[str]:
    """What ``set`` holds, as ``--set`` options.

    Raises:
        ParameterError: it is no mapping from words to values.
    """
    if not isinstance(assigned, Mapping) or not all(isinstance(key, str) for key in assigned):
        raise ParameterError(f'set takes settings by name, such as {{"head.n_layers": 3}}; got {assigned!r}.')
    return [f"{key}={parameters.value_text(value)}" for key, value in assigned.items()]


def folder(path: str | Path | None) -> str | None:
    """A folder's whole path, as a run keeps it."""
    return None if path is None else str(Path(path).expanduser().resolve())
