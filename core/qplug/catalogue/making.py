"""One component by name, with its parameters."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from qplug import parameters
from qplug.catalogue.listing import load, load_any
from qplug.hooks.guard import put_back

_log = logging.getLogger("qplug")


def create(kind: str, name: str, values: Mapping[str, Any] | None = None) -> Any:
    """The component, made with these values; what its constructor changes for others is put back, and told.

    Args:
        kind: such as ``"head"``.
        name: which one.
        values: its parameters; those that are left out have their defaults.

    Raises:
        UserError: there is no such component, it is not installed, or a value cannot be used.
        PluginError: it is installed and cannot be used.
    """
    component = load(kind, name)
    with put_back(at_import=True) as changed:
        made = parameters.create(component, values or {}, f"{kind} {name}")
    if changed:
        told = " and ".join(changed)
        _log.warning("%s %r changed %s for the whole process when it was made. It was put back.", kind, name, told)
    return made


def hook(name: str) -> Any:
    """The hook plugin of that name, as it is announced: a module, or a class of which each run makes an object.

    Raises:
        UnknownName: no plugin announces it.
        PluginError: it is quarantined; with the reason and the distribution.
        UserError: the user disabled it.
    """
    return load_any("hook", name)
