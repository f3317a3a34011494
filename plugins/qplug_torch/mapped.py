"""The numba path under ``torch.func.vmap``: several seeds' weights and angles, each set through the kernels in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from qplug_torch.compiled import Compiled


def n_sets(*tensors: Tensor) -> int:
    """How many sets of angles the tensors hold under one ``vmap``; 0 without, and under any other transform."""
    functorch = torch._C._functorch
    wrapped = [tensor for tensor in tensors if functorch.is_functorch_wrapped_tensor(tensor)]
    if not wrapped or not all(map(functorch.is_batchedtensor, wrapped)):
        return 0
    below = [functorch.get_unwrapped(tensor) for tensor in wrapped]
    if any(map(functorch.is_functorch_wrapped_tensor, below)):
        return 0
    return int(below[0].shape[functorch.maybe_get_bdim(wrapped[0])])


def run_mapped(compiled: Compiled, encoding: Tensor, weights: Tensor) -> Tensor:
    """Expectation values (batch, n_observables) of sets of angles under one ``vmap``."""
    values: Tensor = _Mapped.apply(compiled, encoding, weights)  # type: ignore[no-untyped-call]
    return values


class _Mapped(torch.autograd.Function):
    """Stands for the kernels where vmap looks for its rule; autograd sees what the rule calls."""

    @staticmethod
    def forward(compiled: Compiled, encoding: Tensor, weights: Tensor) -> Tensor:
        """Never called: without vmap, ``Native`` is."""
        raise AssertionError("called without vmap")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Asked for by torch; nothing is kept here."""

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], compiled: Compiled, encoding: Tensor, weights: Tensor
    ) -> tuple[Tensor, int]:
        """The values of each set, one after the other: vectors are full of one set's samples."""
        from qplug_torch.native import Native  # needs numba

        sets = zip(
            _sets(encoding, in_dims[1], info.batch_size), _sets(weights, in_dims[2], info.batch_size), strict=True
        )
        keep = torch.is_grad_enabled() and (encoding.requires_grad or weights.requires_grad)
        values = [Native.apply(compiled, keep, *(each.contiguous() for each in pair)) for pair in sets]  # type: ignore[no-untyped-call]
        return torch.stack(values), 0


def _sets(angles: Tensor, dim: int | None, n_sets: int) -> tuple[Tensor, ...]:
    return (angles,) * n_sets if dim is None else angles.unbind(dim)
