"""Gradients by the parameter-shift rule, all of them in one batch of runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from qplug.circuits.slots import Rows, Slots, shifted

__all__ = ["Rows", "Run", "ShiftRule", "Slots"]

Run: TypeAlias = Callable[[Rows], Rows]
"""Angles (row, n_slots) → expectation values (row, n_observables)."""


class ShiftRule(torch.autograd.Function):
    """Runs a circuit, and differentiates it by the parameter-shift rule.

    Two runs per angle and sample, four for controlled rotations, all in one call; ``Slots`` says by which rule.
    """

    @staticmethod
    def forward(ctx: Any, encoding: Tensor, weights: Tensor, slots: Slots, run: Run) -> Tensor:
        """Expectation values (batch, n_observables)."""
        values = slots.values(_numbers(encoding), _numbers(weights))
        ctx.slots, ctx.run, ctx.values, ctx.dtypes = slots, run, values, (encoding.dtype, weights.dtype)
        return torch.as_tensor(run(values)).to(encoding.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        """Gradients to encoding and weight angles."""
        slots: Slots = ctx.slots
        n_samples, n_slots = ctx.values.shape
        terms = slots.terms(encoding=ctx.needs_input_grad[0], weights=ctx.needs_input_grad[1])
        slopes = np.zeros((n_samples, n_slots))
        if terms:
            results = ctx.run(shifted(ctx.values, terms)).reshape(len(terms), n_samples, -1)
            weighed = np.einsum("tbo,bo->tb", results, _numbers(gradients[0]))
            for (slot, _, factor), row in zip(terms, weighed, strict=True):
                slopes[:, slot] += factor * row
        to_encoding, to_weights = map(torch.as_tensor, slots.collected(slopes))
        return to_encoding.to(ctx.dtypes[0]), to_weights.to(ctx.dtypes[1]), None, None


def _numbers(tensor: Tensor) -> Rows:
    return np.asarray(tensor.detach().cpu().double().numpy())
