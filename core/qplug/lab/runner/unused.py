"""What was asked for and has no effect."""

from __future__ import annotations

from collections.abc import Iterable

from qplug.lab.config.layers import Layer
from qplug.lab.config.model import RunConfig
from qplug.lab.config.toml import to_layer
from qplug.lab.pipeline.parts import Parts


def unused_backend(layers: Iterable[Layer], config: RunConfig, parts: Parts) -> str:
    """A sentence about a backend that was named although there is no circuit to run on it; else empty.

    Args:
        layers: what was given. A layer that writes out a whole configuration, as ``run.toml`` does, has a backend in
            any case, so nobody asked for that.
        config: what they came to.
        parts: its components.
    """
    written_out = to_layer(config)["training"].keys()
    named = any(
        "name" in layer.get("backend", ()) and not written_out <= layer.get("training", {}).keys() for layer in layers
    )
    if parts.quantum or not named:
        return ""
    return f"backend {config.backend.name} is not used, because no head has a circuit ({config.heads})"
