"""What an arm's circuits cost: gates as they are written, gates as a device runs them, and time to simulate them."""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch

from qplug import catalogue
from qplug.contract.circuit import Circuit
from qplug.contract.errors import QplugError
from qplug.contract.interfaces import RemoteBackend, Task, Work
from qplug.lab.comparison.outcome import CircuitCost
from qplug.lab.runner.examine import Examined, computing_on

_TIMED_BATCH, _TIMES = 32, 5


def cost_of(examined: Examined, *, transpiled: bool) -> CircuitCost:
    """What the circuits of a classifier cost.

    Args:
        examined: the classifier; it has at least one circuit.
        transpiled: whether they are also compiled for the device that the registry names as a model.
    """
    modules = list(examined.model.quantum_modules())
    circuits = [module.circuit for module in modules]
    compiled = [_compiled(circuit) if transpiled else {} for circuit in circuits]
    return CircuitCost(
        qubits=max(circuit.n_qubits for circuit in circuits),
        gates=sum(len(circuit.gates) for circuit in circuits),
        two_qubit_gates=sum(len(gate.wires) > 1 for circuit in circuits for gate in circuit.gates),
        depth=max(circuit.depth for circuit in circuits),
        transpiled_gates=_over(compiled, "gates", sum),
        transpiled_two_qubit_gates=_over(compiled, "two_qubit_gates", sum),
        transpiled_depth=_over(compiled, "depth", max),
        device=next((str(facts["device"]) for facts in compiled if facts.get("device")), ""),
        simulated_ms=round(sum(map(_simulated_ms, modules)), 3),
    )


def _over(compiled: list[Mapping[str, Any]], name: str, statistic: Any) -> int | None:
    values = [facts.get(name) for facts in compiled]
    return None if any(value is None for value in values) else int(statistic(values))


@functools.lru_cache(maxsize=64)
def _compiled(circuit: Circuit) -> Mapping[str, Any]:
    """What the modelled device says of the circuit as it would run there; nothing where it cannot be had."""
    named = dict(catalogue.registry().defaults.modelled_device)
    try:
        backend = cast(RemoteBackend, catalogue.create("backend", str(named.pop("name")), named))
        backend.check()
        task = Task(circuit, np.zeros((1, circuit.n_encoding)), np.zeros(circuit.n_weights))
        return backend.forecast(Work((task,), shots=1)).facts
    except (QplugError, KeyError):
        return {}


def _simulated_ms(module: Any) -> float:
    """Median time of simulating one batch on one CPU thread; it depends on the machine that plans."""
    generator = torch.Generator().manual_seed(0)
    encoding = torch.rand(_TIMED_BATCH, module.circuit.n_encoding, generator=generator)
    weights = torch.rand(module.circuit.n_weights, generator=generator)
    times = []
    with computing_on(1), torch.no_grad():
        module.backend(module.circuit, encoding, weights)
        for _ in range(_TIMES):
            began = time.perf_counter()
            module.backend(module.circuit, encoding, weights)
            times.append(time.perf_counter() - began)
    return 1e3 * statistics.median(times)
