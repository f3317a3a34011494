"""A pipeline explained before anything is computed: its steps, its circuits, and where randomness enters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from torch import nn
from torch.nn.modules.dropout import _DropoutNd

from qplug.catalogue import naming_faults
from qplug.catalogue.layers import Layer
from qplug.heads.quantum_module import QuantumModule
from qplug.lab.config.model import RunConfig
from qplug.lab.config.resolve import resolve
from qplug.lab.config.toml import to_layer
from qplug.lab.data.splits import split_rule
from qplug.lab.pipeline.classifier import Classifier
from qplug.lab.pipeline.components import Components, assemble
from qplug.lab.pipeline.describe import Description, blank_classifier, describe
from qplug.lab.pipeline.suspects import suspects
from qplug.lab.runner.training_plan import TrainingPlan, training_plan


@dataclass(frozen=True)
class Chance:
    """One place where something random decides.

    Attributes:
        step: where: ``"dataset"``, ``"split"``, a step of the pipeline, ``"training"`` or ``"backend"``.
        what: what is drawn.
        by: what decides the draw; the same gives the same numbers again.
    """

    step: str
    what: str
    by: str


@dataclass(frozen=True)
class CircuitFacts:
    """One circuit of the pipeline in numbers."""

    place: str
    qubits: int
    gates: int
    encoding_angles: int
    weight_angles: int
    observables: int


@dataclass(frozen=True)
class Explanation:
    """A pipeline as it would be, without data.

    Attributes:
        config: every default filled in.
        modality: of the data set's signals.
        classes: how many there are.
        description: the steps with their shapes, and the parameter counts.
        circuits: every circuit of the pipeline.
        training: how it would be trained, and where.
        chances: where randomness enters, in the order of the data's way.
    """

    config: RunConfig
    modality: str
    classes: int
    description: Description
    circuits: tuple[CircuitFacts, ...]
    training: TrainingPlan
    chances: tuple[Chance, ...]

    def to_json(self) -> dict[str, Any]:
        """The explanation as plain data."""
        return {
            "config": to_layer(self.config),
            "dataset": {"name": self.config.dataset.name, "modality": self.modality, "n_classes": self.classes},
            **self.description.to_json(),
            "circuits": [asdict(each) for each in self.circuits],
            "training": self.training.to_json(),
            "randomness": [asdict(each) for each in self.chances],
        }


def explain(layers: Iterable[Layer]) -> Explanation:
    """The pipeline that settings describe. Needs no data, and no learnt weights.

    Args:
        layers: settings by falling precedence, recipe included.

    Raises:
        UserError: the settings cannot be used.
    """
    config = resolve(list(layers))
    components = assemble(config)
    with naming_faults(suspects(config, components), "the pipeline was explained"):
        model = blank_classifier(config, components)
        description = describe(config, components, model)
        training = training_plan(config, components, description)
        return Explanation(
            config=config,
            modality=str(components.dataset.capabilities.modality),
            classes=len(components.dataset.classes),
            description=description,
            circuits=tuple(_circuits(config, model)),
            training=training,
            chances=(
                *_of_the_data(config, components),
                *_of_the_network(config, components, model, description),
                *_of_training(config, components, training),
                *_of_the_backend(config, components),
            ),
        )


def _circuits(config: RunConfig, model: Classifier) -> Iterator[CircuitFacts]:
    """Circuits of one kind count once, such as those that a backbone has many of."""
    found = []
    for place, module in _places(config, model):
        for each in module.modules():
            if isinstance(each, QuantumModule):
                circuit = each.circuit
                sizes = (circuit.n_qubits, len(circuit.gates), circuit.n_encoding, circuit.n_weights)
                found.append(CircuitFacts(place, *sizes, len(circuit.observables)))
    yield from dict.fromkeys(found)


def _places(config: RunConfig, model: Classifier) -> Iterator[tuple[str, nn.Module]]:
    yield f"backbone {config.backbone.name}", model.front
    for branch, (reducer, head) in zip(config.branches, model.branches.pairs(), strict=True):
        yield f"reducer {branch.reducer.name}", reducer
        yield f"head {branch.head.name}", head


def _of_the_data(config: RunConfig, components: Components) -> Iterator[Chance]:
    yield from _own_seed("dataset", config.dataset.parameters, f"what {config.dataset.name} generates or leaves out")
    yield from _own_seed("features", config.features.parameters, f"what {config.features.name} draws")
    name, rule = split_rule(components.dataset, config.split)
    seed = _seed(config)
    if rule.test in ("groups", "random"):
        drawn = "which groups are the test part" if rule.test == "groups" else "which samples are the test part"
        yield Chance("split", f"{drawn}, in the split {name}", seed)
    yield Chance("split", f"the validation part, where the split {name} does not name it", seed)


def _of_the_network(
    config: RunConfig, components: Components, model: Classifier, description: Description
) -> Iterator[Chance]:
    for step in description.steps:
        if step.trainable and step.kind != "logits":
            told = f"{step.trainable:,} initial weights"
            told += f", {step.quantum:,} of them in circuits" if step.quantum else ""
            if step.kind == "backbone" and components.backbone.weights_file() is not None:
                told += ", as far as its learnt weights do not give them"
            yield Chance(f"{step.kind} {step.name}", told, _seed(config))
    for branch in config.branches:
        yield from _own_seed(f"reducer {branch.reducer.name}", branch.reducer.parameters, "what its fit draws")
        yield from _own_seed(f"head {branch.head.name}", branch.head.parameters, "what it draws")
    for place, module in _places(config, model):
        if place.startswith("backbone") and components.backbone.frozen:
            continue  # it is never in training mode
        shares = sorted({each.p for each in module.modules() if isinstance(each, _DropoutNd) and each.p})
        if shares:
            told = ", ".join(f"{share:g}" for share in shares)
            yield Chance(place, f"dropout {told}, while it trains", f"{_seed(config)} and epoch")


def _of_training(config: RunConfig, components: Components, training: TrainingPlan) -> Iterator[Chance]:
    by = f"{_seed(config)} and epoch"
    if training.phases:
        yield Chance("training", "the order of the samples", by)
    if config.augmentation.active and not components.backbone.frozen:
        yield Chance("training", f"how inputs are varied: {', '.join(config.augmentation.active)}", by)
    place = components.training
    if place is not None and config.training.gradient == "spsa" and not place.backend.capabilities.exact:
        yield Chance("training", "the directions of the simultaneous perturbations", f"{_seed(config)} and step")


def _of_the_backend(config: RunConfig, components: Components) -> Iterator[Chance]:
    if (backend := components.backend) is None or not components.quantum:
        return
    own = config.backend.parameters.get("seed")
    by = "the device" if backend.capabilities.hardware or own is None else f"backend.seed = {own}"
    where = f"backend {config.backend.name}"
    if not backend.capabilities.exact:
        shots = config.backend.parameters.get("shots")
        yield Chance(where, f"what is measured{f' in {shots:,} shots' if shots else ''}, in the evaluation", by)
    if backend.capabilities.noise:
        yield Chance(where, "the noise of a device, in the evaluation", by)


def _own_seed(step: str, parameters: Any, what: str) -> Iterator[Chance]:
    seed = parameters.get("seed")
    if seed is not None:
        yield Chance(step, what, f"{step.split()[0]}.seed = {seed}")


def _seed(config: RunConfig) -> str:
    return f"seed = {config.seed}"
