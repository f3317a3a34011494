"""The catalogue: what is installed (entry points), what is known (registry.toml), and one component by name.

Entry points are the truth about what is installed; they are read without importing anything. The registry is the truth
about what is known, and whom a name belongs to. A plugin that cannot be imported, clashes, or is not what its
interface asks is quarantined: shown with its reason, refused when asked for, and in nobody else's way.

What a listing does without is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from qplug.catalogue.entry import Entry, Status
from qplug.catalogue.listing import command, disable, entries, entry, hooks, load, without
from qplug.catalogue.offers import GROUPS
from qplug.catalogue.registry import Known, Recipe, Registry, recipe, registry, shipped
from qplug.catalogue.unannounced import is_code, is_object, keep, with_component
from qplug.variables import cache_folder

if TYPE_CHECKING:
    from qplug.catalogue.announced_peers import peers
    from qplug.catalogue.blame import Suspect, naming_faults
    from qplug.catalogue.making import create, hook
    from qplug.catalogue.plugging_in import plug_in

_LATER = {
    "Suspect": "qplug.catalogue.blame",
    "create": "qplug.catalogue.making",
    "hook": "qplug.catalogue.making",
    "naming_faults": "qplug.catalogue.blame",
    "peers": "qplug.catalogue.announced_peers",
    "plug_in": "qplug.catalogue.plugging_in",
}

__all__ = [
    "GROUPS",
    "Entry",
    "Known",
    "Recipe",
    "Registry",
    "Status",
    "Suspect",
    "cache_folder",
    "command",
    "create",
    "disable",
    "entries",
    "entry",
    "hook",
    "hooks",
    "is_code",
    "is_object",
    "keep",
    "load",
    "naming_faults",
    "peers",
    "plug_in",
    "recipe",
    "registry",
    "shipped",
    "with_component",
    "without",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)
