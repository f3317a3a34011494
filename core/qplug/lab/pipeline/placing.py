"""Where the circuits of a classifier run, wherever they stand, and what an ablation puts in their place."""

from __future__ import annotations

from typing import cast

from torch import nn

from qplug.contract.errors import NotSupported, PluginError
from qplug.contract.interfaces import Backend, Head, Place, QuantumHead
from qplug.heads.quantum_module import QuantumModule
from qplug.lab.pipeline.ablation import AblatedHead, ablated, nothing_to_take, why_nothing
from qplug.lab.pipeline.components import Components


def placed(head: Head, backend: Backend | None, n_inputs: int, n_outputs: int) -> nn.Module:
    """A quantum head on its backend, or the network of what stands in its place.

    Args:
        head: a quantum head, or what an ablation made of one.
        backend: where circuits train; None if there is none.
        n_inputs: how many inputs it gets.
        n_outputs: how many outputs it gives: logits in a head.

    Raises:
        NotSupported: the backend cannot run the circuit, or an ablation would change nothing of it.
    """
    if not isinstance(head, QuantumHead):
        return head.build(n_inputs, n_outputs)
    module = QuantumModule(head, cast(Backend, backend), n_inputs, n_outputs)
    if isinstance(head, AblatedHead):
        module.circuit_parameters.requires_grad_(head.trains)
    return module


def place_in_backbone(components: Components) -> Place:
    """Where the circuits of a pipeline's backbone run: as its heads' do, with the same ablation."""

    def place(head: QuantumHead, n_inputs: int, n_outputs: int) -> nn.Module:
        if not components.backbone.capabilities.quantum:
            raise PluginError(
                f"backbone {components.backbone_name!r} holds a circuit and does not declare it: write "
                "BackboneCapabilities(…, quantum=True). This is a fault of its plugin."
            )
        return placed(_ablated(components, head, n_inputs), components.training_backend, n_inputs, n_outputs)

    return place


def _ablated(components: Components, head: QuantumHead, n_inputs: int) -> Head:
    """What is built of a circuit; itself where the ablation changes nothing of it, but something of a head."""
    ablation = components.ablation
    if ablation is None:
        return head
    made = ablated(head, ablation, components.backbone_name, kind="backbone")
    why = why_nothing(made, n_inputs)
    if not why and ablation == "frozen" and components.backbone.frozen:
        why = str(nothing_to_take(cast(AblatedHead, made), "it is frozen as it is"))
    if not why:
        return made
    if any(branch.head.capabilities.quantum for branch in components.branches):
        return head
    raise NotSupported(why)
