"""The catalogue: what is installed (entry points), what is known (registry.toml), and one component by name.

Entry points are the truth about what is installed; they are read without importing anything. The registry is the truth
about what is known, and whom a name belongs to. A plugin that cannot be imported, clashes, or is not what its
interface asks is quarantined: shown with its reason, refused when asked for, and in nobody else's way.
"""

from qplug.catalogue.blame import Suspect, naming_faults
from qplug.catalogue.entry import Entry, Status
from qplug.catalogue.listing import command, disable, entries, entry, hooks, load, without
from qplug.catalogue.making import create
from qplug.catalogue.offers import GROUPS
from qplug.catalogue.peers import peers
from qplug.catalogue.registry import Known, Recipe, Registry, recipe, registry, shipped
from qplug.variables import cache_folder

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
    "hooks",
    "load",
    "naming_faults",
    "peers",
    "recipe",
    "registry",
    "shipped",
    "without",
]
