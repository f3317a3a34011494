"""How many samples go through a pipeline's circuits at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from torch import nn

from qplug.contract.interfaces import QuantumHead
from qplug.heads.quantum_module import QuantumModule
from qplug.lab.pipeline.components import Components
from qplug.lab.pipeline.describe import Description

if TYPE_CHECKING:
    import torch

    from qplug.contract.circuit import Circuit

JUDGED_AT_ONCE = 256
"""Samples of a batch that is judged but not learnt from."""
_AMPLITUDES_AT_ONCE = JUDGED_AT_ONCE << 16


def judged_at_once(model: nn.Module) -> int:
    """How many samples are judged in one call: 256, and fewer where a circuit has more than 16 qubits."""
    qubits = [module.circuit.n_qubits for module in model.modules() if isinstance(module, QuantumModule)]
    return max(1, min(JUDGED_AT_ONCE, _AMPLITUDES_AT_ONCE >> max(qubits, default=0)))


def refuse_large_batches(components: Components, description: Description, batch: int, device: torch.device) -> None:
    """Refuses batches that the circuits' backend could not train on, before anything is computed.

    Args:
        components: the components.
        description: the pipeline that they make.
        batch: samples that one device holds at once.
        device: where they are trained.

    Raises:
        NotSupported: the states of a circuit do not fit into the memory that is free.
    """
    if components.training_backend is None:
        return
    for circuit in _circuits(components, description):
        components.training_backend.accept_batch(circuit, batch, device)


def _circuits(components: Components, description: Description) -> Iterator[Circuit]:
    reducers = [step for step in description.steps if step.kind == "reducer"]
    for branch, step in zip(components.branches, reducers, strict=True):
        if branch.built.capabilities.quantum:
            yield cast(QuantumHead, branch.built).circuit(step.shape[0])
