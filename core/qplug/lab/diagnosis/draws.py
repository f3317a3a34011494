"""Random draws of what a head's angles are made of."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from qplug.contract.circuit import Angle, Circuit, Encoding, Gate, Weight
from qplug.contract.interfaces import QuantumHead


@dataclass(frozen=True, eq=False)
class Draws:
    """A head at many random points.

    Attributes:
        head: the head.
        circuit: its circuit.
        inputs: (draw, n_inputs).
        parameters: (draw, n_parameters).
    """

    head: QuantumHead
    circuit: Circuit
    inputs: Tensor
    parameters: Tensor

    def angles(self) -> tuple[Tensor, Tensor]:
        """Encoding angles (draw, n_encoding) and weight angles (draw, n_weights), by the head's own torch code."""
        rows = [
            (self.head.encode(inputs[None], parameters)[0], self.head.weight_angles(parameters))
            for inputs, parameters in zip(self.inputs, self.parameters, strict=True)
        ]
        encoding, weights = zip(*rows, strict=True)
        return torch.stack(encoding), torch.stack(weights)


def as_training_starts(
    head: QuantumHead, n_inputs: int, n_draws: int, *, seed: int, among: Tensor | None = None
) -> Draws:
    """Inputs, and parameters that the head starts its training from.

    Args:
        head: the head.
        n_inputs: how many inputs it has.
        n_draws: how many points.
        seed: of the draws.
        among: inputs (row, n_inputs) to draw from; None: standard normal ones, as whitened components are.
    """
    circuit, generator = head.circuit(n_inputs), torch.Generator().manual_seed(seed)
    parameters = [head.initial_parameters(circuit, generator).detach().float() for _ in range(n_draws)]
    return Draws(head, circuit, _inputs(n_draws, n_inputs, generator, among), torch.stack(parameters))


def anywhere(
    head: QuantumHead, n_inputs: int, n_groups: int, n_each: int, *, seed: int, among: Tensor | None = None
) -> Draws:
    """Groups of draws with one input each, as above; parameters uniform in [0, 2π): what training can reach."""
    circuit, generator = head.circuit(n_inputs), torch.Generator().manual_seed(seed)
    n_parameters = head.initial_parameters(circuit, generator).numel()
    inputs = _inputs(n_groups, n_inputs, generator, among).repeat_interleave(n_each, 0)
    parameters = torch.rand(len(inputs), n_parameters, generator=generator) * (2 * math.pi)
    return Draws(head, circuit, inputs, parameters)


def _inputs(n_draws: int, n_inputs: int, generator: torch.Generator, among: Tensor | None) -> Tensor:
    if among is None:
        return torch.randn(n_draws, n_inputs, generator=generator)
    return among[torch.randint(len(among), (n_draws,), generator=generator)]


def all_encoded(circuit: Circuit) -> Circuit:
    """The same circuit with its weight angles as further encoding angles, so that each sample has its own."""
    first = circuit.n_encoding

    def encoded(angle: Angle) -> Angle:
        return Encoding(first + angle.index) if isinstance(angle, Weight) else angle

    gates = tuple(Gate(gate.name, gate.wires, tuple(map(encoded, gate.angles))) for gate in circuit.gates)
    return Circuit(circuit.n_qubits, gates, circuit.observables)
