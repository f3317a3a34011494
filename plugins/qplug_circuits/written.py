"""A quantum head whose gates are written out, with the torch code of their angles beside them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, TypeAlias

import torch
from pydantic import Field
from torch import Tensor

from qplug.contract.circuit import Circuit, Gate, Observable
from qplug.heads.angles import trace
from qplug.heads.readouts import LinearCombination, MeasuredReadoutName, basis_probabilities
from qplug.heads.traced_head import TracedCircuit, TracedHead

Written: TypeAlias = tuple[str, tuple[int, ...], tuple[Tensor, ...]]
"""Name, wires and angles of a gate."""

MeasuredReadOut: TypeAlias = Annotated[
    MeasuredReadoutName,
    Field(
        description="linear: <Z> of each qubit into a linear layer; z: <Z> of the first qubits as logits; parity: the "
        "parity of all qubits, two classes; probabilities: a basis state for each class; parity-classes: the number of "
        "ones of a basis state modulo the number of classes"
    ),
]
"""A head's parameter ``read_out``, with those that read probabilities of basis states."""

MOST_READ = 6
"""Of so many qubits the probabilities are read: 63 Pauli strings. With more, of the first ones."""


class WrittenHead(TracedHead):
    """A quantum head that yields its gates. A subclass writes ``gates`` and ``n_parameters``, and sets ``n_inputs``.

    Attributes:
        read_out: how logits come from what is measured.
        batch_norm: whether a linear read-out starts with batch norm.
    """

    n_qubits: int
    read_out: MeasuredReadoutName = "linear"

    @abstractmethod
    def gates(self, inputs: Tensor, parameters: Tensor) -> Iterator[Written]:
        """The gates in the order in which they act, with their angles in radians.

        Args:
            inputs: (n_inputs,), one sample.
            parameters: (n_parameters,).
        """

    def read_wires(self) -> Sequence[int]:
        """The qubits that are read; by default all."""
        return range(self.n_qubits)

    def trace(self) -> TracedCircuit:
        """The circuit and the code of its angles."""
        written = list(self.gates(torch.zeros(self.n_inputs), torch.zeros(self.n_parameters)))

        def angles(inputs: Tensor, parameters: Tensor) -> list[Tensor]:
            return [angle for _, _, of_gate in self.gates(inputs, parameters) for angle in of_gate]

        traced = trace(angles, self.n_inputs, self.n_parameters)
        left = iter(traced.angles)
        made = tuple(Gate(name, wires, tuple(next(left) for _ in of_gate)) for name, wires, of_gate in written)
        strings, values = self._measured()
        observables = tuple(Observable("Z" * len(wires), wires) for wires in strings)
        return TracedCircuit(Circuit(self.n_qubits, made, observables), traced, values)

    def _measured(self) -> tuple[list[tuple[int, ...]], LinearCombination]:
        """The wires of each string of Z, and the sums of them that the read-out takes."""
        wires = tuple(self.read_wires())
        if self.read_out in ("probabilities", "parity-classes"):
            return basis_probabilities(wires[:MOST_READ])
        strings: list[tuple[int, ...]] = [wires] if self.read_out == "parity" else [(wire,) for wire in wires]
        return strings, LinearCombination(torch.eye(len(strings)), torch.zeros(len(strings)))


def on_each(name: str, wires: Iterable[int], angles: Iterable[Tensor] | None = None) -> Iterator[Written]:
    """The same gate of one qubit on each wire, with an angle each or without."""
    if angles is None:
        yield from ((name, (wire,), ()) for wire in wires)
    else:
        yield from ((name, (wire,), (angle,)) for wire, angle in zip(wires, angles, strict=True))
