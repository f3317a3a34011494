"""No network at all: the features themselves are the embedding."""

from __future__ import annotations

from typing import final

from torch import nn

from qplug.contract.interfaces import Backbone, BackboneCapabilities


@final
class IdentityBackbone(Backbone):
    """Every number of a feature, in one row: (channel, height, width) becomes (channel · height · width,)."""

    summary = "the features themselves, flattened"
    source = "qplug's own"
    capabilities = BackboneCapabilities(interface=1)
    frozen = True

    def build(self, feature_shape: tuple[int, ...]) -> nn.Module:
        """A module (batch, *feature_shape) → (batch, product of the shape)."""
        return nn.Flatten()
