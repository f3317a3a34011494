"""Any PennyLane quantum function as a head."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor

from qplug.heads.traced_head import ImportedHead, ImportedReadout, TracedCircuit, TracedHead

WeightShapes: TypeAlias = Mapping[str, int | tuple[int, ...]]
"""The shape of every weight argument of a quantum function, by its name, as for PennyLane's ``TorchLayer``."""


class PennyLaneHead(TracedHead):
    """A quantum head written as a PennyLane quantum function.

    An author writes ``quantum_function`` and ``weight_shape``, and sets ``n_inputs``. The function is traced once:
    PennyLane decomposes it into the contract's gates, its classical pre-processing becomes torch code for any batch. It
    is then run again at fresh inputs and weights, and refused unless gates, angles, gradients and observables agree.
    PennyLane takes as long to load as torch, so it is loaded when a function is traced and not before.
    """

    @property
    @abstractmethod
    def weight_shape(self) -> tuple[int, ...]:
        """The shape of the trainable weights that ``quantum_function`` takes."""

    @abstractmethod
    def quantum_function(self, inputs: Tensor, weights: Tensor) -> Any:
        """Queues PennyLane operations and returns ``qml.expval`` or ``qml.probs``, one or a list in the order made.

        Everything that depends on inputs or weights stays in torch: no NumPy, no ``float()``, no ``if`` on values.

        Args:
            inputs: (n_inputs,), one sample.
            weights: of ``weight_shape``.
        """

    @property
    def n_parameters(self) -> int:
        """The number of weights."""
        return math.prod(self.weight_shape)

    def trace(self) -> TracedCircuit:
        """The quantum function's circuit.

        Raises:
            CircuitError: the quantum function contains what the contract cannot express, or its circuit is not the
                same for all inputs and weights.
        """
        from .tracing import trace_function

        shape = self.weight_shape
        return trace_function(
            lambda inputs, weights: self.quantum_function(inputs, weights.reshape(shape)),
            self.n_inputs,
            self.n_parameters,
        )

    @staticmethod
    def from_qnode(
        qnode: Any,
        *,
        n_inputs: int,
        weight_shapes: WeightShapes,
        weights: Mapping[str, Any] | None = None,
        read_out: ImportedReadout = "linear",
        input_argument: str = "inputs",
    ) -> ImportedHead:
        """An existing QNode as a head: the same circuit, with the same numbers.

        Args:
            qnode: takes ``inputs`` and the weights by name, as PennyLane's ``TorchLayer`` asks.
            n_inputs: how many inputs it takes.
            weight_shapes: the shape of every weight argument.
            weights: trained weights by name to start from; without them uniform in [0, 2π).
            read_out: ``linear``: batch norm and a linear layer follow; ``values``: the logits are the QNode's own
                values, one per class.
            input_argument: the name of the argument that takes the inputs.

        Raises:
            CircuitError: the QNode contains what the contract cannot express, or its numbers are not exact: shots, or
                a device with noise.
        """
        import pennylane as qml

        from .exactness import refuse_inexact
        from .returned import checking_returns, naming_wires
        from .tracing import trace_tape

        shapes = {name: _shape(shape) for name, shape in weight_shapes.items()}
        refuse_inexact(qnode)
        checked = checking_returns(qnode)

        def tape_of(inputs: Tensor, parameters: Tensor) -> Any:
            named = {input_argument: inputs, **_unpacked(parameters, shapes)}
            return naming_wires(qml.workflow.construct_tape(checked, level="user")(**named), qnode.device.wires)

        n_parameters = sum(math.prod(shape) for shape in shapes.values())
        start = None if weights is None else _packed(weights, shapes)
        return ImportedHead(trace_tape(tape_of, n_inputs, n_parameters), n_inputs, n_parameters, start, read_out)

    @staticmethod
    def from_torch_layer(layer: Any, *, n_inputs: int, read_out: ImportedReadout = "linear") -> ImportedHead:
        """A PennyLane ``TorchLayer`` as a head, with its weights as they are."""
        weights = dict(layer.qnode_weights)
        return PennyLaneHead.from_qnode(
            layer.qnode,
            n_inputs=n_inputs,
            weight_shapes={name: tuple(value.shape) for name, value in weights.items()},
            weights=weights,
            read_out=read_out,
            input_argument=layer.input_arg,
        )


def _shape(shape: int | Sequence[int]) -> tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(shape)


def _unpacked(parameters: Tensor, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """One flat vector as the named weights of those shapes."""
    pieces = torch.split_with_sizes(parameters, [math.prod(shape) for shape in shapes.values()])
    return {name: piece.reshape(shape) for (name, shape), piece in zip(shapes.items(), pieces, strict=True)}


def _packed(weights: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> Tensor:
    values = [torch.as_tensor(weights[name]).detach().float().reshape(shape) for name, shape in shapes.items()]
    return torch.cat([torch.zeros(0), *(value.reshape(-1) for value in values)])  # a circuit may have no weights
