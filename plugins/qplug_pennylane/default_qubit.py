"""PennyLane's default simulator."""

from __future__ import annotations

from typing import final

import pennylane as qml
import torch
from torch import Tensor

from qplug.contract.circuit import Circuit
from qplug.contract.interfaces import Backend, BackendCapabilities

from .tapes import tape_of, without_u


@final
class DefaultQubit(Backend):
    """PennyLane's ``default.qubit``: a whole batch in one call, gradients by backpropagation.

    It computes in double precision whatever the angles' dtype, and memory grows with the number of gates: about
    16 bytes · batch · 2^n_qubits for each of them.
    """

    summary = "PennyLane's default.qubit, backpropagation"
    source = "https://pennylane.ai"
    # Above this one sample's state alone takes a gigabyte for every few gates.
    capabilities = BackendCapabilities(interface=1, gradient="autograd", max_qubits=20)

    def expectations(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
        """Expectation values (batch, n_observables), differentiable."""
        # PennyLane cannot make a broadcast U3 of constants and tensors mixed.
        tape = tape_of(without_u(circuit), encoding.double(), weights.double())
        # Nothing is sampled; without a seed it would draw one from numpy's global generator.
        device = qml.device("default.qubit", wires=circuit.n_qubits, seed=0)
        (values,) = qml.execute([tape], device, diff_method="backprop", interface="torch")
        columns = [values] if isinstance(values, Tensor) else list(values)
        # A circuit without encoding angles gives one value for the whole batch.
        shape = (len(encoding),)
        return torch.stack([column.real.expand(shape) for column in columns], 1).to(encoding.dtype)
