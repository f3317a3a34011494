"""Who takes part: every backend that gives gradients, and the peers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast

import torch

from qplug import catalogue
from qplug.bench.problem import Outcome, Problem
from qplug.bench.report import yardstick
from qplug.bench.timing import Step
from qplug.contract.errors import NotSupported, UnknownName
from qplug.contract.interfaces import Backend


@dataclass(frozen=True, eq=False)
class Candidate:
    """Something that differentiates a circuit.

    Attributes:
        name: as it stands in the results.
        prepare: makes the call that is timed; it raises where the problem is beyond the candidate, before computing.
        level: ``head``: by a head's inputs and parameters; ``circuit``: by the circuit's own angles.
        device: where its tensors lie.
        compiles: whether it compiles anew for every problem, so that a first call says nothing about its speed.
        patient: whether one call takes so long that it is only tried in the smallest case, unless asked.
    """

    name: str
    prepare: Callable[[Problem], Step]
    level: Literal["head", "circuit"] = "head"
    device: str = "cpu"
    compiles: bool = False
    patient: bool = False


def backends(names: Sequence[str] | None) -> tuple[list[tuple[str, Backend]], dict[str, str]]:
    """The backends to measure, the yardstick first, and for those that are left out the reason.

    Args:
        names: which ones; None for all that are installed.

    Raises:
        UnknownName: a name that no backend has.
        NotSupported: no backend of those gives gradients.
    """
    known = {entry.name: entry for entry in catalogue.entries("backend")}
    for name in names or ():
        if name not in known:
            raise UnknownName.of("backend", name, known, advice="All backends: qplug list backends")
    chosen, left_out = [], {}
    for name in sorted(names or known, key=lambda name: name != yardstick()):
        if names is None and known[name].status != "ready":
            left_out[name] = known[name].status.replace("-", " ")
            continue
        backend = cast("Backend", catalogue.create("backend", name))
        reason = _unfit(backend)
        if reason:
            left_out[name] = reason
        else:
            chosen.append((name, backend))
    if not chosen:
        told = "; ".join(f"{name}: {reason}" for name, reason in left_out.items()) or "none is installed"
        raise NotSupported(f"no backend here gives gradients ({told}). All backends: qplug list backends")
    return chosen, left_out


def _unfit(backend: Backend) -> str:
    able = backend.capabilities
    if able.gradient is None:
        return "gives no gradients"
    if able.hardware or able.needs_network:
        return "runs elsewhere"
    return ""


def on_devices(chosen: Iterable[tuple[str, Backend]], device: str) -> tuple[list[Candidate], dict[str, str]]:
    """The backends as candidates on one device, and the reason for those that cannot be there.

    On CUDA the yardstick takes part once more on the CPU, so that one run says from where the GPU wins.
    """
    candidates, left_out = [], {}
    for name, backend in chosen:
        if device in backend.capabilities.devices:
            candidates.append(of_backend(name, backend, device))
        else:
            left_out[name] = f"does not run on {device}"
        if name == yardstick() and device != "cpu":
            candidates.append(replace(of_backend(name, backend, "cpu"), name=f"{name} (cpu)"))
    return candidates, left_out


def of_backend(name: str, backend: Backend, device: str) -> Candidate:
    """A backend as a candidate."""

    def prepare(problem: Problem) -> Step:
        backend.accept(problem.circuit)

        def step() -> Outcome:
            encoding, weights = problem.angles(problem.inputs, problem.parameters)
            values = backend(problem.circuit, encoding, weights)
            gradients = torch.autograd.grad(
                values,
                (problem.inputs, problem.parameters),
                problem.cotangent,
                allow_unused=True,  # a circuit without encoding angles, or without weights
                materialize_grads=True,
            )
            return Outcome(values.detach(), *gradients)

        return step

    return Candidate(name, prepare, device=device)
