"""The components of one pipeline, created from their names and checked against one another."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from qplug import catalogue, parameters
from qplug.catalogue import Suspect, naming_faults
from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import (
    Backbone,
    Backend,
    Component,
    Dataset,
    FeatureExtractor,
    Head,
    QuantumHead,
    Reducer,
)
from qplug.lab.config.ablation import Ablation
from qplug.lab.config.augmentation import AugmentationOptions
from qplug.lab.config.model import Choice, RunConfig
from qplug.lab.pipeline.ablation import ablated, leaves_a_circuit
from qplug.lab.pipeline.augment import refuse_augmentation
from qplug.lab.pipeline.training_place import TrainingPlace, training_place


@dataclass(frozen=True)
class BranchComponents:
    """One branch: a reducer, a head, and the factor of its logits.

    Attributes:
        stand_in: what an ablation puts in the head's place; None: nothing.
    """

    reducer: Reducer
    head: Head
    weight: float
    stand_in: Head | None = None

    @property
    def built(self) -> Head:
        """The head whose network is built."""
        return self.head if self.stand_in is None else self.stand_in


@dataclass(frozen=True)
class Components:
    """All components of one pipeline.

    Attributes:
        dataset: the data set.
        features: the feature extractor.
        backbone: the backbone.
        branches: the branches of the classifier.
        backend: where circuits are evaluated; None if there are none.
        training: where circuits are trained; None if there are none.
        augmentation: how training inputs are varied.
        ablation: what is done to every circuit, those of the backbone too; None: nothing.
        backbone_name: what the user calls the backbone.
    """

    dataset: Dataset
    features: FeatureExtractor
    backbone: Backbone
    branches: tuple[BranchComponents, ...]
    backend: Backend | None
    training: TrainingPlace | None
    augmentation: AugmentationOptions = field(default_factory=AugmentationOptions)
    ablation: Ablation | None = None
    backbone_name: str = ""

    @property
    def training_backend(self) -> Backend | None:
        """The backend that circuits are trained on; the same object as ``backend`` if they train there."""
        return None if self.training is None else self.training.backend

    @property
    def quantum(self) -> bool:
        """Whether any head has a circuit, or the backbone."""
        return _any_circuit(self.backbone, self.branches, self.ablation)

    @property
    def of_the_network(self) -> dict[str, Component]:
        """What a classifier consists of, by a name of its own: features, backbone, each branch's reducer and head."""
        found: dict[str, Component] = {"features": self.features, "backbone": self.backbone}
        for number, branch in enumerate(self.branches, start=1):
            found |= {f"reducer-{number}": branch.reducer, f"head-{number}": branch.head}
        return found


def assemble(config: RunConfig, copies: Path | None = None, *, dataset: Dataset | None = None) -> Components:
    """The configuration's components.

    Args:
        config: names and parameters.
        copies: where a finished run keeps its components' settings files, see ``Components.of_the_network``; None: they
            are read where they were.
        dataset: the data set, if it is at hand; None: the one that the configuration names.

    Raises:
        NotSupported: the features are for another kind of signal than the data set holds, or components do not fit.
        UserError: a component that does not exist or whose parameters cannot be used.
        PluginError: what a component says of itself cannot be had.
    """
    made: list[Suspect] = []
    with naming_faults(made, "the pipeline was put together"):
        return _assembled(config, copies, dataset, made)


def _assembled(config: RunConfig, copies: Path | None, given: Dataset | None, made: list[Suspect]) -> Components:
    def create(kind: str, choice: Choice, name: str = "") -> Any:
        component = catalogue.create(kind, choice.name, choice.parameters)
        made.append(Suspect(kind, choice.name, component))
        if copies is not None and (copies / name).is_dir():
            component.use_copies(copies / name)
        return component

    if given is not None:
        made.append(Suspect("dataset", config.dataset.name, given))
    dataset = given or cast(Dataset, create("dataset", config.dataset))
    features = cast(FeatureExtractor, create("features", config.features, "features"))
    has, takes = dataset.capabilities.modality, features.capabilities.modality
    if has != takes:
        choosable = any(parameter.name == "modality" for parameter in parameters.describe(type(features)))
        way = f"Set --set features.modality={has}, or leave" if choosable else "Leave"
        raise NotSupported(
            f"features {config.features.name!r} are extracted from {takes}, but data set {config.dataset.name!r} "
            f"holds {has}. {way} --features out for the data set's own, or choose others: qplug list features"
        )
    branches = tuple(
        BranchComponents(
            cast(Reducer, create("reducer", branch.reducer, f"reducer-{number}")),
            cast(Head, create("head", branch.head, f"head-{number}")),
            branch.weight,
        )
        for number, branch in enumerate(config.branches, start=1)
    )
    backbone = cast(Backbone, create("backbone", config.backbone, "backbone"))
    if config.ablation is not None:
        branches = _ablated(config, config.ablation, backbone, branches)
    quantum = _any_circuit(backbone, branches, config.ablation)
    backend = cast(Backend, create("backend", config.backend)) if quantum else None
    _refuse_fitted_behind_trained(config, backbone, branches)
    refuse_augmentation(config.augmentation, takes, features.shape, frozen=backbone.frozen)
    training = None if backend is None else training_place(config, backend)
    if backbone.capabilities.quantum and leaves_a_circuit(config.ablation):
        _refuse_asking(config, training)
    return Components(
        dataset, features, backbone, branches, backend, training, config.augmentation, config.ablation,
        config.backbone.name,
    )  # fmt: skip


def _any_circuit(backbone: Backbone, branches: tuple[BranchComponents, ...], ablation: Ablation | None) -> bool:
    in_backbone = backbone.capabilities.quantum and leaves_a_circuit(ablation)
    return in_backbone or any(branch.built.capabilities.quantum for branch in branches)


def _refuse_asking(config: RunConfig, training: TrainingPlace | None) -> None:
    """Refuses to ask for the values of circuits outside of a forward pass, while they train, for a backbone's too."""
    if training is not None and training.asked is not None:
        raise NotSupported(
            f"backend {training.name!r} would be asked for the circuits of heads alone while they train, and backbone "
            f"{config.backbone.name!r} holds circuits too, which it is not asked for. Leave training.gradient and "
            "training.backend out: the run trains on a simulator, and --backend may name a device that verifies it."
        )


def _ablated(
    config: RunConfig, ablation: Ablation, backbone: Backbone, branches: tuple[BranchComponents, ...]
) -> tuple[BranchComponents, ...]:
    if not backbone.capabilities.quantum and not any(branch.head.capabilities.quantum for branch in branches):
        raise NotSupported(
            f"ablation {ablation!r} is done to quantum heads, and "
            f"{'+'.join(choice.head.name for choice in config.branches)} is none. Leave it out, or choose a quantum "
            "head: qplug list heads"
        )
    return tuple(
        replace(branch, stand_in=ablated(branch.head, ablation, choice.head.name))
        if isinstance(branch.head, QuantumHead)
        else branch
        for choice, branch in zip(config.branches, branches, strict=True)
    )


def _refuse_fitted_behind_trained(
    config: RunConfig, backbone: Backbone, branches: tuple[BranchComponents, ...]
) -> None:
    for choice, branch in zip(config.branches, branches, strict=True):
        if branch.head.capabilities.fitted and not backbone.frozen:
            raise NotSupported(
                f"head {choice.head.name!r} is fitted in one step, but backbone {config.backbone.name!r} before it "
                "learns by gradients, which never reach it. Freeze the backbone (--set backbone.frozen=true), "
                "or choose a head that is trained."
            )
