"""Heads: from a few numbers to logits."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qplug.contract.errors import NotSupported
from qplug.contract.interfaces.component import Capabilities, Component

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from qplug.contract.circuit import Circuit
    from qplug.contract.interfaces.training_part import TrainingPart


@dataclass(frozen=True, kw_only=True)
class HeadCapabilities(Capabilities):
    """What a head declares.

    Attributes:
        quantum: whether it is a ``QuantumHead`` and runs on a backend.
        fitted: whether it is fitted in one step (SVM, logistic regression) instead of trained by gradients.
    """

    quantum: bool = False
    fitted: bool = False


class Head(Component):
    """A classifier of reduced embeddings. An author writes ``build``.

    Attributes:
        n_inputs: how many inputs it takes; None for any number.
    """

    kind = "head"
    capabilities: HeadCapabilities
    n_inputs: int | None = None

    @abstractmethod
    def build(self, n_inputs: int, n_classes: int) -> nn.Module:
        """A module (batch, n_inputs) → logits (batch, n_classes).

        The core seeds torch's random generator for the call. A fitted head is built after ``fit``.
        """

    def fit(self, training: TrainingPart) -> None:
        """Learns from the training part; needed only where ``capabilities.fitted`` says so."""
        raise NotSupported(f"{type(self).__name__} is trained by gradients, not fitted.")


class QuantumHead(Head):
    """A head that is a circuit plus a read-out. An author writes ``circuit``; the core builds the module.

    The data's way: inputs (batch, n_inputs) → ``encode`` → encoding angles → the circuit on a backend → expectation
    values (batch, n_observables) → ``readout`` → logits. ``encode`` and ``weight_angles`` are ordinary differentiable
    torch code, so that backends see numbers only.
    """

    capabilities: HeadCapabilities

    @abstractmethod
    def circuit(self, n_inputs: int) -> Circuit:
        """The circuit for that many inputs; the same one at every call."""

    def encode(self, inputs: Tensor, parameters: Tensor) -> Tensor:
        """Encoding angles (batch, n_encoding) in radians. By default the inputs.

        Args:
            inputs: (batch, n_inputs).
            parameters: the trainable parameters, for heads that weigh their inputs, as in ``RX(w * x)``.
        """
        return inputs

    def weight_angles(self, parameters: Tensor) -> Tensor:
        """Weight angles (n_weights,) in radians from the trainable parameters. By default the parameters."""
        return parameters

    def initial_parameters(self, circuit: Circuit, generator: torch.Generator) -> Tensor:
        """Trainable parameters to start from. By default (n_weights,), uniform in [0, 2π)."""
        import math

        import torch

        return torch.rand(circuit.n_weights, generator=generator) * (2 * math.pi)

    def readout(self, n_observables: int, n_classes: int) -> nn.Module | None:
        """A module (batch, n_observables) → logits (batch, n_classes); None, as by default, for the usual one.

        The usual one, ``qplug.heads.quantum_module.LinearReadout``, is batch norm, then a linear layer. Expectation
        values are small (standard deviation .03 to .07 on random circuits), and a linear layer alone starves on them;
        see the page on training quantum heads.
        """
        return None

    def build(self, n_inputs: int, n_classes: int) -> nn.Module:
        """Refused: a quantum head needs a backend; ``qplug.heads.quantum_module.QuantumModule`` joins the two."""
        raise NotSupported(
            f"{type(self).__name__} is a quantum head and runs on a backend: QuantumModule(head, backend, …)."
        )
