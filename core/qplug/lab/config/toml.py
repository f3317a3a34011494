"""A run configuration as ``run.toml``, and its short hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import tomli_w

from qplug.catalogue.layers import Layer
from qplug.lab.config.layers import FORMAT
from qplug.lab.config.model import Branch, Choice, RunConfig
from qplug.lab.config.options import OPTIONS


def to_layer(config: RunConfig) -> Layer:
    """The configuration in the shape of ``run.toml``; resolving it again gives an equal one."""
    layer: Layer = {key: _plain(getattr(config, key)) for key in OPTIONS}
    for kind in ("dataset", "features", "backbone", "backend"):
        layer[kind] = _table(getattr(config, kind))
    layer |= _branch_tables(config.branches)
    layer["training"] = config.training.model_dump()
    layer["augmentation"] = config.augmentation.model_dump()
    cleaned: Layer = _without_none(layer)
    return cleaned


def to_toml(config: RunConfig) -> str:
    """The text of ``run.toml``."""
    head = "# One qplug run, every default filled in. Repeat it: qplug run --config run.toml\n\n"
    return head + tomli_w.dumps({"format": FORMAT, **to_layer(config)})


def full_hash(layer: Layer) -> str:
    """SHA-256 (hex) that differs between configurations, wherever their data lie.

    Args:
        layer: what ``to_layer`` gives, or what stands in a ``run.toml``.
    """
    kept = {key: value for key, value in layer.items() if key not in ("data_dir", "format")}
    return hashlib.sha256(json.dumps(kept, sort_keys=True, default=str).encode()).hexdigest()


def short_hash(config: RunConfig) -> str:
    """The first twelve digits of the configuration's ``full_hash``."""
    return full_hash(to_layer(config))[:12]


def _branch_tables(branches: tuple[Branch, ...]) -> Layer:
    if len(branches) == 1 and branches[0].weight == 1.0:
        return {"reducer": _table(branches[0].reducer), "head": _table(branches[0].head)}
    return {
        "branch": [
            {"weight": branch.weight, "reducer": _table(branch.reducer), "head": _table(branch.head)}
            for branch in branches
        ]
    }


def _table(choice: Choice) -> dict[str, Any]:
    return {"name": choice.name, **{key: _plain(value) for key, value in choice.parameters.items()}}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(entry) for entry in value]
    return value if isinstance(value, bool | int | float | str | type(None)) else str(value)


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_none(entry) for key, entry in value.items() if entry is not None}
    return value
