"""Qiskit's parameter expressions become torch code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import sympy
import torch
from qiskit.circuit import Parameter, ParameterExpression
from torch import Tensor

from qplug.contract.errors import CircuitError
from qplug.heads.angles import AngleFunction

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sin": torch.sin,
    "cos": torch.cos,
    "tan": torch.tan,
    "asin": torch.asin,
    "acos": torch.acos,
    "atan": torch.atan,
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
    "Abs": torch.abs,
    "sign_of": torch.sign,
    "conjugate": torch.conj,
}

Value: TypeAlias = float | ParameterExpression


def angle_function(values: Sequence[Value], inputs: Sequence[Parameter], weights: Sequence[Parameter]) -> AngleFunction:
    """Torch code for the values, as a function of inputs and weights.

    Args:
        values: numbers and parameter expressions.
        inputs: the parameters that stand for the inputs, in their order.
        weights: the parameters that stand for the weights, in their order.

    Raises:
        CircuitError: an expression uses a parameter that is neither an input nor a weight.
    """
    known = [*inputs, *weights]
    _refuse_unknown(values, known)
    expressions = [_symbolic(value) for value in values]
    computed = sympy.lambdify([parameter.sympify() for parameter in known], expressions, [_FUNCTIONS, "math"])

    def angles(samples: Tensor, parameters: Tensor) -> list[Tensor]:
        return [torch.as_tensor(angle, dtype=torch.float64) for angle in computed(*samples, *parameters)]

    return angles


def _symbolic(value: Value) -> Any:
    if not isinstance(value, ParameterExpression):
        return sympy.Float(float(value), 17)
    # Its own sign is written out as a decision by the value, which tensors have no part in.
    return value.sympify().replace(sympy.sign, sympy.Function("sign_of"))


def _refuse_unknown(values: Sequence[Value], known: Sequence[Parameter]) -> None:
    used = {parameter for value in values if isinstance(value, ParameterExpression) for parameter in value.parameters}
    strange = sorted(parameter.name for parameter in used.difference(known))
    if strange:
        names = ", ".join(parameter.name for parameter in known)
        raise CircuitError(
            f"the circuit's parameters {', '.join(strange)} are neither inputs nor weights. Name every parameter as "
            f"one of the two; there are: {names or 'none'}."
        )
