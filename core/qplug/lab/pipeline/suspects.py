"""The components of a pipeline as what may be at fault."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from qplug.catalogue import Suspect
from qplug.lab.config.model import RunConfig
from qplug.lab.pipeline.classifier import Classifier
from qplug.lab.pipeline.components import Components


def suspects(config: RunConfig, components: Components) -> list[Suspect]:
    """The run's components."""
    found = [
        Suspect("dataset", config.dataset.name, components.dataset),
        Suspect("features", config.features.name, components.features),
        Suspect("backbone", config.backbone.name, components.backbone),
    ]
    for choice, branch in zip(config.branches, components.branches, strict=True):
        found.append(Suspect("reducer", choice.reducer.name, branch.reducer))
        found.append(Suspect("head", choice.head.name, branch.head))
    if components.backend is not None:
        found.append(Suspect("backend", config.backend.name, components.backend))
    if components.training is not None and components.training.backend is not components.backend:
        found.append(Suspect("backend", components.training.stands_on, components.training.backend))
    asked = None if components.training is None else components.training.asked
    if components.training is not None and asked is not None and all(asked is not each.component for each in found):
        found.append(Suspect("backend", components.training.name, asked))
    return found


def layers_of(model: Classifier, suspects: Sequence[Suspect]) -> dict[int, Suspect]:
    """Whose each module of the classifier's networks is, by its identity."""
    of_kind = {kind: [each for each in suspects if each.kind == kind] for kind in ("reducer", "head")}
    networks: list[tuple[nn.Module, Suspect]] = [
        (model.front.backbone, each) for each in suspects if each.kind == "backbone"
    ]
    for number, pair in enumerate(model.branches.pairs()):
        networks += [(network, of_kind[kind][number]) for kind, network in zip(of_kind, pair, strict=True)]
    return {id(inner): suspect for network, suspect in networks for inner in network.modules()}
