"""A small convolutional network: three blocks of convolution, ReLU and max-pooling."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, final

from pydantic import Field
from torch import nn

from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import Backbone, BackboneCapabilities
from qplug_models.layers import Halving

SMALLEST = 8
"""Fewest rows and columns that three halvings leave something of."""


@final
@dataclass(kw_only=True, eq=False)
class Cnn3(Backbone):
    """Three convolutions with max-pooling, then one fully connected layer to the embedding.

    Features (channel, height, width) of at least 8 x 8 become embeddings (n_features,).

    **Source:** the classical network of the QC-CNN audio system: three blocks of convolution, ReLU and max-pooling,
    dropout, fully connected layers.
    **Differs from the source:** the widths, which are smaller, and one fully connected layer: reducer and head follow.
    """

    summary = "three convolutions with max-pooling, dropout, fully connected"
    source = "QC-CNN"
    capabilities = BackboneCapabilities(interface=1, input_axes=3)

    channels: Annotated[
        tuple[int, int, int], Field(description="output channels of the three convolutions, each at least 1")
    ] = (8, 16, 32)
    kernel: Annotated[int, Field(ge=1, le=11, description="rows and columns of a convolution kernel; odd")] = 3
    dropout: Annotated[float, Field(ge=0, lt=1, description="share of values dropped before the last layer")] = 0.2
    n_features: Annotated[int, Field(ge=1, description="width of the embedding")] = 32
    frozen: Annotated[bool, Field(description="keep the (random) weights as they are")] = False

    def build(self, feature_shape: tuple[int, ...]) -> nn.Module:
        """A module (batch, channel, height, width) → (batch, n_features).

        Raises:
            NotSupported: fewer than 8 rows or columns, an even kernel, or a block without channels.
        """
        _, height, width = feature_shape
        if min(height, width) < SMALLEST:
            raise NotSupported(
                f"cnn3 halves its features three times and needs at least {SMALLEST} rows and columns; "
                f"these have the shape {feature_shape}. Extract larger features."
            )
        if self.kernel % 2 == 0 or min(self.channels) < 1:
            raise NotSupported(
                f"cnn3 takes an odd kernel and at least one channel per block; "
                f"got kernel={self.kernel}, channels={self.channels}."
            )
        n_cells = (height // 8) * (width // 8)
        network = nn.Sequential(
            *self._blocks(feature_shape[0]),
            nn.Flatten(),
            nn.Dropout(self.dropout),
            nn.Linear(self.channels[-1] * n_cells, self.n_features),
        )
        return network.requires_grad_(not self.frozen)

    def _blocks(self, n_channels: int) -> list[nn.Module]:
        layers: list[nn.Module] = []
        for before, after in pairwise((n_channels, *self.channels)):
            layers += [
                nn.Conv2d(before, after, self.kernel, padding=self.kernel // 2),
                Halving(),
                nn.ReLU(),  # after pooling it gives the same values and gradients, on a quarter of them
            ]
        return layers
