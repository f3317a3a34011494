"""The arithmetic that turns inputs and parameters into angles, as a few operations on whole batches."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, fx


class Gather:
    """Rows of affine forms: (batch, width) → (batch, n_rows), ``base · matrixᵀ + offset``.

    Where every row has one entry, which is nearly always, that is a gather, a factor and a summand, each of them left
    out if it does nothing.

    Args:
        matrix: (n_rows, width), float64.
        offset: (n_rows,), float64.
    """

    def __init__(self, matrix: Tensor, offset: Tensor) -> None:
        self.matrix = matrix
        self.offset = offset
        self._has_offset = bool(offset.any())
        self._index: Tensor | None = None
        self._factor: Tensor | float = 1.0
        if len(matrix) and matrix.shape[1] and bool(((matrix != 0).sum(1) <= 1).all()):
            index = matrix.abs().argmax(1)
            factor = matrix.gather(1, index[:, None])[:, 0]
            self._index = index
            self._factor = float(factor[0]) if bool((factor == factor[0]).all()) else factor
        self._takes_all = self._index is not None and self._index.tolist() == list(range(matrix.shape[1]))
        self._copies: dict[tuple[torch.device, torch.dtype], tuple[Any, ...]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_copies": {}}

    def __call__(self, base: Tensor) -> Tensor:
        """(batch, n_rows) of base (batch, width), of its dtype and on its device."""
        matrix, offset, index, factor = self._constants(base.device, base.dtype)
        if index is None:
            combined: Tensor = base @ matrix.T + offset
            return combined
        values = base if self._takes_all else base.index_select(1, index)
        if not (isinstance(factor, float) and factor == 1.0):
            values = values * factor
        return values + offset if self._has_offset else values

    def _constants(self, device: torch.device, dtype: torch.dtype) -> tuple[Any, ...]:
        constants = self._copies.get((device, dtype))
        if constants is None:
            factor = self._factor
            constants = (
                self.matrix.to(device, dtype),
                self.offset.to(device, dtype),
                None if self._index is None else self._index.to(device),
                factor if isinstance(factor, float) else factor.to(device, dtype),
            )
            if not torch.compiler.is_compiling():  # while torch traces, tensors without values stand for them
                self._copies[device, dtype] = constants
        return constants


@dataclass
class ElementStep:
    """One elementwise function of affine forms: ``function(*arguments)``; a Gather stands for its values.

    Attributes:
        function: torch's name of it, such as ``aten.tanh.default``; the function itself cannot be pickled.
        arguments: numbers, and gathers from what is known so far, in the function's order.
    """

    function: str
    arguments: Sequence[Any]

    def __call__(self, base: Tensor, inputs: Tensor, parameters: Tensor) -> Tensor:
        """The function's values (batch, n)."""
        return _function(self.function)(
            *(value(base) if isinstance(value, Gather) else value for value in self.arguments)
        )


class GraphStep:
    """Code that is not elementwise, sample by sample, in double precision.

    Args:
        graph: (n_inputs,), (n_parameters,) → (n,).
    """

    def __init__(self, graph: fx.GraphModule) -> None:
        self.graph = graph
        self._copies: dict[torch.device, fx.GraphModule] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"graph": self.graph, "_copies": {}}

    def __call__(self, base: Tensor, inputs: Tensor, parameters: Tensor) -> Tensor:
        """The code's values (batch, n)."""
        device = parameters.device
        graph = self._copies.get(device)
        if graph is None:
            graph = _moved(self.graph, device)
            if not torch.compiler.is_compiling():  # as in Gather
                self._copies[device] = graph
        # Constants in the graph are float64, so its arguments have to be.
        # Of no rows, what the code reshapes has no shape that follows from its size: it is shown one.
        rows = inputs if len(inputs) else inputs.new_zeros(1, inputs.shape[1])
        values = torch.vmap(graph, in_dims=(0, None))(rows.double(), parameters.double())[: len(inputs)]
        converted: Tensor = values.to(parameters.dtype)
        return converted


class AngleMap:
    """Angles (batch, n_angles) from inputs (batch, n_inputs) and parameters (n_parameters,).

    The base starts as inputs and parameters, as far as they are used; each step appends what it computes from it; the
    angles are gathered from the whole. Plain data: it can be copied, pickled and used from threads, and its constants
    follow the parameters' device and dtype.

    Attributes:
        steps: what is not affine; empty for most circuits.
    """

    def __init__(
        self, gather: Gather, steps: Sequence[ElementStep | GraphStep], *, uses_inputs: bool, uses_parameters: bool
    ) -> None:
        self.gather = gather
        self.steps = tuple(steps)
        self.uses_inputs = uses_inputs
        self.uses_parameters = uses_parameters

    def __call__(self, inputs: Tensor, parameters: Tensor) -> Tensor:
        """The angles, of the parameters' dtype."""
        base = self._start(inputs, parameters)
        for step in self.steps:
            base = torch.cat([base, step(base, inputs, parameters)], 1)
        return self.gather(base)

    def _start(self, inputs: Tensor, parameters: Tensor) -> Tensor:
        if not self.uses_parameters:
            return inputs if self.uses_inputs else parameters.new_zeros(len(inputs), 0)
        shared = parameters.expand(len(inputs), -1)
        return torch.cat([inputs, shared], 1) if self.uses_inputs else shared


@cache
def _function(name: str) -> Callable[..., Tensor]:
    found: Any = torch.ops
    for part in name.split("."):
        found = getattr(found, part)
    function: Callable[..., Tensor] = found
    return function


def _moved(graph: fx.GraphModule, device: torch.device) -> fx.GraphModule:
    if all(value.device == device for value in _tensors_of(graph)):
        return graph  # a copy would be compiled again
    moved = copy.deepcopy(graph)
    for name, value in vars(moved).items():
        if isinstance(value, Tensor):
            setattr(moved, name, value.to(device))
    return moved.to(device)


def _tensors_of(graph: fx.GraphModule) -> list[Tensor]:
    plain = [value for value in vars(graph).values() if isinstance(value, Tensor)]
    return [*plain, *graph.parameters(), *graph.buffers()]
