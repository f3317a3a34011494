"""The usual parametrised circuit: angle embedding, then entangling layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, final

import torch
from pydantic import Field
from torch import Tensor

from qplug.contract.circuit import Circuit, Gate, Observable
from qplug.heads.angles import trace
from qplug.heads.head_parameters import INPUT_MAPS, BatchNorm, InputMap, ReadOut
from qplug.heads.readouts import LinearCombination
from qplug.heads.traced_head import TracedCircuit

from .head import PennyLaneHead

_ROTATIONS = {"x": "X", "y": "Y", "z": "Z"}


@final
@dataclass(kw_only=True, eq=False)
class Pqc(PennyLaneHead):
    """Angle embedding and entangling layers on ``n_qubits`` qubits, one input per qubit.

    The embedding turns qubit i by ``scale · map(input i)`` radians. An embedding around z would do nothing to |0>, so a
    Hadamard gate on every qubit comes first. With ``re_uploading`` the embedding is repeated before every layer.

    The scale decides whether the head learns. Each ⟨Z⟩ is a product over many qubits, and for inputs of unit variance
    the share of it that is linear in the inputs is 89 % at .25, 62 % at .5, 17 % at 1 and 1 % at π. Batch norm behind
    the circuit makes up for ⟨Z⟩ being small.

    **Source:** angle embedding and layers as in PennyLane's templates; strongly entangling layers: Schuld, Bocharov,
    Svore, Wiebe, Circuit-centric quantum classifiers, 2018 (arXiv:1804.00633); re-uploading: Pérez-Salinas and others,
    2019 (arXiv:1907.02085).
    """

    summary = "angle embedding and entangling layers, written in PennyLane"
    source = "arXiv:1804.00633"

    n_qubits: Annotated[int, Field(ge=1, le=24, description="number of qubits, and of inputs")] = 8
    n_layers: Annotated[int, Field(ge=1, le=100, description="number of entangling layers")] = 2
    rotation: Annotated[Literal["x", "y", "z"], Field(description="axis of the embedding's rotations")] = "y"
    layers: Annotated[
        Literal["strong", "basic"],
        Field(description="strong: three rotations per qubit, CNOTs of growing range; basic: one rotation, a ring"),
    ] = "strong"
    re_uploading: Annotated[bool, Field(description="embed the inputs again before every layer")] = False
    scale: Annotated[float, Field(gt=0, description="radians per unit of input")] = 0.5
    angle_map: InputMap = "none"
    read_out: ReadOut = "linear"
    batch_norm: BatchNorm = True

    def __post_init__(self) -> None:
        self.n_inputs = self.n_qubits

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """(n_layers, n_qubits, 3) for strongly, (n_layers, n_qubits) for basic entangling layers."""
        return (self.n_layers, self.n_qubits, 3) if self.layers == "strong" else (self.n_layers, self.n_qubits)

    def quantum_function(self, inputs: Tensor, weights: Tensor) -> Any:
        """Embedding, layers, and ⟨Z⟩ of every qubit, or of their parity."""
        import pennylane as qml

        angles = self.scale * INPUT_MAPS[self.angle_map](inputs)
        wires = range(self.n_qubits)
        for layer in range(self.n_layers):
            if layer == 0 or self.re_uploading:
                self._embed(angles)
            if self.layers == "strong":
                # The range of the CNOTs grows from layer to layer, as in one call with all layers.
                ranges = [layer % (self.n_qubits - 1) + 1] if self.n_qubits > 1 else None
                qml.StronglyEntanglingLayers(weights[layer : layer + 1], wires=wires, ranges=ranges)
            else:
                qml.BasicEntanglerLayers(weights[layer : layer + 1], wires=wires)
        if self.read_out == "parity":
            return qml.expval(qml.prod(*(qml.PauliZ(wire) for wire in wires)))
        return [qml.expval(qml.PauliZ(wire)) for wire in wires]

    def trace(self) -> TracedCircuit:
        """The circuit of ``quantum_function``, gate by gate, so that showing and using it does not load PennyLane."""
        shape = self.weight_shape
        gates = list(self._gates(torch.zeros(self.n_qubits), torch.zeros(shape)))

        def angles(inputs: Tensor, weights: Tensor) -> list[Tensor]:
            return [angle for _, _, angle in self._gates(inputs, weights.reshape(shape)) if angle is not None]

        traced = trace(angles, self.n_qubits, self.n_parameters)
        left = iter(traced.angles)
        made = tuple(Gate(name, wires, () if angle is None else (next(left),)) for name, wires, angle in gates)
        wires = tuple(range(self.n_qubits))
        measured = [wires] if self.read_out == "parity" else [(wire,) for wire in wires]
        values = LinearCombination(torch.eye(len(measured)), torch.zeros(len(measured)))
        circuit = Circuit(self.n_qubits, made, tuple(Observable("Z" * len(each), each) for each in measured))
        return TracedCircuit(circuit, traced, values)

    def _gates(self, inputs: Tensor, weights: Tensor) -> Iterator[tuple[str, tuple[int, ...], Tensor | None]]:
        """Name, wires and angle of each gate."""
        encoded = self.scale * INPUT_MAPS[self.angle_map](inputs)
        n = self.n_qubits
        for number, layer in enumerate(weights):
            if number == 0 or self.re_uploading:
                yield from (("h", (wire,), None) for wire in range(n if self.rotation == "z" else 0))
                yield from ((f"r{self.rotation}", (wire,), encoded[wire]) for wire in range(n))
            for wire in range(n):
                turns = zip("zyz", layer[wire], strict=True) if self.layers == "strong" else [("x", layer[wire])]
                yield from ((f"r{axis}", (wire,), angle) for axis, angle in turns)
            step = number % (n - 1) + 1 if n > 1 and self.layers == "strong" else 1
            ring = n if n > 2 or self.layers == "strong" else 1  # a basic ring of two is one CNOT
            yield from (("cx", (wire, (wire + step) % n), None) for wire in range(ring if n > 1 else 0))

    def _embed(self, angles: Tensor) -> None:
        import pennylane as qml

        if self.rotation == "z":
            for wire in range(self.n_qubits):
                qml.Hadamard(wire)
        qml.AngleEmbedding(angles, wires=range(self.n_qubits), rotation=_ROTATIONS[self.rotation])
