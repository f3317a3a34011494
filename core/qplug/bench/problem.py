"""What is timed, with the right answer: angles for a batch, and what values and gradients must come out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qplug.bench.sizes import Case
from qplug.contract.circuit import Circuit
from qplug.testing import reference

VALUES, GRADIENTS = 1e-5, 1e-4
"""How far single-precision values and gradients may lie from the right ones."""
MOST_QUBITS = 18
"""Above this the plain reference takes minutes, and nothing is checked."""
_STEP = 1e-5


class Outcome(NamedTuple):
    """What one timed call gives: values (batch, n_observables), gradients by inputs and by parameters; any arrays."""

    values: Any
    by_inputs: Any
    by_parameters: Any


class Difference(NamedTuple):
    """The largest differences from the right answer."""

    values: float
    gradients: float

    @property
    def too_large(self) -> bool:
        """Whether one of them is beyond what rounding explains; NaN is."""
        return not (self.values <= VALUES and self.gradients <= GRADIENTS)


@dataclass(frozen=True, eq=False)
class Problem:
    """Differentiate Σ cotangent · values by inputs and by parameters.

    The batch repeats a few distinct rows, so that the whole of it can be checked against a plain reference.

    Attributes:
        circuit: the circuit.
        inputs: (batch, n_inputs), float32, asks for gradients.
        parameters: (n_parameters,), float32, asks for gradients.
        cotangent: (batch, n_observables).
        angles: inputs and parameters → encoding angles (batch, n_encoding) and weight angles (n_weights,).
        n_distinct: row i of a batch equals row i modulo this.
    """

    circuit: Circuit
    inputs: Tensor
    parameters: Tensor
    cotangent: Tensor
    angles: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    n_distinct: int


def head_problem(case: Case, device: str) -> Problem:
    """By the head's inputs and parameters, the way from inputs to angles included."""
    head, circuit = case.head, case.circuit
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(_n_distinct(circuit), case.n_inputs, generator=generator)
    parameters = head.initial_parameters(circuit, generator).detach().float()

    def angles(inputs: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        return head.encode(inputs, parameters), head.weight_angles(parameters)

    return _problem(circuit, rows, parameters, angles, case.batch, device)


def circuit_problem(case: Case, device: str) -> Problem:
    """By the circuit's own angles: what other libraries are given. The angles are those of ``head_problem``."""
    head = head_problem(case, "cpu")
    with torch.no_grad():
        encoding, weights = head.angles(head.inputs[: head.n_distinct], head.parameters)
    return _problem(case.circuit, encoding, weights, lambda first, second: (first, second), case.batch, device)


def _n_distinct(circuit: Circuit) -> int:
    return 4 if circuit.n_qubits <= 10 else 2 if circuit.n_qubits <= 14 else 1


def _problem(circuit: Circuit, rows: Tensor, parameters: Tensor, angles: Any, batch: int, device: str) -> Problem:
    generator = torch.Generator().manual_seed(1)
    cotangents = torch.rand(len(rows), len(circuit.observables), generator=generator) + 0.5
    repeat = torch.arange(batch) % len(rows)
    return Problem(
        circuit=circuit,
        inputs=rows.detach()[repeat].to(device).requires_grad_(),
        parameters=parameters.detach().to(device).clone().requires_grad_(),
        cotangent=cotangents[repeat].to(device),
        angles=angles,
        n_distinct=min(len(rows), batch),
    )


class Truth:
    """Right values, and right slopes along one direction of the inputs and one of the parameters.

    They come from ``qplug.testing.reference``, in double precision, the slopes by central differences.
    """

    def __init__(self, problem: Problem) -> None:
        distinct = slice(problem.n_distinct)
        generator = torch.Generator().manual_seed(2)
        inputs, parameters = (
            problem.inputs.detach().cpu().double()[distinct],
            problem.parameters.detach().cpu().double(),
        )
        along_inputs = _unit_rows(torch.randn(inputs.shape, generator=generator, dtype=torch.float64))
        along_parameters = _unit_rows(torch.randn(parameters.shape, generator=generator, dtype=torch.float64))
        cotangent = problem.cotangent.cpu().double().numpy()[distinct]

        def slopes(by_inputs: Tensor, by_parameters: Tensor) -> NDArray[np.float64]:
            above = _values(problem, inputs + by_inputs, parameters + by_parameters)
            below = _values(problem, inputs - by_inputs, parameters - by_parameters)
            return np.asarray((cotangent * (above - below)).sum(1) / (2 * _STEP))

        still = torch.zeros(())
        self.values = _values(problem, inputs, parameters)
        self.by_inputs = slopes(_STEP * along_inputs, still)
        self.by_parameters = slopes(still, _STEP * along_parameters)
        self.along_inputs, self.along_parameters = along_inputs.numpy(), along_parameters.numpy()

    def difference(self, outcome: Outcome) -> Difference:
        """How far an outcome lies from the truth; gradients by parameters per sample of the batch."""
        values, by_inputs, by_parameters = (_array(part) for part in outcome)
        repeat = np.arange(len(values)) % len(self.values)
        slope_inputs = (by_inputs * self.along_inputs[repeat]).sum(1)
        slope_parameters = (by_parameters * self.along_parameters).sum() / len(values)
        return Difference(
            _largest(values - self.values[repeat]),
            max(
                _largest(slope_inputs - self.by_inputs[repeat]),
                _largest(slope_parameters - self.by_parameters[repeat].mean()),
            ),
        )


def _values(problem: Problem, inputs: Tensor, parameters: Tensor) -> NDArray[np.float64]:
    with torch.no_grad():
        encoding, weights = problem.angles(inputs, parameters)
    return reference.expectations(problem.circuit, encoding.double().numpy(), weights.double().numpy())


def _unit_rows(direction: Tensor) -> Tensor:
    return torch.nn.functional.normalize(direction, dim=-1) if direction.numel() else direction


def _array(part: Any) -> NDArray[np.float64]:
    if isinstance(part, Tensor):
        part = part.detach().cpu().numpy()
    return np.asarray(part, dtype=np.float64)


def _largest(difference: Any) -> float:
    return float(np.abs(difference).max(initial=0.0))
