"""What an author hands over, looked at before it is traced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from torch import Tensor

from qplug.contract.errors import CircuitError


@dataclass(frozen=True)
class Parametrised:
    """A Qiskit circuit, and which of its parameters are what.

    Attributes:
        circuit: the circuit.
        inputs: the parameters that stand for the inputs, in their order.
        weights: the parameters that stand for the weights, in their order.
    """

    circuit: QuantumCircuit
    inputs: Sequence[Parameter]
    weights: Sequence[Parameter]


def refuse_misnamed(circuit: Any, inputs: Sequence[Any], weights: Sequence[Any]) -> None:
    """Refuses what is no circuit, no parameter, or a parameter named twice.

    Raises:
        CircuitError: one of these, by its name.
    """
    if not isinstance(circuit, QuantumCircuit):
        raise CircuitError(f"a {type(circuit).__name__} is no circuit; give a qiskit.QuantumCircuit.")
    seen: set[Any] = set()
    for parameter in [*inputs, *weights]:
        if not isinstance(parameter, Parameter):
            raise CircuitError(
                f"{parameter!r} among inputs and weights is a {type(parameter).__name__}, not a Parameter. Give the "
                "circuit's own parameters one by one: list(vector) for a ParameterVector."
            )
        if parameter in seen:
            raise CircuitError(
                f"the parameter {parameter.name} is named twice among inputs and weights; each is one of the two, once."
            )
        seen.add(parameter)


def start_of(start: Any, n_weights: int) -> Tensor:
    """(n_weights,), trained weights as they were given.

    Raises:
        CircuitError: they are no numbers, or not as many as the circuit has weights.
    """
    try:
        return torch.as_tensor(np.asarray(start, dtype=np.float32)).reshape(n_weights)
    except (TypeError, ValueError, RuntimeError) as error:
        given = f"a {type(start).__name__}" if isinstance(start, dict | str) else f"of shape {np.shape(start)}"
        raise CircuitError(
            f"the weights to start from are {given}, which does not fit the circuit's {n_weights} weights; give one "
            "number for each, in the order of `weights`."
        ) from error
