"""The parameters of a head as far as some of its angles depend on them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from qplug.contract.circuit import Circuit
from qplug.contract.interfaces.head import QuantumHead
from qplug.heads.angle_map import Gather

_ELSEWHERE = 0.5
"""What a parameter is set to on which none of the angles depends: a number in the domain of most functions."""


def picked(indices: Sequence[int], n: int) -> Gather:
    """(batch, n) → (batch, len(indices)): those columns, on any device."""
    matrix = torch.zeros(len(indices), n, dtype=torch.float64)
    matrix[torch.arange(len(indices)), list(indices)] = 1
    return Gather(matrix, torch.zeros(len(indices), dtype=torch.float64))


class LiveParameters:
    """Which of a head's parameters are alive, and how all of them are made of these.

    Args:
        head: the head.
        circuit: its whole circuit.
        n_inputs: number of inputs.
        encoding: the encoding angles that count.
        weights: the weight angles that count.

    Attributes:
        indices: of the live ones among the flat parameters, rising.
    """

    def __init__(
        self, head: QuantumHead, circuit: Circuit, n_inputs: int, encoding: Sequence[int], weights: Sequence[int]
    ) -> None:
        self._head, self._circuit = head, circuit
        generator = torch.Generator().manual_seed(0)
        start = self._start(generator).double()
        self._shape = start.shape
        start = (start + 0.1 * torch.rand(start.shape, generator=generator, dtype=torch.float64)).requires_grad_()
        inputs = 0.5 * torch.randn(4, n_inputs, generator=generator, dtype=torch.float64)
        with torch.enable_grad():
            angles = head.encode(inputs, start)[:, list(encoding)].flatten()
            angles = torch.cat([angles, head.weight_angles(start).flatten()[list(weights)]]).double()
            # Slopes of a random combination vanish together only where each of them does.
            mixed = (angles * torch.randn(angles.shape, generator=generator, dtype=torch.float64)).sum()
            slope = torch.autograd.grad(mixed, start, allow_unused=True)[0] if mixed.requires_grad else None
        self.indices: list[int] = [] if slope is None else slope.flatten().nonzero()[:, 0].tolist()
        matrix = torch.zeros(start.numel(), len(self.indices), dtype=torch.float64)
        matrix[self.indices, torch.arange(len(self.indices))] = 1
        self._spread = Gather(matrix, _ELSEWHERE * (1 - matrix.sum(1)))

    def initial(self, generator: torch.Generator) -> Tensor:
        """(n_live,) of what the head starts from."""
        return self._start(generator).flatten()[self.indices]

    def all(self, live: Tensor) -> Tensor:
        """The head's parameters in their own shape, of the live ones (n_live,)."""
        return self._spread(live[None])[0].reshape(self._shape)

    def _start(self, generator: torch.Generator) -> Tensor:
        return self._head.initial_parameters(self._circuit, generator).detach()
