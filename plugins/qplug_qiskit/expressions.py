"""Qiskit's parameter expressions become torch code."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, TypeAlias

import sympy
import torch
from qiskit.circuit import Parameter, ParameterExpression
from torch import Tensor

from qplug.contract.errors import CircuitError
from qplug.heads.angles import AngleFunction


def _power(base: Any, exponent: Any) -> Any:
    if isinstance(exponent, float) and exponent == -1:
        return 1 / base
    if isinstance(exponent, float) and exponent == 0.5:
        return torch.sqrt(base)
    return torch.pow(base, exponent)


_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    sympy.Add: lambda *parts: reduce(operator.add, parts),
    sympy.Mul: lambda *parts: reduce(operator.mul, parts),
    sympy.Pow: _power,
    sympy.sin: torch.sin,
    sympy.cos: torch.cos,
    sympy.tan: torch.tan,
    sympy.asin: torch.asin,
    sympy.acos: torch.acos,
    sympy.atan: torch.atan,
    sympy.exp: torch.exp,
    sympy.log: torch.log,
    sympy.Abs: torch.abs,
    sympy.sign: torch.sign,
    sympy.conjugate: torch.conj,
}

Value: TypeAlias = float | ParameterExpression


def angle_function(values: Sequence[Value], inputs: Sequence[Parameter], weights: Sequence[Parameter]) -> AngleFunction:
    """Torch code for the values, as a function of inputs and weights.

    Args:
        values: numbers and parameter expressions.
        inputs: the parameters that stand for the inputs, in their order.
        weights: the parameters that stand for the weights, in their order.

    Raises:
        CircuitError: an expression uses a parameter that is neither an input nor a weight, or a function without torch
            code, or gives complex numbers.
    """
    known = [*inputs, *weights]
    _refuse_unknown(values, known)
    expressions = [_symbolic(value) for value in values]
    symbols = [parameter.sympify() for parameter in known]

    def angles(samples: Tensor, parameters: Tensor) -> list[Tensor]:
        found: dict[Any, Any] = dict(zip(symbols, [*samples, *parameters], strict=True))
        return [torch.as_tensor(_computed(expression, found), dtype=torch.float64) for expression in expressions]

    return angles


def _symbolic(value: Value) -> Any:
    if not isinstance(value, ParameterExpression):
        return sympy.Float(float(value), 17)
    # Where an expression comes down to one parameter, as a - a + b does, Qiskit's sympify gives any that it once held.
    alone = next((parameter for parameter in value.parameters if parameter.name == str(value)), value)
    return alone.sympify()


def _computed(expression: Any, found: dict[Any, Any]) -> Any:
    """The value of an expression, a tensor or a number without parameters; what occurs twice is computed once."""
    if expression not in found:
        found[expression] = _number(expression) if expression.is_number else _applied(expression, found)
    return found[expression]


def _number(expression: Any) -> float:
    if not expression.is_real:
        raise CircuitError(f"the angle {expression} is not real; an angle must be.")
    return float(expression)


def _applied(expression: Any, found: dict[Any, Any]) -> Any:
    parts = [_computed(part, found) for part in expression.args]
    if expression.func not in _FUNCTIONS:
        known = ", ".join(sorted(function.__name__.lower() for function in _FUNCTIONS))
        raise CircuitError(f"the angle {expression} uses {expression.func}, which has no torch code; {known} have.")
    return _FUNCTIONS[expression.func](*parts)


def _refuse_unknown(values: Sequence[Value], known: Sequence[Parameter]) -> None:
    used = {parameter for value in values if isinstance(value, ParameterExpression) for parameter in value.parameters}
    strange = sorted(parameter.name for parameter in used.difference(known))
    if strange:
        names = ", ".join(parameter.name for parameter in known)
        raise CircuitError(
            f"the circuit's parameters {', '.join(strange)} are neither inputs nor weights. Name every parameter as "
            f"one of the two; there are: {names or 'none'}."
        )
