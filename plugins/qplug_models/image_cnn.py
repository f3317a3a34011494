"""A convolutional network for small images."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, final

from pydantic import Field
from torch import nn

from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import Backbone, BackboneCapabilities
from qplug_models.layers import convolution_block


@final
@dataclass(kw_only=True, eq=False)
class ImageCnn(Backbone):
    """Blocks of convolution, batch norm, ReLU and max-pooling, then one fully connected layer.

    Images (channel, height, width) become embeddings (n_features,).

    **Source:** the classical half of the hybrid image networks for MNIST and CIFAR-10: a small convolutional network
    before a circuit of four qubits.
    **Differs from the source:** widths and batch norm, which are this project's choice.
    """

    summary = "small convolutional network for images such as MNIST's and CIFAR-10's"
    source = "hybrid image networks"
    capabilities = BackboneCapabilities(interface=1, input_axes=3)

    channels: Annotated[
        tuple[Annotated[int, Field(ge=1)], ...],
        Field(min_length=1, max_length=8, description="output channels of the blocks; each halves rows and columns"),
    ] = (16, 32, 64)
    dropout: Annotated[float, Field(ge=0, lt=1, description="share of values dropped before the last layer")] = 0.3
    n_features: Annotated[int, Field(ge=1, description="width of the embedding")] = 64
    frozen: Annotated[bool, Field(description="keep the (random) weights as they are")] = False

    def build(self, feature_shape: tuple[int, ...]) -> nn.Module:
        """A module (batch, channel, height, width) → (batch, n_features).

        Raises:
            NotSupported: too few pixels for that many halvings.
        """
        _, height, width = feature_shape
        halvings = len(self.channels)
        if min(height, width) < 2**halvings:
            raise NotSupported(
                f"image-cnn with {len(self.channels)} blocks needs images of at least {2**halvings} x {2**halvings} "
                f"pixels; these have the shape {feature_shape}. Use larger ones (--set features.size=32) or fewer "
                "blocks: --set backbone.channels=32"
            )
        blocks = [convolution_block(before, after) for before, after in pairwise((feature_shape[0], *self.channels))]
        n_values = self.channels[-1] * (height >> halvings) * (width >> halvings)
        last = [nn.Flatten(), nn.Dropout(self.dropout), nn.Linear(n_values, self.n_features), nn.ReLU()]
        return nn.Sequential(*blocks, *last).requires_grad_(not self.frozen)
