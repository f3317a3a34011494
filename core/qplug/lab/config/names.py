"""Names of components looked up before anything is loaded that takes time, so that a slip of the pen costs none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from qplug import catalogue
from qplug.catalogue.layers import Layer, merge
from qplug.lab.config.layers import TABLES


def refuse_unknown_names(layers: Sequence[Layer]) -> None:
    """Refuses a component's name that nothing has, of those that take effect.

    Args:
        layers: settings, the ones with the highest precedence first.

    Raises:
        UnknownName: the first such name, with near ones.
    """
    for kind, name in _named(merge(layers)):
        if isinstance(name, str) and not catalogue.is_code(name) and not catalogue.is_object(name):
            catalogue.entry(kind, name)


def _named(settings: Layer) -> Iterator[tuple[str, Any]]:
    for tables in (settings, *settings.get("branch", ())):
        for kind in TABLES:
            table = tables.get(kind)
            if isinstance(table, dict) and "name" in table:
                yield kind, table["name"]
