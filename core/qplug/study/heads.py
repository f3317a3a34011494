"""``qplug.head``: a head as a plain ``torch.nn.Module``, to put into anyone's network."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, cast

from torch import nn

from qplug import catalogue
from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import Backend, Head, QuantumHead
from qplug.heads.quantum_module import QuantumModule
from qplug.lab.pipeline.classifier import seeded
from qplug.parameters import create as create_parameters
from qplug.study.settings import Given


def head(
    name: Given,
    *,
    n_inputs: int,
    n_classes: int,
    backend: Given | Mapping[str, Any] | None = None,
    seed: int | None = None,
    **parameters: Any,
) -> nn.Module:
    """A head as a module (batch, n_inputs) → logits (batch, n_classes), differentiable in inputs and weights.

    It is an ordinary module: ``state_dict``, ``copy.deepcopy`` and ``pickle`` work, and it trains in any loop. For
    example::

        network = nn.Sequential(nn.Linear(64, 8), qplug.head("qiskit-qnn", n_inputs=8, n_classes=2))

    Args:
        name: the head: by name, as ``"module:Class"``, or as a class or an object.
        n_inputs: how many inputs it is given.
        n_classes: how many logits it gives.
        backend: where a quantum head's circuit runs: a name, a table such as ``{"name": "aer", "shots": 1000}``, or an
            object; None: the simulator that trains runs.
        seed: decides the initial weights; None: torch's own random state does.
        parameters: of the head, such as ``n_layers=3``.

    Raises:
        UserError: there is no such head or parameter.
        NotSupported: the head takes another number of inputs, is fitted in one step, or does not fit the backend.
    """
    made = made_head(name, parameters)
    if made.capabilities.fitted:
        raise NotSupported(
            f"head {_said(name)} is fitted in one step and learns no gradients, so it is no module to train. Use it in "
            "a run, or choose a head that is trained: qplug list heads"
        )
    if made.n_inputs not in (None, n_inputs):
        raise NotSupported(
            f"head {_said(name)} takes {made.n_inputs} inputs as it is set; n_inputs={n_inputs} was asked for. Change "
            "its parameters (qplug show head NAME), or bring the inputs to that number, as nn.Linear does."
        )
    if seed is None:
        return module_of(made, n_inputs, n_classes, backend)
    with seeded(seed):
        return module_of(made, n_inputs, n_classes, backend)


def module_of(made: Head, n_inputs: int, n_classes: int, backend: Given | Mapping[str, Any] | None) -> nn.Module:
    """A head's network; a quantum head's is on a backend. Weights are drawn from torch's random state."""
    if not made.capabilities.quantum:
        return made.build(n_inputs, n_classes)
    return QuantumModule(cast(QuantumHead, made), made_backend(backend), n_inputs, n_classes)


def made_head(name: Given, parameters: Mapping[str, Any]) -> Head:
    """The head, with these parameters on top of its own."""
    return cast(Head, _made("head", name, parameters))


def made_backend(given: Given | Mapping[str, Any] | None) -> Backend:
    """The backend; None: the one that trains runs.

    Raises:
        NotSupported: it is asked by sending work, which no module can wait for.
    """
    if given is None:
        given = catalogue.registry().defaults.training_backend
    if isinstance(given, Mapping):
        table = dict(given)
        found = _made("backend", table.pop("name"), table)
    else:
        found = _made("backend", given, {})
    backend = cast(Backend, found)
    if backend.capabilities.remote:
        raise NotSupported(
            f"backend {_said(given)} is sent work and answers later, so a network cannot run on it. Train on a "
            "simulator; a finished run is judged there by: qplug evaluate RUN --backend NAME"
        )
    return backend


def _made(kind: str, given: Given, values: Mapping[str, Any]) -> Any:
    interface = Head if kind == "head" else Backend
    if isinstance(given, interface) and not values:
        return copy.deepcopy(given)  # several networks may be made of one object
    if isinstance(given, type) and issubclass(given, interface):
        return create_parameters(given, values, f"{kind} {given.__name__}")
    table = catalogue.with_component(kind, given)
    return catalogue.create(kind, table.pop("name"), {**table, **values})


def _said(given: Any) -> str:
    return repr(given) if isinstance(given, str | Mapping) else getattr(given, "__name__", type(given).__name__)
