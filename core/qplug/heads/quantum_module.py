"""The torch module that a quantum head becomes: encode, run on a backend, read out."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from qplug.contract.errors import PluginError, UserError

if TYPE_CHECKING:
    from qplug.contract.interfaces.backbone import Place
    from qplug.contract.interfaces.backend import Backend
    from qplug.contract.interfaces.head import QuantumHead


class LinearReadout(nn.Module):
    """Expectation values (batch, n_observables) → logits (batch, n_classes): batch norm, then a linear layer.

    Args:
        n_observables: number of expectation values.
        n_classes: number of logits.
        batch_norm: whether the expectation values are first brought to unit spread.
    """

    def __init__(self, n_observables: int, n_classes: int, *, batch_norm: bool = True) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(n_observables) if batch_norm else nn.Identity()
        self.linear = nn.Linear(n_observables, n_classes)

    def forward(self, expectations: Tensor) -> Tensor:
        """Logits (batch, n_classes)."""
        logits: Tensor = self.linear(self.norm(expectations))
        return logits


class QuantumModule(nn.Module):
    """A quantum head on a backend: inputs (batch, n_inputs) → logits (batch, n_classes).

    The backend is not part of the ``state_dict``: trained weights move between backends, and ``backend`` may be
    replaced on a trained module.

    Attributes:
        circuit: the head's circuit, plain data.
        circuit_parameters: the trainable parameters behind the weight angles.
        backend: where the circuit runs.
    """

    def __init__(self, head: QuantumHead, backend: Backend, n_inputs: int, n_classes: int) -> None:
        super().__init__()
        self.head = head
        self.n_inputs = n_inputs
        self.circuit = head.circuit(n_inputs)
        backend.accept(self.circuit)
        self.backend = backend
        generator = torch.Generator().manual_seed(int(torch.randint(2**31, ()).item()))
        self.circuit_parameters = nn.Parameter(head.initial_parameters(self.circuit, generator))
        n_observables = len(self.circuit.observables)
        self.readout = head.readout(n_observables, n_classes) or LinearReadout(n_observables, n_classes)
        n_weights = head.weight_angles(self.circuit_parameters.detach()).numel()
        if n_weights != self.circuit.n_weights:
            raise PluginError(
                f"{type(head).__name__}.weight_angles gave {n_weights} angles for a circuit with "
                f"{self.circuit.n_weights} weight angles."
            )

    def expectations(self, inputs: Tensor) -> Tensor:
        """Expectation values (batch, n_observables) in [-1, 1] for inputs (batch, n_inputs).

        Inputs of half precision, as classical layers give them under autocast, and whole numbers become float32, and
        autocast ends before the angles: rounded angles are other circuits. Angles on a device that the backend does not
        take are brought to one that it does, and the values back, so that the rest may compute on a GPU.

        Raises:
            UserError: inputs of another shape.
        """
        if inputs.ndim != 2 or inputs.shape[1] != self.n_inputs:
            raise UserError(
                f"the head's inputs must have the shape (batch, {self.n_inputs}); got {tuple(inputs.shape)}."
            )
        if inputs.dtype not in (torch.float32, torch.float64):
            inputs = inputs.float()
        parameters = self.circuit_parameters
        with without_autocast(inputs.device.type):
            encoding, weights = self.head.encode(inputs, parameters), self.head.weight_angles(parameters)
            place = _place_of(self.backend, encoding.device)
            return self.backend(self.circuit, encoding.to(place), weights.to(place)).to(encoding.device)

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (batch, n_classes)."""
        logits: Tensor = self.readout(self.expectations(inputs))
        return logits


def circuits_on(backend: Backend) -> Place:
    """Where the circuits of a ``QuantumBackbone`` run on that backend, with nothing put in their place."""

    def place(head: QuantumHead, n_inputs: int, n_outputs: int) -> nn.Module:
        return QuantumModule(head, backend, n_inputs, n_outputs)

    return place


def _place_of(backend: Backend, device: torch.device) -> torch.device:
    """The device itself where the backend takes its tensors, else the first whose tensors it takes."""
    taken = backend.capabilities.devices
    return device if device.type in taken else torch.device(taken[0])


def without_autocast(device: str) -> AbstractContextManager[object]:
    """Inside, nothing on that type of device is rounded to half precision."""
    on = torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
    return torch.autocast(device, enabled=False) if on else nullcontext()
