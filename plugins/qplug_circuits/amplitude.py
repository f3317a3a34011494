"""Amplitude encoding, prepared by rotations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, final

import torch
from pydantic import Field
from torch import Tensor

from qplug.heads.head_parameters import BatchNorm

from .layers import n_turns, turns_and_ring
from .written import MeasuredReadOut, Written, WrittenHead

_LEAST = 1e-24
"""Squares below it count as it where a root is taken, so that slopes stay finite."""


@final
@dataclass(kw_only=True, eq=False)
class Amplitude(WrittenHead):
    """2^n_qubits inputs as the amplitudes of n_qubits qubits, Σ_b x_b |b⟩ / ‖x‖; then trained layers.

    The state is prepared by RY gates on one qubit after the other, each controlled by all qubits before it, and these
    by RY and CNOT alone: 2^n - 1 RY and 2^n - 2 CNOTs, the cost at which every backend and device runs it. How long
    the inputs are together is lost. Inputs that are all zero give |0…0⟩. A trained layer turns each qubit by RY and RZ
    and joins neighbours by a ring of CNOTs; RY on each qubit comes last.

    **Source:** Möttönen, Vartiainen, Bergholm, Salomaa, Transformation of quantum states using uniformly controlled
    rotations, 2004 (arXiv:quant-ph/0407010): angles by a binary tree of norms, uniformly controlled rotations in the
    order of a Gray code.
    **Differs from the source:** inputs are real, so there are no RZ gates, and it starts from |0…0⟩.
    """

    summary = "amplitude encoding of 2^n inputs by uniformly controlled rotations, then trained layers"
    source = "arXiv:quant-ph/0407010"

    n_qubits: Annotated[int, Field(ge=1, le=8, description="number of qubits; it takes 2^n_qubits inputs")] = 4
    n_layers: Annotated[int, Field(ge=0, le=100, description="number of trained layers")] = 2
    read_out: MeasuredReadOut = "linear"
    batch_norm: BatchNorm = True

    def __post_init__(self) -> None:
        self.n_inputs = 2**self.n_qubits

    @property
    def n_parameters(self) -> int:
        """Two angles for each qubit in every layer, and one at the end."""
        return n_turns(self.n_layers, self.n_qubits)

    def gates(self, inputs: Tensor, parameters: Tensor) -> Iterator[Written]:
        """The preparation, then the trained layers."""
        for target, angles in enumerate(_tree(inputs, self.n_qubits)):
            yield from _uniformly_controlled_ry(angles, target)
        yield from turns_and_ring(parameters, self.n_qubits)


def _tree(inputs: Tensor, n_qubits: int) -> Iterator[Tensor]:
    """For each qubit (2^qubit,) angles: how its state is split, for each state of the qubits before it."""
    for qubit in range(n_qubits):
        halves = inputs.reshape(2**qubit, 2, 2 ** (n_qubits - qubit - 1))
        if qubit == n_qubits - 1:  # amplitudes themselves, with their signs
            zero, one = halves[:, 0, 0], halves[:, 1, 0]
            zero = torch.where((zero == 0) & (one == 0), torch.ones_like(zero), zero)
        else:
            zero, one = halves.square().sum(2).clamp_min(_LEAST).sqrt().unbind(1)
            one = torch.where(halves[:, 1].square().sum(1) == 0, torch.zeros_like(one), one)
        yield 2 * torch.atan2(one, zero)


def _uniformly_controlled_ry(angles: Tensor, target: int) -> Iterator[Written]:
    """RY on a wire by another angle for each state of the wires before it: rotations and CNOTs in turns."""
    count = len(angles)
    gray = torch.arange(count) ^ (torch.arange(count) >> 1)
    both = [[(int(code) & state).bit_count() % 2 for state in range(count)] for code in gray]
    mixed = (1 - 2 * torch.tensor(both)).to(angles) @ angles / count
    for place in range(count):
        yield "ry", (target,), (mixed[place],)
        if target:
            changed = int(gray[place] ^ gray[(place + 1) % count]).bit_length() - 1
            yield "cx", (target - 1 - changed, target), ()
