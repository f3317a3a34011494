"""PennyLane's compiled simulator with adjoint gradients."""

from __future__ import annotations

from typing import Any, final

import numpy as np
import pennylane as qml
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from qplug.contract.circuit import Circuit, Encoding, Weight
from qplug.contract.interfaces import Backend, BackendCapabilities

from .tapes import tape_of, without_u

_CONFIG = qml.devices.ExecutionConfig(gradient_method="adjoint", use_device_gradient=True)


@final
class LightningQubit(Backend):
    """PennyLane's ``lightning.qubit``: C++, one sample after the other, memory for two states whatever the depth.

    Complex64 for float32 angles, complex128 for float64.

    **Source:** adjoint differentiation: Jones, Gacon, Efficient calculation of gradients in classical simulations of
    variational quantum algorithms, 2020 (arXiv:2009.02823).
    """

    summary = "PennyLane's lightning.qubit, adjoint gradients"
    source = "arXiv:2009.02823"
    capabilities = BackendCapabilities(interface=1, gradient="adjoint", max_qubits=26)

    def expectations(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
        """Expectation values (batch, n_observables), differentiable once."""
        # The adjoint method knows gates with one angle only.
        values: Tensor = _Adjoint.apply(encoding, weights, without_u(circuit))  # type: ignore[no-untyped-call]
        return values


class _Adjoint(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, encoding: Tensor, weights: Tensor, circuit: Circuit) -> Tensor:
        ctx.circuit = circuit
        ctx.save_for_backward(encoding, weights)
        results = _device(circuit, encoding).execute(_tapes(circuit, encoding, weights), _CONFIG)
        return torch.as_tensor(np.array(results).reshape(len(encoding), -1)).to(encoding.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        encoding, weights = ctx.saved_tensors
        circuit: Circuit = ctx.circuit
        angles = _trainable(circuit)
        # A sum over samples, in double precision as long as it grows.
        sums = np.zeros((len(encoding), len(angles)))
        if angles:
            cotangents = [_cotangent(row) for row in gradients[0].double().numpy()]
            products = _device(circuit, encoding).compute_vjp(_tapes(circuit, encoding, weights), cotangents, _CONFIG)
            sums = np.array(products, dtype=np.float64).reshape(sums.shape)
        return (
            _gathered(sums, angles, Encoding, circuit.n_encoding).to(encoding.dtype),
            _gathered(sums, angles, Weight, circuit.n_weights).sum(0).to(weights.dtype),
            None,
        )


def _device(circuit: Circuit, encoding: Tensor) -> Any:
    c_dtype = np.complex64 if encoding.dtype == torch.float32 else np.complex128
    # Nothing is sampled; without a seed it would draw one from numpy's global generator.
    return qml.device("lightning.qubit", wires=circuit.n_qubits, c_dtype=c_dtype, seed=0)


def _tapes(circuit: Circuit, encoding: Tensor, weights: Tensor) -> list[Any]:
    """One tape per sample; what the adjoint method differentiates are all angles that are not constant."""
    angles = [angle for gate in circuit.gates for angle in gate.angles]
    trainable = [position for position, angle in enumerate(angles) if isinstance(angle, Encoding | Weight)]
    shared = weights.detach().double().numpy()
    tapes = [tape_of(circuit, sample, shared) for sample in encoding.detach().double().numpy()]
    for tape in tapes:
        tape.trainable_params = trainable
    return tapes


def _trainable(circuit: Circuit) -> list[Encoding | Weight]:
    return [angle for gate in circuit.gates for angle in gate.angles if isinstance(angle, Encoding | Weight)]


def _cotangent(row: NDArray[np.float64]) -> Any:
    return row[0] if len(row) == 1 else tuple(row)


def _gathered(
    sums: NDArray[np.float64], angles: list[Encoding | Weight], kind: type[Encoding | Weight], width: int
) -> Tensor:
    """(batch, width): the columns that belong to each index of that kind of angle, added up."""
    columns = [column for column, angle in enumerate(angles) if isinstance(angle, kind)]
    indices = torch.tensor([angles[column].index for column in columns], dtype=torch.int64)
    return torch.zeros(len(sums), width, dtype=torch.float64).index_add_(1, indices, torch.as_tensor(sums[:, columns]))
