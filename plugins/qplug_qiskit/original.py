"""A QuantumCircuit evaluated by Qiskit alone, to prove what was traced of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterExpression
from torch import Tensor

from qplug.heads.proof import Evaluated

from .expressions import Value
from .lowering import Structure, structure

_STEP = 1e-3  # radians; two steps extrapolated leave errors near 1e-11


@dataclass(frozen=True)
class Written:
    """What an author wrote.

    Attributes:
        circuit: the circuit.
        inputs: the parameters that stand for the inputs, in their order.
        weights: the parameters that stand for the weights, in their order.
        observables: what is measured.
    """

    circuit: QuantumCircuit
    inputs: Sequence[Parameter]
    weights: Sequence[Parameter]
    observables: Sequence[Any]


class Original:
    """What the circuit is for given numbers: Qiskit binds them into its own expressions.

    Gradients of its angles are differences of bound numbers, extrapolated; Qiskit's bound numbers carry none.

    Args:
        written: the circuit as it was written.
        seen: the same lowered.
    """

    def __init__(self, written: Written, seen: Structure) -> None:
        self.parameters = [*written.inputs, *written.weights]
        self.structure = seen
        self.values = [value for values in seen.values for value in values]

    @classmethod
    def of(cls, written: Written) -> Original:
        """The same of a circuit that is not lowered yet: one that was made once more, and may be another one."""
        return cls(written, structure(written.circuit, written.observables))

    def __call__(self, inputs: Tensor, parameters: Tensor) -> Evaluated:
        """Gates and angles for one sample (n_inputs,) or a batch (batch, n_inputs)."""
        rows = inputs if inputs.ndim == 2 else inputs[None]
        angles = torch.stack([self._angles(torch.cat([row, parameters])) for row in rows])
        seen = self.structure
        return Evaluated(seen.gates, angles if inputs.ndim == 2 else angles[0], seen.observables, seen.sums)

    def _angles(self, at: Tensor) -> Tensor:
        numbers = dict(zip(self.parameters, at.tolist(), strict=True))
        found = at.new_tensor([_bound(value, numbers) for value in self.values])
        if not at.requires_grad or not self.values:
            return found
        slopes = at.new_tensor([[_slope(value, name, numbers) for name in self.parameters] for value in self.values])
        return found + slopes @ (at - at.detach())


def _bound(value: Value, numbers: dict[Parameter, float]) -> float:
    if not isinstance(value, ParameterExpression):
        return float(value)
    return float(value.bind({parameter: numbers[parameter] for parameter in value.parameters}))


def _slope(value: Value, parameter: Parameter, numbers: dict[Parameter, float]) -> float:
    if not isinstance(value, ParameterExpression) or parameter not in value.parameters:
        return 0.0

    def difference(step: float) -> float:
        ahead, behind = ({**numbers, parameter: numbers[parameter] + side * step} for side in (1, -1))
        return (_bound(value, ahead) - _bound(value, behind)) / (2 * step)

    return (4 * difference(_STEP / 2) - difference(_STEP)) / 3
