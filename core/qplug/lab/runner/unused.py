"""What was asked for and has no effect."""

from __future__ import annotations

from collections.abc import Iterable

from qplug.catalogue.layers import Layer
from qplug.lab.config.model import RunConfig
from qplug.lab.config.toml import to_layer
from qplug.lab.pipeline.components import Components


def unused_backend(layers: Iterable[Layer], config: RunConfig, components: Components) -> str:
    """A sentence about a backend that was named although there is no circuit to run or train on it; else empty.

    Args:
        layers: what was given. A layer that writes out a whole configuration, as ``run.toml`` does, has a backend in
            any case, so nobody asked for that.
        config: what they came to.
        components: its components.
    """
    if components.quantum:
        return ""
    written_out = to_layer(config)["training"].keys()
    asked = [layer for layer in layers if not written_out <= layer.get("training", {}).keys()]
    if any("name" in layer.get("backend", ()) for layer in asked):
        return f"backend {config.backend.name} is not used, because no head has a circuit ({config.heads})"
    if any("backend" in layer.get("training", ()) for layer in asked):
        return f"training.backend {config.training.backend} is not used, because no head has a circuit ({config.heads})"
    return ""
