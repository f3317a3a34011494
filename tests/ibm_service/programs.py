"""What the service does with a job: reads what the client sent, and runs it on a model of the device.

The programs are ``sampler``, ``estimator`` and ``executor``. Only what decides the numbers is honoured: circuits,
values of parameters, observables, shots and precision. Mitigation by the service (resilience levels, twirling,
decoupling) is not done; the client's own, which reaches it as ready circuits of an ``executor`` job, is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .reduced import Part, simulator, used

JOB_SECONDS = 2.0
CIRCUIT_SHOT_SECONDS = 0.00035
"""The rule by which a job is charged: 2 s + 0.00035 s × circuits × shots."""
DEFAULT_SHOTS = 4096


@dataclass(frozen=True)
class Pub:
    """One PUB as it was sent, in numbers.

    Attributes:
        shape: of the values of parameters, without their last axis: (rows,) or ().
        parameters: how many values each row has.
        observables: their shape; nothing for a sampler.
        circuits: how many circuits a device would run for it.
        shots: of each of them.
        qubits: how many are simulated together.
    """

    shape: tuple[int, ...]
    parameters: int
    observables: tuple[int, ...] | None
    circuits: int
    shots: int
    qubits: int


@dataclass(frozen=True)
class Load:
    """What a job would ask of a device."""

    pubs: tuple[Pub, ...]

    @property
    def seconds(self) -> float:
        """What it is charged with."""
        return JOB_SECONDS + CIRCUIT_SHOT_SECONDS * sum(pub.circuits * pub.shots for pub in self.pubs)


def load(program: str, params: dict[str, Any]) -> Load:
    """What the job asks for.

    Raises:
        KeyError: there is no such program.
    """
    if program == "executor":
        from .executor import pubs

        return Load(tuple(pubs(params)))
    sent = _decoded(params)
    once = {"sampler": _sampler_pub, "estimator": _estimator_pub}[program]
    return Load(tuple(once(sent, pub) for pub in sent["pubs"]))


def run(program: str, params: dict[str, Any], target: Any, *, noise: bool, seed: int) -> str:
    """The result in the text that the client decodes.

    Args:
        program: its name.
        params: what the client sent, as JSON.
        target: of the device.
        noise: with the device's noise; else only shots scatter.
        seed: of the shots.
    """
    if program == "executor":
        from .executor import run as run_executor

        return run_executor(params, target, noise=noise, seed=seed)
    from qiskit.primitives import PrimitiveResult
    from qiskit_ibm_runtime import RuntimeEncoder

    sent = _decoded(params)
    once = {"sampler": _sample, "estimator": _estimate}[program]
    results = [once(sent, pub, target, noise, seed) for pub in sent["pubs"]]
    return json.dumps(PrimitiveResult(results, {"version": 2}), cls=RuntimeEncoder)


def _decoded(params: dict[str, Any]) -> dict[str, Any]:
    from qiskit_ibm_runtime import RuntimeDecoder

    sent: dict[str, Any] = json.loads(json.dumps(params), cls=RuntimeDecoder)
    return sent


def _option(sent: dict[str, Any], name: str) -> Any:
    return (sent.get("options") or {}).get(name)


def _rows(values: Any) -> tuple[tuple[int, ...], int]:
    """The shape of an array of values without its last axis, and the length of that."""
    import numpy as np

    shape = () if values is None else np.shape(values)
    return tuple(shape[:-1]), int(shape[-1]) if shape else 0


# Sampler


def _sampler_shots(sent: dict[str, Any], pub: Sequence[Any]) -> int:
    own = pub[2] if len(pub) > 2 else None
    return int(own or _option(sent, "default_shots") or DEFAULT_SHOTS)


def _sampler_pub(sent: dict[str, Any], pub: Sequence[Any]) -> Pub:
    shape, parameters = _rows(pub[1] if len(pub) > 1 else None)
    return Pub(shape, parameters, None, math.prod(shape), _sampler_shots(sent, pub), len(used(pub[0])))


def _sample(sent: dict[str, Any], pub: Sequence[Any], target: Any, noise: bool, seed: int) -> Any:
    from qiskit_aer.primitives import SamplerV2

    part = Part(target, used(pub[0]))
    values = [] if len(pub) < 2 or pub[1] is None else [pub[1]]
    device = SamplerV2.from_backend(simulator(part, noise=noise, seed=seed), seed=seed)
    return device.run([(part.circuit(pub[0]), *values)], shots=_sampler_shots(sent, pub)).result()[0]


# Estimator


def _precision(sent: dict[str, Any], pub: Sequence[Any]) -> float:
    """What was asked of this PUB, else of its shots, else by default."""
    own = pub[3] if len(pub) > 3 else None
    shots = _option(sent, "default_shots")
    return float(own or (shots**-0.5 if shots else _option(sent, "default_precision")) or DEFAULT_SHOTS**-0.5)


def _estimator_pub(sent: dict[str, Any], pub: Sequence[Any]) -> Pub:
    import numpy as np

    shape, parameters = _rows(pub[2] if len(pub) > 2 else None)
    observables = _observables(pub)
    rows = np.arange(math.prod(shape)).reshape(shape)
    asked: dict[int, list[str]] = {}
    for row, observable in zip(*(each.ravel() for each in np.broadcast_arrays(rows, observables)), strict=True):
        asked.setdefault(int(row), []).extend(observable)
    circuits = sum(len(bases(labels)) for labels in asked.values())
    shots = math.ceil(_precision(sent, pub) ** -2 - 1e-6)
    return Pub(shape, parameters, observables.shape, circuits, shots, len(used(pub[0], _labels(observables))))


def _estimate(sent: dict[str, Any], pub: Sequence[Any], target: Any, noise: bool, seed: int) -> Any:
    from qiskit.primitives import BackendEstimatorV2

    observables = _observables(pub)
    part = Part(target, used(pub[0], _labels(observables)))
    small = [{part.paulis(label): weight for label, weight in each.items()} for each in observables.flat]
    values = [] if len(pub) < 3 or pub[2] is None else [pub[2]]
    device = BackendEstimatorV2(backend=simulator(part, noise=noise, seed=seed), options={"seed_simulator": seed})
    nested = _shaped(small, observables.shape)
    return device.run([(part.circuit(pub[0]), nested, *values)], precision=_precision(sent, pub)).result()[0]


def _observables(pub: Sequence[Any]) -> Any:
    """The observables as an array of weights by Pauli string."""
    import numpy as np
    from qiskit.primitives.containers.observables_array import ObservablesArray

    array = ObservablesArray(pub[1])
    filled = np.empty(array.shape, dtype=object)
    for index in np.ndindex(array.shape):
        filled[index] = array[index] if array.shape else array[()]
    return filled


def _labels(observables: Any) -> set[str]:
    return {label for observable in observables.flat for label in observable}


def _shaped(flat: Iterable[Any], shape: tuple[int, ...]) -> Any:
    """A flat list as nested lists of this shape."""
    items = list(flat)
    if not shape:
        return items[0]
    step = len(items) // shape[0]
    return [_shaped(items[start : start + step], shape[1:]) for start in range(0, len(items), step)]


def bases(labels: Iterable[str]) -> list[str]:
    """Strings of X, Y, Z and I, in each of which some of these Pauli strings are measured, and in all together all."""
    found: list[str] = []
    for label in labels:
        for index, basis in enumerate(found):
            if all("I" in pair or pair[0] == pair[1] for pair in zip(label, basis, strict=True)):
                found[index] = "".join(max(pair, key="IXYZ".index) for pair in zip(label, basis, strict=True))
                break
        else:
            found.append(label)
    return found
