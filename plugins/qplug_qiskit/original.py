"""A QuantumCircuit evaluated by Qiskit alone, to prove what was traced of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from qiskit import QuantumCircuit
from qiskit.circuit import ControlFlowOp, Parameter, ParameterExpression
from qiskit.quantum_info import Statevector
from torch import Tensor

from qplug.contract.errors import CircuitError
from qplug.heads.proof import Evaluated

from .expressions import Value
from .given import Parametrised
from .lowering import Structure, lower, structure, structure_of, unmeasured

_MOST_COMPARED = 8  # qubits, of states
_STEP = 1e-3  # radians; two steps extrapolated leave errors near 1e-11


@dataclass(frozen=True)
class Written(Parametrised):
    """What an author wrote: a circuit, and what is measured on it.

    Attributes:
        observables: what is measured.
    """

    observables: Sequence[Any]


def refuse_other_definitions(written: Written, seen: Structure) -> None:
    """Proves that the circuit with numbers in it is what its decomposition with parameters becomes for these numbers.

    Raises:
        CircuitError: a gate is defined by more than its angles, such as chance or the kind of number, or is decomposed
            into what it is only nearly, such as a Trotter step.
    """
    parameters = [*written.inputs, *written.weights]
    numbers = dict(zip(parameters, torch.linspace(0.2, 0.8, len(parameters)).double().tolist(), strict=True))
    got = [_bound_real(value, numbers) for values in seen.values for value in values]
    bound = _with_numbers(written.circuit, numbers)
    lowered = lower(bound)
    with_numbers = structure_of(lowered, written.observables)
    wanted = [float(value) for values in with_numbers.values for value in values]
    if with_numbers.gates != seen.gates or not np.allclose(wanted, got, rtol=1e-9, atol=1e-9):
        raise CircuitError(
            "with numbers in place of its parameters the circuit is decomposed into other gates or angles. Define its "
            "gates by their angles alone: give random structure a seed, and decide nothing by the kind of an angle."
        )
    if lowered.num_qubits <= _MOST_COMPARED and not _same_state(bound, lowered):
        raise CircuitError(
            "the circuit's gates are not what Qiskit decomposes them into, as a PauliEvolutionGate of terms that do "
            "not commute is a product of exponentials only nearly. qplug runs the gates: decompose the circuit first "
            "(circuit.decompose()), so that it says what is run."
        )


def _with_numbers(circuit: QuantumCircuit, numbers: dict[Parameter, float]) -> QuantumCircuit:
    """A copy with numbers. Of bodies of ``if_test`` Qiskit itself would bind what a copy shares with its original."""
    copy = circuit.copy_empty_like()
    for instruction in circuit.data:
        operation = instruction.operation
        if isinstance(operation, ControlFlowOp):
            operation = operation.replace_blocks([_with_numbers(body, numbers) for body in operation.blocks])
        copy.append(operation, instruction.qubits, instruction.clbits)
    return copy.assign_parameters(numbers, strict=False)


def _same_state(bound: QuantumCircuit, lowered: QuantumCircuit) -> bool:
    exact = Statevector(unmeasured(bound))
    return bool(abs(abs(exact.inner(Statevector(lowered))) - 1) < 1e-9)


class Original:
    """What the circuit is for given numbers: Qiskit binds them into its own expressions.

    Gradients of its angles are differences of bound numbers, extrapolated; Qiskit's bound numbers carry none.

    Args:
        written: the circuit as it was written.
        seen: the same lowered.
    """

    def __init__(self, written: Written, seen: Structure) -> None:
        self.parameters = [*written.inputs, *written.weights]
        self._place = {parameter: place for place, parameter in enumerate(self.parameters)}
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
        slopes = at.new_zeros(len(self.values), len(self.parameters))
        for row, value in enumerate(self.values):
            for parameter in value.parameters if isinstance(value, ParameterExpression) else ():
                slopes[row, self._place[parameter]] = _slope(value, parameter, numbers)
        return found + slopes @ (at - at.detach())


def _bound(value: Value, numbers: dict[Parameter, float]) -> float:
    if not isinstance(value, ParameterExpression):
        return float(value)
    return float(value.bind({parameter: numbers[parameter] for parameter in value.parameters}))


def _bound_real(value: Value, numbers: dict[Parameter, float]) -> float:
    try:
        return _bound(value, numbers)
    except (TypeError, ValueError, RuntimeError) as error:
        raise CircuitError(
            f"the angle {value} is no real number for inputs and weights between 0.2 and 0.8, nor perhaps elsewhere "
            f"({error}). Write it so that it is one for all inputs, such as log(x*x + 1) for log(x)."
        ) from error


def _slope(value: ParameterExpression, parameter: Parameter, numbers: dict[Parameter, float]) -> float:
    def difference(step: float) -> float:
        ahead, behind = ({**numbers, parameter: numbers[parameter] + side * step} for side in (1, -1))
        return (_bound(value, ahead) - _bound(value, behind)) / (2 * step)

    return (4 * difference(_STEP / 2) - difference(_STEP)) / 3
