"""What holds for every backend that answers at once: exact ones against the reference, sampled ones by statistics."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from qplug import parameters
from qplug.contract.circuit import Circuit
from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import Backend
from qplug.testing.circuits import angle_embedding_strongly_entangling, random_angles
from qplug.testing.conformance.check import Act, Skipped, require
from qplug.testing.conformance.setting import Setting
from qplug.testing.conformance.travel import leaves_the_process_alone
from qplug.testing.equivalence.backend import BOTH, check_circuit, promises
from qplug.testing.equivalence.cases import backend_cases
from qplug.testing.equivalence.failures import TOLERANCES
from qplug.testing.equivalence.shots import check_shots

_MOST_QUBITS = 5
_NAMES = {
    "rows that are alone": "rows-alone",
    "angles that lie scattered in memory": "scattered-angles",
    "gradients are refused": "gradients-refused",
    "gradients to one argument alone": "one-argument",
    "a layer before and after": "chain",
    "too many qubits are refused": "too-many-qubits",
}
"""What the promises of ``qplug.testing.equivalence`` are called here."""


def backend_checks(backend: Backend, setting: Setting) -> Iterator[tuple[str, Act]]:
    """The checks of a backend, by name."""
    if backend.capabilities.noise:
        yield "values", lambda: _bounded(backend)
    elif not backend.capabilities.exact:
        yield "shots", lambda: _shots(backend)
    else:
        yield from _exact(backend, setting)
    yield "empty-batch", lambda: _empty_batch(backend)
    yield "gradient-declared", lambda: _gradient_declared(backend)
    yield (
        "global-state",
        lambda: leaves_the_process_alone(
            type(backend).__name__, lambda: _run(backend), allowed=() if backend.capabilities.exact else _SEEDED
        ),
    )


_SEEDED = ("torch's random state", "numpy's random state", "Python's random state")


def _exact(backend: Backend, setting: Setting) -> Iterator[tuple[str, Act]]:
    """Each group of circuits against the reference, and what the interface promises of tensors."""
    dtypes = tuple(setting.dtypes or BOTH)
    circuits = _cases(backend, setting.n_random)
    for group in ("gates", "order", "observables", "angles", "field", "random"):
        chosen = {name: circuit for name, circuit in circuits.items() if _group(name) == group}
        yield group, partial(_values, backend, chosen, dtypes)
    one = {"batch of one": angle_embedding_strongly_entangling(_width(backend), 2)}
    yield "batch-of-one", partial(_values, backend, one, dtypes, batch=1)
    for name, _ in promises(backend, next(iter(one.values())), dtypes[0], "cpu", TOLERANCES[dtypes[0]]):
        yield _NAMES[name], partial(_promise, backend, next(iter(one.values())), dtypes, name)


def _cases(backend: Backend, n_random: int) -> dict[str, Circuit]:
    """The cases by name; random ones of no more qubits than it has."""
    cases = backend_cases(max_qubits=_MOST_QUBITS, n_random=0)
    most = min(_MOST_QUBITS, backend.capabilities.max_qubits or _MOST_QUBITS)
    fitting = backend_cases(max_qubits=most, n_random=n_random)
    return cases | {name: circuit for name, circuit in fitting.items() if name.startswith("random")}


def _group(name: str) -> str:
    first = name.split()[0]
    known = {"gate": "gates", "order": "order", "control": "order", "every": "observables", "random": "random"}
    return known.get(first, "field" if name in ("one qubit",) or "," in name else "angles")


def _width(backend: Backend) -> int:
    return min(3, backend.capabilities.max_qubits or 3)


def _values(
    backend: Backend, circuits: dict[str, Circuit], dtypes: tuple[torch.dtype, ...], batch: int = 3
) -> str | None:
    """Values and, where they are declared, gradients; circuits that are too large or refused are told."""
    most, left, refused = backend.capabilities.max_qubits, [], []
    for name, circuit in circuits.items():
        if most is not None and circuit.n_qubits > most:
            left.append(f"{name} ({circuit.n_qubits} qubits)")
            continue
        try:
            backend.accept(circuit)
        except NotSupported:
            refused.append(name)
            continue
        for dtype in dtypes:
            try:
                check_circuit(backend, circuit, batch=batch, dtype=dtype)
            except AssertionError as error:
                raise AssertionError(f"{type(backend).__name__}, {name}, {dtype}: {error}") from error
    told = [f"left out, since it runs at most {most} qubits: {', '.join(left)}"] if left else []
    told += [f"left out, since it refuses them: {', '.join(refused)}"] if refused else []
    if len(left) + len(refused) == len(circuits):
        raise Skipped("; ".join(told))
    return "; ".join(told)


def _promise(backend: Backend, circuit: Circuit, dtypes: tuple[torch.dtype, ...], name: str) -> None:
    for dtype in dtypes:
        for told, act in promises(backend, circuit, dtype, "cpu", TOLERANCES[dtype]):
            if told == name:
                act()


def _trial(backend: Backend, batch: int) -> tuple[Circuit, torch.Tensor, torch.Tensor]:
    circuit = angle_embedding_strongly_entangling(_width(backend), 1)
    encoding, weights = random_angles(circuit, batch, 0)
    return circuit, torch.tensor(encoding), torch.tensor(weights)


def _run(backend: Backend) -> torch.Tensor:
    with torch.no_grad():
        return backend(*_trial(backend, 2))


def _empty_batch(backend: Backend) -> None:
    circuit, encoding, weights = _trial(backend, 0)
    with torch.no_grad():
        got = tuple(backend(circuit, encoding, weights).shape)
    wanted = (0, len(circuit.observables))
    require(got == wanted, f"{type(backend).__name__} gives {got} for an empty batch, not {wanted}")


def _gradient_declared(backend: Backend) -> None:
    """Who declares no gradient gives none, past the check that refuses to ask for one."""
    name, declared = type(backend).__name__, backend.capabilities.gradient
    circuit, encoding, weights = _trial(backend, 2)
    try:
        values = backend.expectations(circuit, encoding.requires_grad_(), weights.requires_grad_())
    except Exception as error:
        require(declared is None, f"{name} declares gradient={declared!r} and raises {type(error).__name__}: {error}")
        return
    if declared is None:
        require(
            not values.requires_grad, f"{name} declares no gradient and gives one: declare how, gradient='autograd'"
        )
    else:
        require(values.requires_grad, f"{name} declares gradient={declared!r} and cuts its values off from the angles")


def _bounded(backend: Backend) -> str:
    values = _run(backend)
    inside = bool((values.abs() <= 1 + 1e-9).all())
    require(inside, f"{type(backend).__name__} gives values outside of [-1, 1]: {float(values.abs().max()):.4g}")
    return "noise has no known right values: only their range was looked at"


def _shots(backend: Backend) -> None:
    known = {each.name for each in parameters.describe(type(backend))}
    if not {"shots", "seed"} <= known:
        raise Skipped("its shots and its seed are no parameters called so; call qplug.testing.equivalence.check_shots")
    values: dict[str, Any] = {name: getattr(backend, name) for name in known}
    check_shots(lambda shots: type(backend)(**values | {"shots": shots, "seed": 1}))
