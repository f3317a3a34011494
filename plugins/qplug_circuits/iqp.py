"""Instantaneous quantum polynomial encoding, then trained layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, Literal, final

from pydantic import Field
from torch import Tensor

from qplug.heads.head_parameters import INPUT_MAPS, BatchNorm, InputMap

from .layers import n_turns, ring, turns_and_ring
from .written import MeasuredReadOut, Written, WrittenHead, on_each


@final
@dataclass(kw_only=True, eq=False)
class Iqp(WrittenHead):
    """H on every qubit, diagonal phases of inputs and of their products, ``n_repeats`` times; then trained layers.

    With x = ``scale · map(inputs)``, the phases are RZ(x_i) on each qubit and RZZ(x_i · x_j) on each pair. A trained
    layer turns each qubit by RY and RZ and joins neighbours by a ring of CNOTs; RY on each qubit comes last.

    **Source:** Havlíček and others, Supervised learning with quantum-enhanced feature spaces, 2019 (arXiv:1804.11326),
    equation for U_Φ and its figure 2: Hadamard gates and phases by functions φ_S of the inputs in turns, then layers
    that are trained.
    **Differs from the source:** φ_ij = x_i x_j, which is small for small inputs, in place of (π - x_i)(π - x_j), which
    is not (``qiskit-qnn`` has it); RY and CNOTs in place of general rotations and CZ; a linear read-out in place of the
    parity of a sampled bit string. ``read_out=parity-classes`` is the source's, except for its bias.
    """

    summary = "IQP encoding: phases of inputs and of their products after Hadamard gates, then trained layers"
    source = "arXiv:1804.11326"

    n_qubits: Annotated[int, Field(ge=1, le=24, description="number of qubits, and of inputs")] = 8
    n_repeats: Annotated[int, Field(ge=1, le=20, description="how often Hadamard gates and phases are repeated")] = 2
    n_layers: Annotated[int, Field(ge=0, le=100, description="number of trained layers")] = 2
    pairs: Annotated[Literal["all", "ring"], Field(description="which pairs of inputs are multiplied")] = "all"
    scale: Annotated[float, Field(gt=0, description="radians per unit of input")] = 0.5
    angle_map: InputMap = "none"
    read_out: MeasuredReadOut = "linear"
    batch_norm: BatchNorm = True

    def __post_init__(self) -> None:
        self.n_inputs = self.n_qubits

    @property
    def n_parameters(self) -> int:
        """Two angles for each qubit in every layer, and one at the end."""
        return n_turns(self.n_layers, self.n_qubits)

    def gates(self, inputs: Tensor, parameters: Tensor) -> Iterator[Written]:
        """The encoding, then the trained layers."""
        wires, n = range(self.n_qubits), self.n_qubits
        encoded = self.scale * INPUT_MAPS[self.angle_map](inputs)
        for _ in range(self.n_repeats):
            yield from on_each("h", wires)
            yield from on_each("rz", wires, encoded)
            for first, second in combinations(wires, 2) if self.pairs == "all" else ring(n):
                yield "rzz", (first, second), (encoded[first] * encoded[second],)
        yield from turns_and_ring(parameters, n)
