"""What a run would ask of remote backends, told without sending anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import numpy as np
import torch

from qplug.contract.errors import QplugError
from qplug.contract.interfaces import RemoteBackend, Task, Work
from qplug.lab.config.model import RunConfig
from qplug.lab.data.splits import Split
from qplug.lab.judging.stages import LOOKED_AT, order_of
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
            backend = cast(RemoteBackend, components.backend)
            yield _evaluation(config, backend, model, components.features.shape, len(split.parts["test"]))
    except QplugError as error:
        yield f"device: there is no forecast, for {error}"


def _evaluation(
    config: RunConfig, backend: RemoteBackend, model: Classifier, feature_shape: tuple[int, ...], n_samples: int
) -> str:
    backend.check()
    order = order_of(model, torch.zeros(LOOKED_AT, *feature_shape))
    tasks = [
        Task(
            module.circuit, np.zeros((n_samples * rows, module.circuit.n_encoding)), np.zeros(module.circuit.n_weights)
        )
        for module, rows in zip(model.quantum_modules(), order.rows, strict=True)
    ]
    jobs = [
        Work(tuple(task for task, each in zip(tasks, order.stages, strict=True) if each == stage), SHOTS)
        for stage in range(1, order.n_stages + 1)
    ]
    told = [backend.forecast(job) for job in jobs]
    executions, seconds = sum(each.executions for each in told), sum(each.seconds for each in told)
    left = told[0].left_seconds
    account = "" if left is None else f", of {left:,.3g} s that the account has left"
    chain = "" if order.n_stages == 1 else f" in {order.n_stages} jobs, one made of the other's values"
    return (
        f"device: all {n_samples:,} test samples with {SHOTS:,} shots on {config.backend.name}{chain}: {executions:,} "
        f"executions, about {seconds:,.3g} s of the device{account}; --budget says how much of that is sent"
    )
