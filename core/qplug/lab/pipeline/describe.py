"""What a pipeline would do, told before anything is computed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, cast

from torch import nn

from qplug.heads.quantum_module import QuantumModule
from qplug.lab.config.model import RunConfig
from qplug.lab.pipeline.classifier import (
    Classifier,
    Front,
    ParameterCounts,
    build_backbone,
    build_classifier,
    count_parameters,
    embedding_width,
)
from qplug.lab.pipeline.components import BranchComponents, Components
from qplug.lab.pipeline.fitting import refuse_single_samples
from qplug.lab.pipeline.placing import place_in_backbone


@dataclass(frozen=True)
class Step:
    """One step of the data's way.

    Attributes:
        kind: which kind of component.
        name: its name.
        shape: what one sample looks like behind it.
        computed: ``"once, cached"``, ``"fitted on train"``, ``"trained"`` or ``"as it is"``.
        note: what else is worth knowing.
        trainable: how many of its numbers training changes.
        quantum: how many of these are parameters of circuits.
    """

    kind: str
    name: str
    shape: tuple[int, ...]
    computed: str
    note: str = ""
    trainable: int = 0
    quantum: int = 0


@dataclass(frozen=True)
class Description:
    """A pipeline's steps in order, and its parameter counts."""

    steps: tuple[Step, ...]
    parameters: ParameterCounts

    def to_json(self) -> dict[str, Any]:
        """The description as plain data."""
        return asdict(self)


def blank_classifier(config: RunConfig, components: Components, network: nn.Module | None = None) -> Classifier:
    """The untrained classifier of a run, without its normalisation and with nothing fitted, built without data.

    Args:
        config: the run.
        components: its components.
        network: the backbone's network; None builds one without learnt weights, which has the same shapes.

    Raises:
        NotSupported: components that do not fit together.
    """
    shape = components.features.shape
    if network is None:
        place = place_in_backbone(components)
        network = build_backbone(components.backbone, shape, seed=config.seed, learnt=False, place=place)
    return build_classifier(
        components,
        Front(nn.Identity(), network),
        shape,
        n_classes=len(components.dataset.classes),
        seed=config.seed,
        learn_weights=config.training.learn_branch_weights,
    )


def describe(config: RunConfig, components: Components, classifier: Classifier | None = None) -> Description:
    """The steps of a pipeline with the shape behind each.

    Args:
        config: the run.
        components: its components.
        classifier: what ``blank_classifier`` made of them; None: it is made here.

    Raises:
        NotSupported: components that do not fit together, or a circuit that the backend of the evaluation cannot run.
        UserError: that backend cannot be had as it is set.
    """
    classifier = classifier or blank_classifier(config, components)
    trained = classifier.branches if components.backbone.frozen else classifier
    if any(parameter.requires_grad for parameter in trained.parameters()):
        refuse_single_samples(trained, config.training.batch_size)
    width = embedding_width(classifier.front, components.features.shape)
    for branch in components.branches:
        n_outputs = branch.reducer.outputs(width, branch.head.n_inputs)
        branch.reducer.refuse_outputs(width, n_outputs, len(components.dataset.classes))
    if components.backend is not None:
        for module in classifier.quantum_modules():
            components.backend.accept(
                module.circuit
            )  # else an evaluation that cannot be would end the run after training
    return Description(steps(config, components, classifier, width), count_parameters(classifier))


def steps(config: RunConfig, components: Components, classifier: Classifier, width: int) -> tuple[Step, ...]:
    """The steps of a pipeline whose backbone gives ``width`` numbers per sample."""
    backbone, factors = _trainable(classifier.front), classifier.branches.weights
    computed = "once, cached" if components.backbone.frozen else "trained" if backbone else "as it is"
    circuits = list(classifier.circuits_in_front())
    quantum = sum(_trainable(each, of_circuit=True) for each in circuits)
    note = "; ".join(filter(None, (_augmented(config), _where(config, components) if circuits else "")))
    found = [
        Step("features", config.features.name, components.features.shape, "once, cached"),
        Step("backbone", config.backbone.name, (width,), computed, note, backbone, quantum),
    ]
    for number, pair in enumerate(classifier.branches.pairs()):
        found += _branch_steps(config, components, number, width, pair)
    learnt = factors.numel() if factors.requires_grad else 0
    summed = "trained" if learnt else "as it is"
    return (*found, Step("logits", _sum_text(config), (len(components.dataset.classes),), summed, trainable=learnt))


def _trainable(module: nn.Module, *, of_circuit: bool = False) -> int:
    """How many numbers of a module training changes; of a circuit those behind its angles alone."""
    found = [module.circuit_parameters] if of_circuit else module.parameters()
    return sum(cast(nn.Parameter, each).numel() for each in found if each.requires_grad)


def _augmented(config: RunConfig) -> str:
    asked = ", ".join(f"{name} {getattr(config.augmentation, name):g}" for name in config.augmentation.active)
    return f"training inputs varied: {asked}" if asked else ""


def _branch_steps(
    config: RunConfig, components: Components, number: int, width: int, modules: tuple[nn.Module, nn.Module]
) -> list[Step]:
    choice, branch = config.branches[number], components.branches[number]
    n_outputs = branch.reducer.outputs(width, branch.head.n_inputs)
    reducer, head = _trainable(modules[0]), _trainable(modules[1])
    quantum = _trainable(modules[1], of_circuit=True) if isinstance(modules[1], QuantumModule) else 0
    reduced = "fitted on train" if branch.reducer.capabilities.fitted else "trained" if reducer else "as it is"
    learnt = "fitted on train" if branch.head.capabilities.fitted else "trained"
    note = _head_note(config, components, branch)
    return [
        Step("reducer", choice.reducer.name, (n_outputs,), reduced, trainable=reducer),
        Step("head", choice.head.name, (len(components.dataset.classes),), learnt, note, head, quantum),
    ]


def _head_note(config: RunConfig, components: Components, branch: BranchComponents) -> str:
    told = [] if branch.stand_in is None else [f"ablation {config.ablation}"]
    if branch.built.capabilities.quantum:
        told.append(_where(config, components))
    return ", ".join(told)


def _where(config: RunConfig, components: Components) -> str:
    """Where circuits run."""
    place = components.training
    if place is None or any(components.backend is each for each in (place.backend, place.asked)):
        return f"on {config.backend.name}"
    return f"trained on {place.name}, evaluated on {config.backend.name}"


def _sum_text(config: RunConfig) -> str:
    if len(config.branches) == 1 and config.branches[0].weight == 1.0:
        return config.heads
    return " + ".join(f"{branch.weight:g} · {branch.head.name}" for branch in config.branches)
