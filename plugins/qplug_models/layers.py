"""Layers that several networks share."""

from __future__ import annotations

from torch import Tensor, nn


class GlobalMean(nn.Module):
    """Maps (batch, channel, height, width) → their means (batch, channel)."""

    def forward(self, maps: Tensor) -> Tensor:
        """Means (batch, channel)."""
        return maps.mean((2, 3))


def convolution_block(before: int, after: int) -> nn.Sequential:
    """A 3 x 3 convolution with batch norm and ReLU, then 2 x 2 max-pooling."""
    # A bias would be taken out again by the batch norm.
    convolution = nn.Conv2d(before, after, 3, padding=1, bias=False)
    # ReLU after pooling gives the same values and gradients, on a quarter of them.
    return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.MaxPool2d(2), nn.ReLU(inplace=True))
