"""What stands in a quantum head's place in an ablated run: a head with another circuit, or one without any."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

import torch
from torch import Tensor, nn

from qplug.circuits.rewriting import (
    Rewritten,
    as_it_is,
    without_entanglers,
    without_reuploads,
    without_trainable_gates,
)
from qplug.contract.circuit import Circuit
from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import Head, HeadCapabilities, QuantumHead
from qplug.heads.live_parameters import LiveParameters, picked
from qplug.heads.uploads import input_uploads
from qplug.lab.config.ablation import Ablation
from qplug.lab.pipeline.stand_ins import Fourier, Identity, StandIn, Tanh

_IN_PLACE: Mapping[str, type[StandIn]] = {"identity": Identity, "tanh": Tanh, "fourier": Fourier}
_NOTHING = {
    "frozen": "its circuit has no parameters",
    "no-entanglers": "its circuit has no gate on two or more qubits",
    "no-trainable-gates": "its circuit has no trainable gate",
    "no-reuploads": "its circuit uploads nothing twice",
}


def leaves_a_circuit(ablation: Ablation | None) -> bool:
    """Whether circuits are left by it."""
    return ablation not in _IN_PLACE


def ablated(head: QuantumHead, ablation: Ablation, name: str, *, kind: str = "head") -> Head:
    """The head that is built in a quantum head's place.

    It is a ``QuantumHead`` again where the ablation leaves a circuit, and runs wherever that one runs. An ablation that
    changes nothing of a head is refused when its circuit is asked for, or its network is built.

    Args:
        head: the quantum head.
        ablation: what is done to it.
        name: what the user calls the component, for errors.
        kind: of the component, such as a backbone that holds this circuit.
    """
    stand_in, called = _IN_PLACE.get(ablation), f"{kind} {name!r}"
    return AblatedHead(head, ablation, called) if stand_in is None else stand_in(head, called)


def applicable(head: QuantumHead, n_inputs: int, name: str = "") -> dict[Ablation, str]:
    """Every ablation, and why it would change nothing of this head; empty where it does.

    Args:
        head: the quantum head.
        n_inputs: how many inputs it gets.
        name: what the user calls it; its class by default.
    """
    names: tuple[Ablation, ...] = get_args(Ablation)
    return {ablation: why_nothing(ablated(head, ablation, name or type(head).__name__), n_inputs) for ablation in names}


def why_nothing(head: Head, n_inputs: int) -> str:
    """Why an ablation would change nothing of the head that it was done to; empty where it does."""
    try:
        if isinstance(head, AblatedHead):
            head.circuit(n_inputs)
        elif isinstance(head, StandIn):
            head.check(n_inputs)
    except NotSupported as error:
        return str(error)
    return ""


class AblatedHead(QuantumHead):
    """A quantum head whose circuit has lost something. How angles come about and the read-out are the head's own.

    Parameters on which no angle depends any more are gone too. They are known once ``circuit`` was called.

    Attributes:
        trains: whether its parameters are trained.
    """

    summary = "a quantum head with a part of its circuit taken away"
    capabilities = HeadCapabilities(interface=1, quantum=True)
    _rewritten: Rewritten
    _live: LiveParameters

    def __init__(self, head: QuantumHead, ablation: Ablation, called: str) -> None:
        self.head = head
        self.ablation = ablation
        self.called = called
        self.n_inputs = head.n_inputs

    @property
    def trains(self) -> bool:
        """Whether its parameters are trained: not if they are frozen, and not if there are none."""
        return self.ablation != "frozen" and bool(self._live.indices)

    def circuit(self, n_inputs: int) -> Circuit:
        """The head's circuit without what the ablation takes away.

        Raises:
            NotSupported: the ablation takes nothing away.
        """
        whole = self.head.circuit(n_inputs)
        self._rewritten = left = self._rewrite(whole, n_inputs)
        self._live = LiveParameters(self.head, whole, n_inputs, left.encoding, left.weights)
        nothing = not self._live.indices if self.ablation == "frozen" else left.circuit == whole
        if nothing:
            raise nothing_to_take(self, _NOTHING[self.ablation])
        self._encoding, self._weights = picked(left.encoding, whole.n_encoding), picked(left.weights, whole.n_weights)
        return left.circuit

    def _rewrite(self, circuit: Circuit, n_inputs: int) -> Rewritten:
        match self.ablation:
            case "no-entanglers":
                return without_entanglers(circuit)
            case "no-trainable-gates":
                return without_trainable_gates(circuit)
            case "no-reuploads":
                return without_reuploads(circuit, input_uploads(self.head, circuit, n_inputs))
            case _:
                return as_it_is(circuit)

    def encode(self, inputs: Tensor, parameters: Tensor) -> Tensor:
        """The head's own encoding angles, as far as they are left."""
        return self._encoding(self.head.encode(inputs, self._live.all(parameters)))

    def weight_angles(self, parameters: Tensor) -> Tensor:
        """The head's own weight angles, as far as they are left."""
        return self._weights(self.head.weight_angles(self._live.all(parameters)).reshape(1, -1))[0]

    def initial_parameters(self, circuit: Circuit, generator: torch.Generator) -> Tensor:
        """What the head itself would start from, as far as it is left."""
        return self._live.initial(generator)

    def readout(self, n_observables: int, n_classes: int) -> nn.Module | None:
        """The head's own."""
        return self.head.readout(n_observables, n_classes)


def nothing_to_take(head: AblatedHead, why: str) -> NotSupported:
    """The error for an ablation that would change nothing."""
    return NotSupported(
        f"ablation {head.ablation!r} would change nothing of {head.called}: {why}. Choose another ablation, or none."
    )
