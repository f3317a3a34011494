"""Backends: where circuits run."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from qplug.contract.errors import NotSupported, PluginError, UserError
from qplug.contract.interfaces.component import Capabilities, Component

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from qplug.contract.circuit import Circuit


@dataclass(frozen=True, kw_only=True)
class BackendCapabilities(Capabilities):
    """What a backend declares. An instance may narrow it, where parameters such as ``shots`` decide.

    Attributes:
        hardware: whether circuits run on a quantum device; otherwise they are simulated.
        exact: whether values carry no sampling error.
        noise: whether values carry the error of a (real or modelled) device.
        gradient: how gradients come about: through torch's autograd, the adjoint method, the parameter-shift rule,
            or not at all (None). Without gradients a backend evaluates, and trains, as with shifts, only
            where a run asks for it by name, since that takes at least two runs per sample.
        devices: the torch devices whose tensors it takes; a head on another brings its angles to the first of them.
        max_qubits: the most qubits it can run; None if memory alone decides.
        needs_network: whether it needs a connection.
        remote: whether it is sent work once and answers later; see ``RemoteBackend``.
    """

    hardware: bool = False
    exact: bool = True
    noise: bool = False
    gradient: Literal["autograd", "adjoint", "shift"] | None
    devices: tuple[str, ...] = ("cpu",)
    max_qubits: int | None = None
    needs_network: bool = False
    remote: bool = False


class Backend(Component):
    """Runs circuits on batches of angles. An author writes ``expectations``; callers call the object."""

    kind = "backend"
    capabilities: BackendCapabilities

    @abstractmethod
    def expectations(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
        """Expectation values (batch, n_observables), real, in [-1, 1].

        Args:
            circuit: the circuit, wire 0 most significant.
            encoding: (batch, circuit.n_encoding), radians, float32 or float64.
            weights: (circuit.n_weights,), radians, same dtype and device.

        Returns:
            Values of the same dtype and device, differentiable with respect to both arguments unless
            ``capabilities.gradient`` is None.
        """

    def accept(self, circuit: Circuit) -> None:
        """Refuses a circuit that this backend cannot run, before anything is computed.

        Raises:
            NotSupported: it has more qubits than ``capabilities.max_qubits``.
        """
        most = self.capabilities.max_qubits
        if most is not None and circuit.n_qubits > most:
            raise NotSupported(
                f"the circuit has {circuit.n_qubits} qubits, but {type(self).__name__} runs at most {most}. "
                "Choose fewer qubits (--set head.n_qubits=…) or another backend: qplug list backend"
            )

    def accept_batch(self, circuit: Circuit, batch: int, device: torch.device) -> None:
        """Refuses a batch that could not be trained on here, before anything is computed. By default none is.

        Args:
            circuit: the circuit.
            batch: how many samples there are, with gradients.
            device: where their angles would lie.

        Raises:
            NotSupported: it does not fit into the memory that is free.
        """

    def __call__(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
        """``expectations``, with what goes in and what comes out checked.

        Raises:
            NotSupported: gradients are asked of a backend that has none, or tensors lie on a device it does not take.
            UserError: angles of the wrong shape, or not finite.
            PluginError: the result has another shape than promised.
        """
        self._check_angles(circuit, encoding, weights)
        expected = (encoding.shape[0], len(circuit.observables))
        if not expected[0]:  # simulators end in all sorts of ways, some the process, where there is nothing to compute
            return encoding.new_zeros(expected) * (encoding.sum() + weights.sum())
        values = self.expectations(circuit, encoding, weights)
        if tuple(values.shape) != expected:
            raise PluginError(f"{type(self).__name__}.expectations promised {expected} and gave {tuple(values.shape)}.")
        return values

    def _check_angles(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> None:
        import torch

        if encoding.ndim != 2 or encoding.shape[1] != circuit.n_encoding:
            raise UserError(
                f"encoding angles must have the shape (batch, {circuit.n_encoding}); got {tuple(encoding.shape)}."
            )
        if weights.ndim != 1 or weights.shape[0] != circuit.n_weights:
            raise UserError(f"weight angles must have the shape ({circuit.n_weights},); got {tuple(weights.shape)}.")
        for what, angles in (("encoding", encoding), ("weight", weights)):
            if not angles.dtype.is_floating_point:  # results take their type from the angles: whole numbers lose them
                raise UserError(
                    f"{what} angles must be floating-point numbers in radians; got {angles.dtype}. "
                    "Convert them first: angles.float()"
                )
        if encoding.device.type not in self.capabilities.devices:
            raise NotSupported(
                f"{type(self).__name__} takes tensors on {', '.join(self.capabilities.devices)}; "
                f"these lie on {encoding.device}."
            )
        asked = torch.is_grad_enabled() and (encoding.requires_grad or weights.requires_grad)
        if self.capabilities.gradient is None and asked:
            raise NotSupported(
                f"{type(self).__name__} gives no gradients, so nothing can be trained on it. "
                "Train on another backend and evaluate on this one."
            )
        _refuse_not_finite("encoding", encoding)
        _refuse_not_finite("weight", weights)


def _refuse_not_finite(what: str, angles: Tensor) -> None:
    import torch

    if torch._C._functorch.is_functorch_wrapped_tensor(angles):
        return  # a value cannot be looked at while torch.func traces it
    angles = angles.detach()
    if not angles.is_cuda and math.isfinite(angles.sum().item()):
        return  # one pass instead of three: a sum is finite only if all of its terms are
    finite = torch.isfinite(angles).all()
    if angles.is_cuda:
        torch._assert_async(finite)  # stays on the device: no round trip in the training loop
    elif not finite:
        raise UserError(
            f"{what} angles must be finite; {int((~torch.isfinite(angles)).sum())} of {angles.numel()} "
            "are NaN or infinite. Look at what feeds the head: the features, or too high a learning rate."
        )
