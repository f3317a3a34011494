"""A convolutional network for log-mel spectrograms with a 256-dimensional embedding."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, final

from pydantic import Field
from torch import nn

from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import Backbone, BackboneCapabilities
from qplug_models.layers import GlobalMean, convolution_block


@final
@dataclass(kw_only=True, eq=False)
class AudioCnnBig(Backbone):
    """Blocks of convolution, batch norm, ReLU and max-pooling, then the mean over mel bands and frames.

    Features (channel, mel, frame) become embeddings: one number for each channel of the last block, 256 by default.
    Because of the global mean the number of weights does not depend on the duration.

    **Source:** ``AudioCNNBackboneBig`` of the UrbanSound8K fusion system
    (https://github.com/pharoh673/audio-hybrid-quantum-experiments).
    **Differs from the source:** dropout stands once, on the embedding, rather than in each block.
    """

    summary = "convolutions with batch norm on log-mel spectrograms, global mean, 256-d embedding"
    source = "https://github.com/pharoh673/audio-hybrid-quantum-experiments"
    capabilities = BackboneCapabilities(interface=1, input_axes=3)

    channels: Annotated[
        tuple[Annotated[int, Field(ge=1)], ...],
        Field(min_length=1, max_length=8, description="output channels of the blocks; each halves its input"),
    ] = (32, 64, 128, 256)
    dropout: Annotated[float, Field(ge=0, lt=1, description="share of the embedding dropped in training")] = 0.3
    n_features: Annotated[
        int | None,
        Field(ge=1, description="width of the embedding by one more layer; unset: the last block's channels"),
    ] = None
    frozen: Annotated[bool, Field(description="keep the (random) weights as they are")] = False

    def build(self, feature_shape: tuple[int, ...]) -> nn.Module:
        """A module (batch, channel, mel, frame) → (batch, n_features).

        Raises:
            NotSupported: too few mel bands or frames for that many halvings.
        """
        least = 2 ** len(self.channels)
        if min(feature_shape[1:]) < least:
            raise NotSupported(
                f"audio-cnn-big with {len(self.channels)} blocks needs at least {least} mel bands and frames; "
                f"these features have the shape {feature_shape}. Extract larger ones or use fewer blocks: "
                "--set backbone.channels=32,64"
            )
        blocks = [convolution_block(before, after) for before, after in pairwise((feature_shape[0], *self.channels))]
        network = nn.Sequential(*blocks, GlobalMean(), nn.Dropout(self.dropout), *self._widened())
        return network.requires_grad_(not self.frozen)

    def _widened(self) -> list[nn.Module]:
        if self.n_features is None:
            return []
        return [nn.Linear(self.channels[-1], self.n_features), nn.BatchNorm1d(self.n_features), nn.ReLU()]
