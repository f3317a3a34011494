"""How a run would be trained, told before it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch

from qplug.contract.errors import UserError
from qplug.lab.config.model import RunConfig
from qplug.lab.config.training import TrainingOptions
from qplug.lab.pipeline.components import Components
from qplug.lab.pipeline.describe import Description, Step
from qplug.lab.pipeline.memory import refuse_large_batches
from qplug.lab.training.devices import check_devices, per_device


@dataclass(frozen=True)
class Phase:
    """A stretch of epochs in which the same components learn.

    Attributes:
        epochs: how many, at most.
        inputs: ``"cached embeddings"``, or ``"features"`` for training end to end.
        trainable: how many numbers learn.
        quantum: how many of these are parameters of circuits.
    """

    epochs: int
    inputs: str
    trainable: int
    quantum: int


@dataclass(frozen=True)
class Circuits:
    """Where circuits are trained, and where the trained ones are evaluated.

    Attributes:
        trained_on: a backend by name.
        evaluated_on: the one that was asked for.
        reason: why it is another one, else empty.
    """

    trained_on: str
    evaluated_on: str
    reason: str = ""


@dataclass(frozen=True)
class TrainingPlan:
    """A training as it would go.

    Attributes:
        phases: in order; none if nothing is trained by gradients.
        options: step sizes and the rest.
        device: ``"cpu"`` or ``"cuda"``; None if this machine has not what is asked.
        problem: what this machine has not, else empty.
        processes: how many share each batch.
        precision: of the classical layers; circuits always get float32 angles.
        circuits: None if no head is quantum.
    """

    phases: tuple[Phase, ...]
    options: TrainingOptions
    device: str | None
    problem: str
    processes: int
    precision: str
    circuits: Circuits | None

    def to_json(self) -> dict[str, Any]:
        """The plan as plain data, without the options, which are the configuration's."""
        return {name: value for name, value in asdict(self).items() if name != "options"}

    def lines(self) -> Iterator[str]:
        """The plan in words."""
        yield f"training: {', then '.join(map(_words, self.phases)) or 'none; what is fitted is fitted at once'}"
        if self.phases:
            yield from _steps(self.options)
        processes = "1 process" if self.processes == 1 else f"{self.processes} processes that share each batch"
        yield self.problem or f"machine: {self.device}, {processes}, {self.precision}"
        if self.circuits is not None:
            reason = f" ({self.circuits.reason})" if self.circuits.reason else ""
            yield f"circuits: trained on {self.circuits.trained_on}, evaluated on {self.circuits.evaluated_on}{reason}"


def _words(phase: Phase) -> str:
    how = "end to end" if phase.inputs == "features" else f"on {phase.inputs}"
    quantum = f", {phase.quantum:,} of them in circuits" if phase.quantum else ""
    return f"{phase.epochs} epochs {how} ({phase.trainable:,} parameters{quantum})"


def _steps(options: TrainingOptions) -> Iterator[str]:
    own = {"the backbone": options.backbone_learning_rate, "circuits": options.quantum_learning_rate}
    others = ", ".join(f"{rate:g} for {what}" for what, rate in own.items() if rate is not None)
    stop = f", ends after {options.patience} epochs without a better one" if options.patience else ""
    size = f"learning rate {options.learning_rate:g}" + (f" ({others})" if others else "")
    yield f"steps: batches of {options.batch_size}, {options.optimiser}, {size}"
    yield f"kept: the epoch of the best validation {options.monitor}{stop}"


def training_plan(config: RunConfig, components: Components, description: Description) -> TrainingPlan:
    """How a described run would be trained. What the machine lacks is no error here; the plan says so."""
    device: Literal["cpu", "cuda"] | None = None
    problem = ""
    try:
        device = check_devices(config.training, config.device)
        refuse_large_batches(components, description, per_device(config.training, device), torch.device(device))
    except UserError as error:
        device, problem = None, f"machine: {error}"
    mixed = "bfloat16, its circuits' angles float32" if config.training.mixed_precision else "float32"
    return TrainingPlan(
        phases=tuple(_phases(config, components, description.steps)),
        options=config.training,
        device=device,
        problem=problem,
        processes=config.training.devices,
        precision=mixed,
        circuits=_circuits(config, components),
    )


def _phases(config: RunConfig, components: Components, steps: tuple[Step, ...]) -> Iterator[Phase]:
    options, heads = config.training, [step for step in steps if step.kind != "backbone"]
    if options.head_epochs:
        yield _phase(options.head_epochs, "cached embeddings", heads)
    learns = heads if components.backbone.frozen else list(steps)
    if any(step.trainable for step in learns):
        yield _phase(options.epochs, "cached embeddings" if components.backbone.frozen else "features", learns)


def _phase(epochs: int, inputs: str, steps: list[Step]) -> Phase:
    return Phase(epochs, inputs, sum(step.trainable for step in steps), sum(step.quantum for step in steps))


def _circuits(config: RunConfig, components: Components) -> Circuits | None:
    if components.training is None:
        return None
    return Circuits(components.training.name, config.backend.name, components.training.reason)
