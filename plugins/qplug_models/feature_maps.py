"""Feature maps of quantum kernels, and the states that they prepare, for whole batches at once.

Their gates on several qubits are diagonal, so a repetition is one product of matrices for all phases of all samples,
and Hadamard gates on all qubits. States are kept as real and imaginary parts: ordinary differentiable torch code.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from qplug.contract.circuit import Circuit, Encoding, Gate, Observable

FeatureMapName: TypeAlias = Literal["iqp", "zz", "angle"]
State: TypeAlias = tuple[Tensor, Tensor]
"""Real and imaginary parts of amplitudes (batch, 2^n_qubits), wire 0 most significant."""

_GROUP = 4
"""Hadamard gates on so many neighbouring wires are one matrix."""


@dataclass(frozen=True)
class FeatureMap:
    """Inputs to states: ``n_repeats`` times Hadamard gates and phases; for ``angle`` RY(x_i) alone.

    ``iqp``: RZ(x_i) and RZZ(x_i x_j). ``zz``: RZ(2 x_i) and RZZ(2 (π - x_i)(π - x_j)), the ZZ feature map of Qiskit's
    library but for a global phase. Pairs are all pairs.

    Attributes:
        name: which one.
        n_qubits: number of qubits, and of inputs.
        n_repeats: how often Hadamard gates and phases follow one another.
        scale: x = scale · inputs, radians.
    """

    name: FeatureMapName
    n_qubits: int
    n_repeats: int
    scale: float

    def angles(self, inputs: Tensor) -> Tensor:
        """The angles (batch, n_angles) of a repetition's gates, in double precision: products of inputs are large."""
        x = self.scale * inputs.double()
        if self.name == "angle":
            return x
        first, second = zip(*self._pairs(), strict=True) if self.n_qubits > 1 else ((), ())
        a, b = x[:, list(first)], x[:, list(second)]
        pairs = a * b if self.name == "iqp" else 2 * (math.pi - a) * (math.pi - b)
        return torch.cat([x if self.name == "iqp" else 2 * x, pairs], 1)

    def circuit(self) -> Circuit:
        """The same as gates, with ⟨Z⟩ of each qubit; ``angles`` gives its encoding angles."""
        wires, gates = range(self.n_qubits), []
        if self.name == "angle":
            gates = [Gate("ry", (wire,), (Encoding(wire),)) for wire in wires]
        for _ in range(0 if self.name == "angle" else self.n_repeats):
            gates += [Gate("h", (wire,)) for wire in wires]
            gates += [Gate("rz", (wire,), (Encoding(wire),)) for wire in wires]
            gates += [Gate("rzz", pair, (Encoding(self.n_qubits + i),)) for i, pair in enumerate(self._pairs())]
        return Circuit(self.n_qubits, tuple(gates), tuple(Observable("Z", (wire,)) for wire in wires))

    def states(self, inputs: Tensor) -> State:
        """The states of inputs (batch, n_qubits), of their dtype."""
        if self.name == "angle":
            return self._product(inputs)
        half = -0.5 * self.angles(inputs) @ self._signs(inputs.device)
        cos, sin = half.cos().to(inputs.dtype), half.sin().to(inputs.dtype)
        real, imaginary = (part * 2 ** (-self.n_qubits / 2) for part in (cos, sin))  # Hadamard gates on |0…0>
        for _ in range(self.n_repeats - 1):
            real, imaginary = self._hadamard(real), self._hadamard(imaginary)
            real, imaginary = real * cos - imaginary * sin, real * sin + imaginary * cos
        return real, imaginary

    def _pairs(self) -> list[tuple[int, int]]:
        return list(combinations(range(self.n_qubits), 2))

    def _signs(self, device: torch.device) -> Tensor:
        """(n_angles, 2^n_qubits): of which sign each angle counts for each basis state."""
        states = torch.arange(2**self.n_qubits, device=device)
        z = torch.stack([1 - 2 * (states >> (self.n_qubits - 1 - wire) & 1) for wire in range(self.n_qubits)])
        return torch.stack([*z, *(z[i] * z[j] for i, j in self._pairs())]).double()

    def _product(self, inputs: Tensor) -> State:
        half = (self.angles(inputs) / 2).to(inputs.dtype)
        state = inputs.new_ones(len(inputs), 1)
        for cos, sin in zip(half.cos().unbind(1), half.sin().unbind(1), strict=True):
            state = (state[:, :, None] * torch.stack([cos, sin], 1)[:, None]).flatten(1)
        return state, torch.zeros_like(state)

    def _hadamard(self, amplitudes: Tensor) -> Tensor:
        """Hadamard gates on all wires."""
        for first in range(0, self.n_qubits, _GROUP):
            count = min(_GROUP, self.n_qubits - first)
            matrix = _walsh(count).to(amplitudes)
            rest = 2 ** (self.n_qubits - first - count)
            parts = amplitudes.reshape(len(amplitudes) * 2**first, 2**count, rest)
            amplitudes = (matrix @ parts).reshape(amplitudes.shape)
        return amplitudes


def _walsh(n_wires: int) -> Tensor:
    """Hadamard gates on some wires as one matrix."""
    matrix = torch.ones(1, 1, dtype=torch.float64)
    one = torch.tensor([[1, 1], [1, -1]], dtype=torch.float64) / math.sqrt(2)
    for _ in range(n_wires):
        matrix = torch.kron(matrix, one)
    return matrix


def fidelities(one: State, other: State) -> Tensor:
    """|⟨ψ|φ⟩|² (n, m) of n states with m states: two products of matrices."""
    rows = torch.cat(one, 1)
    real = rows @ torch.cat(other, 1).T
    imaginary = rows @ torch.cat([other[1], -other[0]], 1).T
    return real.square() + imaginary.square()


def single_qubit_expectations(state: State) -> Tensor:
    """⟨X⟩, ⟨Y⟩, ⟨Z⟩ of each qubit, (batch, 3 n_qubits)."""
    batch, size = state[0].shape
    found = []
    for wire in range(size.bit_length() - 1):
        (a, b), (c, d) = (
            part.reshape(batch, 2**wire, 2, size >> (wire + 1)).unbind(2) for part in state
        )  # a + ic, b + id
        products = a * b + c * d, a * d - b * c, (a.square() + c.square() - b.square() - d.square()) / 2
        found += [2 * product.sum((1, 2)) for product in products]
    return torch.stack(found, 1)


def in_chunks(function: Callable[[Tensor], Tensor], inputs: Tensor, rows: int) -> Tensor:
    """The function of inputs, that many rows at once."""
    return torch.cat([function(piece) for piece in torch.split(inputs, rows)])
