"""Data re-uploading: inputs enter in every layer, each time weighed anew."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, final

import torch
from pydantic import Field
from torch import Tensor

from qplug.contract.circuit import Circuit
from qplug.heads.head_parameters import BatchNorm

from .written import MeasuredReadOut, Written, WrittenHead

_AXES = "yzz"
"""About which axis an angle turns: the first about y, the second after it about z, the third before it about z."""


@final
@dataclass(kw_only=True, eq=False)
class DataReUploading(WrittenHead):
    """Layers of U(w ∘ x + b) on each qubit and CZ between neighbours; w and b are trained in every layer.

    U(φ1, φ2, φ3) = RZ(φ2) RY(φ1) RZ(φ3), the last acting first. Qubit q of each layer takes the inputs
    ``q · inputs_per_qubit`` onwards, one an angle; an angle without an input is b alone. CZ gates join qubits
    (0, 1), (2, 3), … in one layer and (1, 2), (3, 4), … in the next; the last layer has none.

    The weights w start at ``scale`` and b uniformly in [0, 2π).

    **Source:** Pérez-Salinas, Cervera-Lierta, Gil-Fuster, Latorre, Data re-uploading for a universal quantum
    classifier, 2020 (arXiv:1907.02085): the compressed layer L(i) = U(θ_i + w_i ∘ x) of up to three inputs, and CZ
    gates in turns between several qubits.
    **Differs from the source:** expectation values and a trained linear layer, where the source compares the state of
    each qubit with one that stands for the class; there each qubit also takes all inputs.
    """

    summary = "data re-uploading: trained scale and offset of each input in every layer, CZ in turns"
    source = "arXiv:1907.02085"

    n_qubits: Annotated[int, Field(ge=1, le=24, description="number of qubits")] = 8
    n_layers: Annotated[int, Field(ge=1, le=100, description="how often the inputs are uploaded")] = 3
    inputs_per_qubit: Annotated[int, Field(ge=1, le=3, description="how many inputs each qubit takes")] = 1
    scale: Annotated[float, Field(gt=0, description="radians per unit of input to start from")] = 0.5
    read_out: MeasuredReadOut = "linear"
    batch_norm: BatchNorm = True

    def __post_init__(self) -> None:
        self.n_inputs = self.n_qubits * self.inputs_per_qubit

    @property
    def n_parameters(self) -> int:
        """A weight for each input and three offsets for each qubit, in every layer."""
        return self.n_layers * self.n_qubits * (self.inputs_per_qubit + 3)

    def gates(self, inputs: Tensor, parameters: Tensor) -> Iterator[Written]:
        """Three rotations on each qubit, then CZ gates, layer by layer."""
        layers = parameters.reshape(self.n_layers, self.n_qubits, self.inputs_per_qubit + 3)
        of_qubits = inputs.reshape(self.n_qubits, self.inputs_per_qubit)
        for number, layer in enumerate(layers):
            for wire in range(self.n_qubits):
                weights, angles = layer[wire, :-3], list(layer[wire, -3:])
                for place in range(self.inputs_per_qubit):
                    angles[place] = weights[place] * of_qubits[wire, place] + angles[place]
                yield from ((f"r{_AXES[place]}", (wire,), (angles[place],)) for place in (2, 0, 1))
            if number < self.n_layers - 1 and self.n_qubits > 1:
                for wire in range(number % 2 if self.n_qubits > 2 else 0, self.n_qubits, 2):
                    yield "cz", (wire, (wire + 1) % self.n_qubits), ()

    def initial_parameters(self, circuit: Circuit, generator: torch.Generator) -> Tensor:
        """Weights at ``scale``, offsets uniform in [0, 2π)."""
        layers = self.n_layers, self.n_qubits
        offsets = torch.rand(*layers, 3, generator=generator) * (2 * math.pi)
        return torch.cat([torch.full((*layers, self.inputs_per_qubit), self.scale), offsets], 2).flatten()
