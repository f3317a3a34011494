"""A classical head of as many trainable parameters as a quantum head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from qplug import catalogue
from qplug.catalogue.layers import Layer
from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import Backend, QuantumHead
from qplug.heads.quantum_module import QuantumModule

MATCH = "match"
"""The key of a head's table that names the quantum head to be matched."""
QUANTUM = "quantum"
"""Stands for the quantum head that a run takes where none is named."""


def matched(branch: Layer, n_classes: int, *, default: str) -> Layer:
    """The branch with ``head.match`` turned into a number of parameters, and its reducer into as many outputs.

    ``match = "pennylane-pqc"`` gives the head ``match_parameters``, the number of trainable parameters of that quantum
    head with its defaults (circuit, norm and read-out), and the reducer as many outputs as that circuit takes.

    Args:
        branch: tables ``head`` and perhaps ``reducer``.
        n_classes: number of classes.
        default: the quantum head that ``match = "quantum"`` means.

    Raises:
        NotSupported: what is to be matched is no quantum head, or the number of classes is not known yet.
    """
    head = dict(branch.get("head", {}))
    name = head.pop(MATCH, None)
    if name is None:
        return branch
    if not n_classes:
        raise NotSupported(
            "head.match needs the number of classes, which this data set knows only after its files are read. "
            "Give the number of parameters instead: --set head.match_parameters=N"
        )
    n_inputs, n_parameters = _size(default if name == QUANTUM else str(name), n_classes)
    reducer: Mapping[str, Any] = branch.get("reducer", {})
    return {**branch, "head": {**head, "match_parameters": n_parameters}, "reducer": {"n_outputs": n_inputs, **reducer}}


def _size(name: str, n_classes: int) -> tuple[int, int]:
    """The inputs and the trainable parameters of a quantum head with its defaults."""
    head = catalogue.create("head", name)
    if not isinstance(head, QuantumHead) or head.n_inputs is None:
        raise NotSupported(f"head.match={name} names no quantum head of a known size. Quantum heads: qplug list heads")
    simulator = catalogue.registry().defaults.training_backend
    backend = cast(Backend, catalogue.create("backend", simulator))
    module = QuantumModule(head, backend, head.n_inputs, n_classes)
    return head.n_inputs, sum(value.numel() for value in module.parameters() if value.requires_grad)
