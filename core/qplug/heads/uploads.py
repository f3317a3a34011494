"""Which encoding angles of a head upload the same thing again."""

from __future__ import annotations

import torch
from torch import Tensor

from qplug.contract.circuit import Circuit
from qplug.contract.interfaces.head import QuantumHead

_TOLERANCE = 1e-9
_DRAWS = 4


def equal_uploads(head: QuantumHead, circuit: Circuit, n_inputs: int) -> tuple[int, ...]:
    """For each encoding angle the first one that has its value, whatever the inputs and the parameters are.

    A traced head has an encoding angle for each of its gates, so re-uploading is seen by values and not by indices.

    Args:
        head: the head.
        circuit: its circuit for that many inputs.
        n_inputs: number of inputs.
    """
    inputs, parameters = _draws(head, circuit, n_inputs)
    angles = torch.cat([head.encode(inputs, each).double() for each in parameters])
    same = torch.stack([_close(angles, angles[:, [column]]).all(0) for column in range(angles.shape[1])] or [angles])
    return tuple(int(row.nonzero()[0]) if row.any() else number for number, row in enumerate(same[: angles.shape[1]]))


def input_uploads(head: QuantumHead, circuit: Circuit, n_inputs: int) -> tuple[int, ...]:
    """As ``equal_uploads``, and also of equal number: angles that each weigh the same one input by parameters.

    So ``w0 * x`` and ``w1 * x`` upload the same, and so do ``x`` and ``w0 * x``; ``x`` and ``x * x`` do not, for they
    are two fixed functions, and angles that depend on several inputs only where they are equal.
    """
    found = list(equal_uploads(head, circuit, n_inputs))
    inputs, (first, second) = _draws(head, circuit, n_inputs)
    weighed = ~_close(head.encode(inputs, first), head.encode(inputs, second)).all(0)
    moved = inputs[:1] + torch.cat([torch.zeros(1, n_inputs), 0.1 * torch.eye(n_inputs)]).double()
    angles = head.encode(moved, first)
    sees = ~_close(angles[1:], angles[:1])  # (n_inputs, n_encoding)
    for index in range(n_inputs):
        alone = [
            column for column in range(len(found)) if bool(sees[index, column]) and int(sees[:, column].sum()) == 1
        ]
        for column in alone[1:]:
            if bool(weighed[column]) or bool(weighed[alone[0]]):
                found[column] = found[alone[0]]
    return tuple(found)


def _draws(head: QuantumHead, circuit: Circuit, n_inputs: int) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Inputs (4, n_inputs) and two sets of parameters near the usual start, in which no two are equal by chance."""
    generator = torch.Generator().manual_seed(0)
    inputs = 0.5 * torch.randn(_DRAWS, n_inputs, generator=generator, dtype=torch.float64)
    start = head.initial_parameters(circuit, generator).detach().double()
    first, second = (start + 0.1 * torch.rand(start.shape, generator=generator, dtype=torch.float64) for _ in range(2))
    return inputs, (first, second)


def _close(angles: Tensor, others: Tensor) -> Tensor:
    return torch.isclose(angles.double(), others.double(), rtol=0, atol=_TOLERANCE)
