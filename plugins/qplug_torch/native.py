"""The numba path: its autograd function and the sharing of blocks among threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from qplug_torch import kernels
from qplug_torch.adjoint import plain_gradients
from qplug_torch.simd import LINE
from qplug_torch.threads import share

if TYPE_CHECKING:
    from qplug_torch.compiled import Compiled

_forward: Callable[..., None] = kernels.forward
_backward: Callable[..., None] = kernels.backward

_LARGEST = 1e6
"""Angles beyond are reduced before the kernels, whose own reduction is exact up to about 1e8 in float32."""
_PERIOD = 64
"""Turns after which every gate, and every part of one that it is made of, is the same again."""


class Native(torch.autograd.Function):
    """Expectation values from angles, by the numba kernels.

    Where a second derivative is wanted (``create_graph=True``), the backward is left to torch's operations.
    """

    @staticmethod
    def forward(ctx: Any, compiled: Compiled, keep: bool, encoding: Tensor, weights: Tensor) -> Tensor:
        """Runs the forward kernel; keeps the final states where a gradient may follow."""
        job = compiled.job
        encoding, weights = _reduced(encoding), _reduced(weights)
        batch, lanes, n_threads = encoding.shape[0], LINE // encoding.element_size(), torch.get_num_threads()
        ranges = job.ranges(batch, lanes, n_threads)
        states = torch.empty((-(-batch // lanes) if keep else 0, 2 * lanes << job.n_qubits), dtype=encoding.dtype)
        values = torch.empty((batch, len(job.lowered.terms)), dtype=encoding.dtype)
        arrays = (encoding.numpy(), weights.numpy(), states.numpy(), values.numpy())

        def task(number: int) -> None:
            _forward(job.n_qubits, *job.lowered, *arrays, *ranges[number])

        share(task, len(ranges), n_threads)
        if keep:
            ctx.compiled, ctx.ranges = compiled, ranges
            ctx.save_for_backward(encoding, weights, states)
        return values

    @staticmethod
    def backward(ctx: Any, slopes: Tensor) -> tuple[Tensor | None, ...]:
        """Runs the backward kernel."""
        encoding, weights, states = ctx.saved_tensors
        if torch.is_grad_enabled():
            plan = ctx.compiled.plan(encoding.dtype, encoding.device)
            parameters = plan.parameters(encoding, weights)
            return None, None, *plain_gradients(plan, len(slopes), parameters, [encoding, weights], slopes)
        job, ranges = ctx.compiled.job, ctx.ranges
        encoding_slopes = torch.empty_like(encoding)
        weight_slopes = weights.new_empty((len(ranges), weights.shape[0]))
        tensors = encoding, weights, states, slopes.contiguous(), encoding_slopes, weight_slopes
        arrays = [tensor.detach().numpy() for tensor in tensors]

        def task(number: int) -> None:
            _backward(job.n_qubits, *job.lowered, *arrays, *ranges[number], number)

        share(task, len(ranges), torch.get_num_threads())
        return None, None, encoding_slopes, weight_slopes.sum(0)


def _reduced(angles: Tensor) -> Tensor:
    """The angles, or where one is huge, angles in [-64π, 64π] with the same effect; the slopes are the same."""
    if not angles.numel() or max(map(abs, map(float, torch.aminmax(angles)))) <= _LARGEST:
        return angles
    part = angles.double() / _PERIOD
    return (_PERIOD * torch.atan2(part.sin(), part.cos())).to(angles.dtype)
