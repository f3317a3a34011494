"""The reference simulator as a backend, for quantum heads where no other backend is at hand."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor

from qplug.contract.circuit import Circuit
from qplug.contract.interfaces import Backend, BackendCapabilities
from qplug.testing.reference import expectations, jacobians


@final
class Simulator(Backend):
    """The plain simulator of ``qplug.testing.reference``; its gradients are central differences."""

    summary = "the plain simulator that the checks compare with"
    source = "qplug's own"
    capabilities = BackendCapabilities(interface=1, gradient="shift", max_qubits=12)

    def expectations(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
        """Expectation values (batch, n_observables)."""
        values: Tensor = _Expectations.apply(circuit, encoding, weights)  # type: ignore[no-untyped-call]
        return values


class _Expectations(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
        ctx.circuit = circuit
        ctx.save_for_backward(encoding, weights)
        return torch.as_tensor(expectations(circuit, *_numbers(encoding, weights)), dtype=encoding.dtype)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Any:
        encoding, weights = ctx.saved_tensors
        by_encoding, by_weights = (torch.as_tensor(each, dtype=encoding.dtype) for each in jacobians(
            ctx.circuit, *_numbers(encoding, weights)))  # fmt: skip
        return (
            None,
            torch.einsum("bo,boe->be", slopes[0], by_encoding),
            torch.einsum("bo,bow->w", slopes[0], by_weights),
        )


def _numbers(*angles: Tensor) -> Any:
    return [each.detach().double().numpy() for each in angles]
