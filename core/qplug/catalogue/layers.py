"""Layers of settings, merged: of a recipe and its base as of a run's flags, files and defaults.

A *layer* is a plain dictionary in the shape of ``run.toml``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

Layer: TypeAlias = dict[str, Any]


def merge(layers: Iterable[Layer]) -> Layer:
    """The layers as one, the first taking precedence over those behind it.

    Tables are merged key by key. One that names another component than those below it replaces them whole, since their
    parameters belong to another. A list of branches replaces the single reducer and head of the layers below it, and a
    head named above a list of branches replaces the list.
    """
    merged: Layer = {}
    for layer in layers:
        hidden: tuple[str, ...] = ("reducer", "head") if "branch" in merged else ()
        if not hidden and "name" in merged.get("head", {}):
            hidden = ("branch",)
        below = {key: value for key, value in layer.items() if key not in hidden}
        merged = {**below, **{key: _over(below.get(key), value) for key, value in merged.items()}}
    return merged


def _over(below: Any, above: Any) -> Any:
    if not (isinstance(below, Mapping) and isinstance(above, Mapping)):
        return above
    # Parameters of another component mean nothing here; parameters without a name belong to whichever is named.
    if "name" in above and below.get("name", above["name"]) != above["name"]:
        return dict(above)
    return {**below, **above}
