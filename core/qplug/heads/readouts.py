"""Read-outs: from a circuit's expectation values to logits."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from qplug.contract.errors import NotSupported
from qplug.heads.quantum_module import LinearReadout

ReadoutName: TypeAlias = Literal["linear", "z", "parity"]
"""``linear``: (batch norm and) a linear layer; ``z``: one value per class, times a learnt factor; ``parity``: the
parity of all qubits, times a learnt factor, for two classes."""


class ScaledReadout(nn.Module):
    """Logits = factor · the first ``n_classes`` expectation values; the factor is learnt.

    Expectation values lie in [-1, 1], which is too little for confident probabilities; hence the factor.

    Raises:
        NotSupported: fewer expectation values than classes.
    """

    def __init__(self, n_observables: int, n_classes: int, *, factor: float = 5.0) -> None:
        super().__init__()
        if n_observables < n_classes:
            raise NotSupported(
                f"the read-out 'z' needs one qubit per class, but there are {n_observables} qubits for {n_classes} "
                "classes. Use more qubits or the read-out 'linear': --set head.read_out=linear"
            )
        self.n_classes = n_classes
        self.log_factor = nn.Parameter(torch.tensor(math.log(factor)))

    def forward(self, expectations: Tensor) -> Tensor:
        """Logits (batch, n_classes)."""
        return expectations[:, : self.n_classes] * self.log_factor.exp()


class ParityReadout(nn.Module):
    """Logits = ± factor · the expectation value of a parity: class 0 is even, class 1 is odd.

    Raises:
        NotSupported: other than two classes.
    """

    def __init__(self, n_classes: int, *, factor: float = 5.0) -> None:
        super().__init__()
        if n_classes != 2:
            raise NotSupported(
                f"the read-out 'parity' tells two classes apart, but there are {n_classes}. "
                "Use another: --set head.read_out=linear"
            )
        self.log_factor = nn.Parameter(torch.tensor(math.log(factor)))

    def forward(self, expectations: Tensor) -> Tensor:
        """Logits (batch, 2) of expectation values (batch, 1)."""
        return torch.cat([expectations, -expectations], 1) * self.log_factor.exp()


class LinearCombination(nn.Module):
    """Fixed sums of expectation values: values = expectations · matrixᵀ + offset.

    It turns the Pauli strings that a backend measures into what a framework head asked for, such as the energy of a
    Hamiltonian or a probability.

    Args:
        matrix: (n_values, n_observables).
        offset: (n_values,), the share of the identity.
    """

    matrix: Tensor
    offset: Tensor

    def __init__(self, matrix: Tensor, offset: Tensor) -> None:
        super().__init__()
        self.register_buffer("matrix", matrix.float(), persistent=False)
        self.register_buffer("offset", offset.float(), persistent=False)

    @property
    def is_trivial(self) -> bool:
        """Whether the values are the expectation values themselves."""
        n_values, n_observables = self.matrix.shape
        return n_values == n_observables and bool((self.matrix == torch.eye(n_values)).all() and not self.offset.any())

    def forward(self, expectations: Tensor) -> Tensor:
        """Values (batch, n_values) of expectation values (batch, n_observables)."""
        return expectations @ self.matrix.T.to(expectations.dtype) + self.offset


def readout(name: ReadoutName, n_observables: int, n_classes: int, *, batch_norm: bool = True) -> nn.Module:
    """The read-out of that name.

    Args:
        name: which one.
        n_observables: number of expectation values.
        n_classes: number of logits.
        batch_norm: for ``linear``: whether the expectation values are first brought to unit spread.

    Raises:
        NotSupported: it cannot tell that many classes apart.
    """
    if name == "z":
        return ScaledReadout(n_observables, n_classes)
    if name == "parity":
        return ParityReadout(n_classes)
    return LinearReadout(n_observables, n_classes, batch_norm=batch_norm)
