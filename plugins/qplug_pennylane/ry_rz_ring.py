"""The four-qubit circuit of the image system."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, final

import pennylane as qml
from pydantic import Field
from torch import Tensor

from qplug.heads.head_parameters import BatchNorm, ReadOut

from .head import PennyLaneHead


@final
@dataclass(kw_only=True, eq=False)
class RyRzRing(PennyLaneHead):
    """RY(scale · x) and RZ(weight) on each qubit, a ring of CNOTs, RY(weight) on each qubit, ⟨Z⟩ of each.

    The default ``scale``, π, is the source's. For inputs of unit variance .5 learns better, see ``pennylane-pqc``.

    **Source:** Rezk, Quantum Enhanced Image Classification with Hybrid Quantum-Classical Neural Networks, blog, 2023.
    **Differs from the source:** batch norm and a linear layer behind ⟨Z⟩; the source takes ⟨Z⟩ for the classes.
    """

    summary = "the image system's circuit: RY(pi x), RZ, ring of CNOTs, RY"

    n_qubits: Annotated[int, Field(ge=1, le=24, description="number of qubits, and of inputs")] = 4
    n_layers: Annotated[int, Field(ge=1, le=100, description="how often RZ, ring and RY are repeated")] = 1
    scale: Annotated[float, Field(gt=0, description="radians per unit of input")] = math.pi
    read_out: ReadOut = "linear"
    batch_norm: BatchNorm = True

    def __post_init__(self) -> None:
        self.n_inputs = self.n_qubits

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """(n_layers, 2, n_qubits): RZ's angles, then RY's."""
        return (self.n_layers, 2, self.n_qubits)

    def quantum_function(self, inputs: Tensor, weights: Tensor) -> Any:
        """The circuit, and ⟨Z⟩ of every qubit, or of their parity."""
        wires = range(self.n_qubits)
        for wire in wires:
            qml.RY(self.scale * inputs[wire], wires=wire)
        for layer in weights:
            for wire in wires:
                qml.RZ(layer[0, wire], wires=wire)
            for wire in wires if self.n_qubits > 1 else ():
                qml.CNOT([wire, (wire + 1) % self.n_qubits])
            for wire in wires:
                qml.RY(layer[1, wire], wires=wire)
        if self.read_out == "parity":
            return qml.expval(qml.prod(*(qml.PauliZ(wire) for wire in wires)))
        return [qml.expval(qml.PauliZ(wire)) for wire in wires]
