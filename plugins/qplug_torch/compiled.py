"""Compiled circuits, kept for the next call."""

from __future__ import annotations

from functools import cached_property, lru_cache

import torch

from qplug.contract.circuit import Circuit
from qplug_torch.job import Job
from qplug_torch.lowering import lower
from qplug_torch.passes import compile_circuit
from qplug_torch.plan import Plan

_KEPT = 128


class Compiled:
    """A circuit's program and its tables, made when first needed.

    Args:
        circuit: the circuit.
    """

    def __init__(self, circuit: Circuit) -> None:
        self.program = compile_circuit(circuit)
        self._plans: dict[tuple[torch.dtype, torch.device], Plan] = {}

    def plan(self, dtype: torch.dtype, device: torch.device) -> Plan:
        """The torch tables in ``dtype`` (float32 or float64) on ``device``."""
        key = dtype, device
        if key not in self._plans:
            self._plans[key] = Plan(self.program, dtype, device)
        return self._plans[key]

    @cached_property
    def job(self) -> Job:
        """The circuit for the numba kernels."""
        return Job(self.program.n_qubits, lower(self.program))


_by_identity: dict[int, tuple[Circuit, Compiled]] = {}
_by_value = lru_cache(maxsize=_KEPT)(Compiled)


def compiled(circuit: Circuit) -> Compiled:
    """The compiled form of a circuit; equal circuits share one."""
    # Hashing a circuit visits every gate; the object itself is recognised at once.
    found = _by_identity.get(id(circuit))
    if found is not None and found[0] is circuit:
        return found[1]
    result = _by_value(circuit)
    if len(_by_identity) >= _KEPT:
        _by_identity.clear()
    _by_identity[id(circuit)] = circuit, result
    return result
