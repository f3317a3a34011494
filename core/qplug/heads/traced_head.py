"""Quantum heads that come from another framework: traced once, then plain data and torch code."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

import torch
from torch import Tensor, nn

from qplug.contract.circuit import Circuit
from qplug.contract.errors import NotSupported
from qplug.contract.interfaces.head import HeadCapabilities, QuantumHead
from qplug.heads.angles import TracedAngles
from qplug.heads.readouts import LinearCombination, MeasuredReadoutName, readout

ImportedReadout: TypeAlias = Literal["linear", "values"]
"""``linear``: batch norm and a linear layer; ``values``: the logits are the measured values themselves."""


@dataclass(frozen=True, eq=False)
class TracedCircuit:
    """What tracing gives.

    Attributes:
        circuit: gates and Pauli strings.
        angles: the torch code behind the gates' angles.
        values: what the original measures, as sums of the Pauli strings' expectation values.
    """

    circuit: Circuit
    angles: TracedAngles
    values: LinearCombination


class TracedHead(QuantumHead):
    """A quantum head that another framework describes. A framework's plugin writes ``trace`` and ``n_parameters``.

    After the first call the framework is not asked again: the head runs on every backend, and can be copied.

    Attributes:
        n_inputs: how many inputs it takes; the circuit is traced for that many.
        read_out: how logits come from the measured values.
        batch_norm: whether a linear read-out starts with batch norm.
    """

    capabilities: HeadCapabilities = HeadCapabilities(interface=1, quantum=True)
    n_inputs: int
    read_out: MeasuredReadoutName = "linear"
    batch_norm: bool = True
    _traced: TracedCircuit | None = None

    @property
    @abstractmethod
    def n_parameters(self) -> int:
        """The number of trainable parameters."""

    @abstractmethod
    def trace(self) -> TracedCircuit:
        """Traces the framework's circuit; called once.

        Raises:
            CircuitError: it contains what the contract cannot express.
        """

    def traced(self) -> TracedCircuit:
        """The traced circuit; ``trace`` at the first call."""
        if self._traced is None:
            self._traced = self.trace()
        return self._traced

    def circuit(self, n_inputs: int) -> Circuit:
        """The circuit.

        Raises:
            NotSupported: another number of inputs than the head takes.
        """
        if n_inputs != self.n_inputs:
            raise NotSupported(f"{type(self).__name__} takes {self.n_inputs} inputs, but {n_inputs} were given.")
        return self.traced().circuit

    def encode(self, inputs: Tensor, parameters: Tensor) -> Tensor:
        """Encoding angles (batch, n_encoding), by the framework's own formulas."""
        return self.traced().angles.encode(inputs, parameters)

    def weight_angles(self, parameters: Tensor) -> Tensor:
        """Weight angles (n_weights,), by the framework's own formulas."""
        return self.traced().angles.weight_angles(parameters)

    def initial_parameters(self, circuit: Circuit, generator: torch.Generator) -> Tensor:
        """Parameters to start from, flat, uniform in [0, 2π)."""
        return torch.rand(self.n_parameters, generator=generator) * (2 * math.pi)

    def readout(self, n_observables: int, n_classes: int) -> nn.Module:
        """The measured values, then the read-out that was asked for."""
        values = self.traced().values
        return after(values, readout(self.read_out, len(values.offset), n_classes, batch_norm=self.batch_norm))


class ImportedHead(TracedHead):
    """A head made of an object that exists already, such as a QNode or a QNN; the object itself is not kept.

    Args:
        traced: its circuit.
        n_inputs: number of inputs.
        n_parameters: number of trainable parameters.
        start: (n_parameters,), parameters to start from; None: uniform in [0, 2π).
        imported_readout: how logits come about.
    """

    summary: ClassVar[str] = "an existing circuit of another framework"

    def __init__(
        self,
        traced: TracedCircuit,
        n_inputs: int,
        n_parameters: int,
        start: Tensor | None,
        imported_readout: ImportedReadout,
    ) -> None:
        self._traced = traced
        self.n_inputs = n_inputs
        self._n_parameters = n_parameters
        self.start = start
        self.imported_readout = imported_readout

    @property
    def n_parameters(self) -> int:
        """The number of trainable parameters."""
        return self._n_parameters

    def trace(self) -> TracedCircuit:
        """The circuit as it was traced when the head was made."""
        return self.traced()

    def initial_parameters(self, circuit: Circuit, generator: torch.Generator) -> Tensor:
        """The parameters that were given, else uniform in [0, 2π)."""
        return super().initial_parameters(circuit, generator) if self.start is None else self.start.clone()

    def readout(self, n_observables: int, n_classes: int) -> nn.Module:
        """As asked: batch norm and a linear layer, or the measured values as they are.

        Raises:
            NotSupported: ``values`` with another number of values than classes.
        """
        if self.imported_readout == "linear":
            return super().readout(n_observables, n_classes)
        values = self.traced().values
        if len(values.offset) != n_classes:
            raise NotSupported(
                f"the circuit gives {len(values.offset)} values, which cannot be the logits of {n_classes} classes. "
                "Use read_out='linear'."
            )
        return after(values, nn.Identity())


def after(values: LinearCombination, layer: nn.Module) -> nn.Module:
    """The layer behind the sums, which are left out where they change nothing."""
    return layer if values.is_trivial else nn.Sequential(values, layer)
