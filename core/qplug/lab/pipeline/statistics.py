"""Running statistics of batch norms that no data has set yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def estimate_statistics(module: nn.Module, batches: Iterable[Tensor]) -> None:
    """Sets the running statistics of batch norms that are still as torch makes them, from the training part.

    Until then a network in evaluation mode gives other embeddings than the same network in training, often by many
    orders of magnitude, so nothing fitted on the former fits the latter. All else of the module stays as it is, and
    statistics that came with learnt weights do too. Nothing random is drawn.

    Args:
        module: (batch, …) → (batch, …), on the device of the batches.
        batches: inputs of the training part; each but a first of one sample should hold at least two.
    """
    fresh = [part for part in module.modules() if isinstance(part, _BatchNorm) and _untouched(part)]
    if not fresh:
        return
    with torch.no_grad(), _collecting(module, fresh):
        for batch in batches:
            if len(batch) > 1:  # one sample has no spread
                module(batch)


def _untouched(norm: _BatchNorm) -> bool:
    if norm.running_mean is None or norm.running_var is None:
        return False
    return not bool(norm.running_mean.any()) and bool((norm.running_var == 1).all())


@contextmanager
def _collecting(module: nn.Module, norms: list[_BatchNorm]) -> Iterator[None]:
    """Evaluation mode, but for the given norms, which take the mean over all batches as their statistics."""
    modes = [(part, part.training) for part in module.modules()]
    momenta = [norm.momentum for norm in norms]
    module.eval()
    for norm in norms:
        norm.momentum = None
        norm.train()
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for part, training in modes:
            part.training = training
