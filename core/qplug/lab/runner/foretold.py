"""What a run would ask of remote backends, told without sending anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import numpy as np

from qplug.contract.errors import QplugError
from qplug.contract.interfaces import RemoteBackend, Task, Work
from qplug.lab.config.model import RunConfig
from qplug.lab.data.splits import Split
from qplug.lab.pipeline.classifier import Classifier
from qplug.lab.pipeline.components import Components
from qplug.lab.runner.stepwise import course

SHOTS = 1024
"""Of an evaluation, whose shots are settled only when the trained classifier's answers are known."""


def device_lines(config: RunConfig, components: Components, model: Classifier, split: Split) -> Iterator[str]:
    """A sentence for the training and for the evaluation, where a remote backend does either.

    Args:
        config: the run.
        components: its components.
        model: its classifier; only its shape counts.
        split: its samples.
    """
    training = course(config, components, model, len(split.parts["train"]))
    try:
        if training is not None and training.remote is not None:
            training.remote.check()
            yield f"device: {training.words(training.forecast())}; it needs a --budget"
        if components.backend is not None and components.backend.capabilities.remote:
            yield _evaluation(config, cast(RemoteBackend, components.backend), model, len(split.parts["test"]))
    except QplugError as error:
        yield f"device: there is no forecast, for {error}"


def _evaluation(config: RunConfig, backend: RemoteBackend, model: Classifier, n_samples: int) -> str:
    backend.check()
    circuits = [module.circuit for module in model.quantum_modules()]
    tasks = (Task(each, np.zeros((n_samples, each.n_encoding)), np.zeros(each.n_weights)) for each in circuits)
    told = backend.forecast(Work(tuple(tasks), SHOTS))
    left = "" if told.left_seconds is None else f", of {told.left_seconds:,.3g} s that the account has left"
    return (
        f"device: all {n_samples:,} test samples with {SHOTS:,} shots on {config.backend.name}: {told.executions:,} "
        f"executions, about {told.seconds:,.3g} s of the device{left}; --budget says how much of that is sent"
    )
