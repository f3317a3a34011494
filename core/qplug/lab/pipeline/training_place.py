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
        name: the backend's name.
        backend: the same object as that of the evaluation where they train on that one, with its settings.
        reason: why they train elsewhere; empty if they do not.
    """

    name: str
    backend: Backend
    reason: str = ""


def training_place(config: RunConfig, evaluation: Backend) -> TrainingPlace:
    """Where the circuits of a run train.

    The backend that ``training.backend`` names. If it names none: the backend of the evaluation, if that is a simulator
    that gives gradients in one pass; else the registry's default, since shifts take two runs per angle and sample.

    Args:
        config: the run.
        evaluation: its backend, as it is set.

    Raises:
        UnknownName: no backend has that name.
        NotSupported: it gives no gradients.
    """
    asked, evaluated_on = config.training.backend, config.backend.name
    gradient = evaluation.capabilities.gradient
    if asked is None:
        reason = why_elsewhere(evaluated_on, evaluation)
        if not reason:
            return TrainingPlace(evaluated_on, evaluation)
        name = catalogue.registry().defaults.training_backend
        return TrainingPlace(name, _made(name), reason)
    if asked == evaluated_on and gradient is not None:
        return TrainingPlace(asked, evaluation)
    reason = f"{asked} as it is set gives no gradients" if asked == evaluated_on else "training.backend says so"
    return TrainingPlace(asked, _able(asked), reason)


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
    if made.capabilities.gradient is None:
        raise NotSupported(
            f"training.backend is {name!r}, which gives no gradients, so nothing can be trained on it. Leave "
            f"training.backend out to train on {catalogue.registry().defaults.training_backend!r}, or name a backend "
            "that gives gradients: qplug list backends"
        )
    return made


def _made(name: str) -> Backend:
    return cast(Backend, catalogue.create("backend", name))
