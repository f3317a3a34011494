"""Read-outs: from a circuit's expectation values to logits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from qplug.contract.errors import NotSupported
from qplug.heads.quantum_module import LinearReadout

ReadoutName: TypeAlias = Literal["linear", "z", "parity"]
"""``linear``: (batch norm and) a linear layer; ``z``: one value per class, times a learnt factor; ``parity``: the
parity of all qubits, times a learnt factor, for two classes."""

MeasuredReadoutName: TypeAlias = Literal["linear", "z", "parity", "probabilities", "parity-classes"]
"""Those, and two that share the basis states out among the classes: ``probabilities``: the first ones, one to each
class; ``parity-classes``: all, by the number of ones modulo the number of classes, for two classes the parity."""

_LEAST = 1e-4
"""Probabilities are not taken for less: finitely many shots, and rounding, may give zero and below it."""


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


class ProbabilityReadout(nn.Module):
    """Logits = the logarithm of the probability of all basis states of a class, so that softmax gives its share.

    It has nothing to learn. Basis states that belong to no class count for none.

    Args:
        n_states: number of basis states, wire 0 most significant.
        n_classes: number of logits.
        by_parity: whether a basis state belongs to the class of its number of ones modulo ``n_classes``; otherwise the
            first ``n_classes`` states belong to one class each.

    Raises:
        NotSupported: there is a class to which no basis state belongs.
    """

    belongs: Tensor

    def __init__(self, n_states: int, n_classes: int, *, by_parity: bool) -> None:
        super().__init__()
        classes = [state.bit_count() % n_classes if by_parity else state for state in range(n_states)]
        if not set(range(n_classes)) <= set(classes):
            name, most = ("parity-classes", len(set(classes))) if by_parity else ("probabilities", n_states)
            raise NotSupported(
                f"the read-out {name!r} of {n_states} basis states tells at most {most} classes apart, but there are "
                f"{n_classes}. Read more qubits or use the read-out 'linear': --set head.read_out=linear"
            )
        belongs = torch.tensor([[found == wanted for found in classes] for wanted in range(n_classes)])
        self.register_buffer("belongs", belongs.float(), persistent=False)

    def forward(self, probabilities: Tensor) -> Tensor:
        """Logits (batch, n_classes) of probabilities (batch, n_states)."""
        return (probabilities @ self.belongs.T.to(probabilities.dtype)).clamp_min(_LEAST).log()


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


def basis_probabilities(wires: Sequence[int]) -> tuple[list[tuple[int, ...]], LinearCombination]:
    """The strings of Z whose expectation values give the probability of each basis state of some wires.

    p(b) = 2^-k Σ_S (-1)^(Σ_{i in S} b_i) ⟨Π_{i in S} Z_i⟩ over all sets S of the k wires; the empty one is the offset.

    Args:
        wires: the wires, the first most significant; all others are summed over.

    Returns:
        The wires of each string, and the sums (2^k values).
    """
    masks = list(product((0, 1), repeat=len(wires)))
    signs = torch.tensor(masks) @ torch.tensor(masks).T % 2
    matrix = (1 - 2 * signs).float() / len(masks)
    strings = [tuple(wire for wire, taken in zip(wires, mask, strict=True) if taken) for mask in masks]
    return strings[1:], LinearCombination(matrix[:, 1:], matrix[:, 0])


def readout(name: MeasuredReadoutName, n_observables: int, n_classes: int, *, batch_norm: bool = True) -> nn.Module:
    """The read-out of that name.

    Args:
        name: which one.
        n_observables: number of expectation values, or of probabilities.
        n_classes: number of logits.
        batch_norm: for ``linear``: whether the expectation values are first brought to unit spread.

    Raises:
        NotSupported: it cannot tell that many classes apart.
    """
    if name == "z":
        return ScaledReadout(n_observables, n_classes)
    if name == "parity":
        return ParityReadout(n_classes)
    if name in ("probabilities", "parity-classes"):
        return ProbabilityReadout(n_observables, n_classes, by_parity=name == "parity-classes")
    return LinearReadout(n_observables, n_classes, batch_norm=batch_norm)
