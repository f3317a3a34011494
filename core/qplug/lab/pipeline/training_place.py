"""Where circuits train: the one place that decides it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from qplug import catalogue
from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import Backend
from qplug.lab.config.model import RunConfig


@dataclass(frozen=True)
class TrainingPlace:
    """Where circuits train.

    Attributes:
        name: the name of the backend that trains them.
        backend: where the circuits stand in a forward pass: the backend that trains them, the same object as that of
            the evaluation where they train on that one; a simulator, where that one is remote.
        reason: why they train elsewhere than they are evaluated; empty if they do not.
        asked: the backend that is asked for the values of each step, outside of the forward pass, since it gives no
            gradients by itself or only dear ones; None where autograd finds its way through ``backend``.
        runs_on: the name of ``backend``; empty: ``name``.
    """

    name: str
    backend: Backend
    reason: str = ""
    asked: Backend | None = None
    runs_on: str = ""

    @property
    def stands_on(self) -> str:
        """The name of the backend that forward passes run on."""
        return self.runs_on or self.name


def training_place(config: RunConfig, evaluation: Backend) -> TrainingPlace:
    """Where the circuits of a run train.

    The backend that ``training.backend`` names. If it names none: the backend of the evaluation, if that is a simulator
    that gives gradients in one pass; else the registry's default, since shifts take two runs per angle and sample.
    One that is named and is remote, sampled or noisy is asked step by step; so is any with ``training.gradient``.

    Args:
        config: the run.
        evaluation: its backend, as it is set.

    Raises:
        UnknownName: no backend has that name.
        NotSupported: it gives exact values and no gradients.
    """
    asked, evaluated_on = config.training.backend, config.backend.name
    if asked is None:
        reason = why_elsewhere(evaluated_on, evaluation)
        if not reason:
            return _place(config, evaluated_on, evaluation, "")
        name = catalogue.registry().defaults.training_backend
        return _place(config, name, _made(name), reason)
    if asked != evaluated_on:
        return _place(config, asked, _able(asked), "training.backend says so")
    if evaluation.capabilities.gradient is None and evaluation.capabilities.exact:
        return TrainingPlace(asked, _able(asked), f"{asked} as it is set gives no gradients")
    return _place(config, asked, evaluation, "")


def _place(config: RunConfig, name: str, backend: Backend, reason: str) -> TrainingPlace:
    """The place, where each step is asked for if the backend's gradients are dear or none."""
    if backend.capabilities.remote:
        simulator = catalogue.registry().defaults.training_backend
        return TrainingPlace(name, _made(simulator), reason, asked=backend, runs_on=simulator)
    stepwise = config.training.gradient != "auto" or (config.training.backend is not None and _sampled(backend))
    return TrainingPlace(name, backend, reason, asked=backend if stepwise else None)


def _sampled(backend: Backend) -> bool:
    return not backend.capabilities.exact or backend.capabilities.noise


def why_elsewhere(name: str, backend: Backend) -> str:
    """Why a backend only evaluates unless training on it is asked for, in words; empty if it trains by itself."""
    if backend.capabilities.hardware:
        return f"{name} is hardware"
    if backend.capabilities.gradient is None:
        return f"{name} gives no gradients"
    if backend.capabilities.gradient == "shift":
        return f"{name} gives gradients by shifts alone; to train on it: --set training.backend={name}"
    return ""


def _able(name: str) -> Backend:
    made = _made(name)
    if made.capabilities.gradient is None and made.capabilities.exact:
        raise NotSupported(
            f"training.backend is {name!r}, which gives no gradients, so nothing can be trained on it. Leave "
            f"training.backend out to train on {catalogue.registry().defaults.training_backend!r}, or name a backend "
            "that gives gradients: qplug list backends"
        )
    return made


def _made(name: str) -> Backend:
    return cast(Backend, catalogue.create("backend", name))
