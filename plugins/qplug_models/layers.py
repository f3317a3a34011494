"""Layers that several networks share."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class GlobalMean(nn.Module):
    """Maps (batch, channel, height, width) → their means (batch, channel)."""

    def forward(self, maps: Tensor) -> Tensor:
        """Means (batch, channel)."""
        return maps.mean((2, 3))


class Halving(nn.MaxPool2d):
    """Maps (batch, channel, height, width) → (batch, channel, height // 2, width // 2): 2 x 2 max-pooling.

    Where nothing is learnt the largest of each four is taken from four slices: the same numbers as torch's own, which
    the CPU is several times as long at where the values of a row lie side by side.
    """

    def __init__(self) -> None:
        super().__init__(2)

    def forward(self, maps: Tensor) -> Tensor:
        """The largest number of each square of four; a last odd row or column is left out."""
        if maps.requires_grad or maps.device.type != "cpu" or _is_drawn_up() or not maps.is_contiguous():
            pooled: Tensor = super().forward(maps)
            return pooled
        height, width = (n // 2 * 2 for n in maps.shape[-2:])
        above, below = maps[..., 0:height:2, :width], maps[..., 1:height:2, :width]
        first, second = ((rows[..., 0::2], rows[..., 1::2]) for rows in (above, below))
        return torch.maximum(torch.maximum(*first), torch.maximum(*second))


def _is_drawn_up() -> bool:
    """Whether torch writes down the operations, as for a file that other programs read: pooling stays one of them."""
    traced = torch._C._get_tracing_state() is not None or torch._C._len_torch_dispatch_stack() > 0
    return traced or torch.compiler.is_compiling()


def convolution_block(before: int, after: int) -> nn.Sequential:
    """A 3 x 3 convolution with batch norm and ReLU, then 2 x 2 max-pooling."""
    # A bias would be taken out again by the batch norm.
    convolution = nn.Conv2d(before, after, 3, padding=1, bias=False)
    # ReLU after pooling gives the same values and gradients, on a quarter of them.
    return nn.Sequential(convolution, nn.BatchNorm2d(after), Halving(), nn.ReLU(inplace=True))
