"""Presets: named sets of a component's parameters, written out in the layer that names them."""

from __future__ import annotations

from collections.abc import Sequence

from qplug import catalogue, parameters
from qplug.catalogue.layers import Layer, merge
from qplug.parameters import PRESET


def written_out(layers: Sequence[Layer], kind: str, default: str | None = None) -> list[Layer]:
    """The layers with the preset of one kind of component replaced by the parameters that it stands for.

    They are put where the preset was named: under what that layer and those above it set, over the layers below. Where
    several layers name a preset, the first one counts alone.

    Args:
        layers: settings by falling precedence.
        kind: the table that is looked at, such as ``"features"``.
        default: the component that is meant where no layer names one.

    Raises:
        UnknownName: the component does not exist or has no such preset.
        NotInstalled: the component's packages are missing.
    """
    name = merge(layers).get(kind, {}).get("name", default)
    if not isinstance(name, str):
        return list(layers)  # nobody's preset, which is refused where a name is needed
    done: list[Layer] = []
    found = False
    for layer in layers:
        table = dict(layer.get(kind, {}))
        if PRESET not in table:
            done.append(layer)
            continue
        # A table of another component is dropped when the layers are merged, and its preset with it.
        if not found and table.get("name", name) == name:
            table = parameters.expanded(catalogue.load(kind, name), table, what=f"{kind} {name}")
            found = True
        table.pop(PRESET, None)
        done.append({**layer, kind: table})
    return done
