"""From layered settings to one resolved run configuration."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from qplug import catalogue, parameters
from qplug.catalogue.layers import Layer, merge
from qplug.contract.errors import ConfigError
from qplug.contract.interfaces import Dataset, Head
from qplug.lab.config.augmentation import AugmentationOptions
from qplug.lab.config.layers import AMBIGUOUS, BRANCH, TABLES, from_defaults
from qplug.lab.config.matching import matched
from qplug.lab.config.model import Branch, Choice, RunConfig
from qplug.lab.config.options import OPTIONS, RunOptions
from qplug.lab.config.presets import written_out
from qplug.lab.config.training import TrainingOptions
from qplug.parameters import PRESET


def resolve(layers: Iterable[Layer], *, dataset: Dataset | None = None) -> RunConfig:
    """The run configuration that the layers describe, with every preset written out and every default filled in.

    Args:
        layers: settings by falling precedence. The data set's own defaults and the components' are added below them.
        dataset: the data set, if it is at hand; its parameters then stand as they are. None: the one that is named.

    Raises:
        ConfigError: no data set is named, or the settings contradict themselves.
        UnknownName: a component, parameter or preset that does not exist.
        ParameterError: a value of the wrong type or out of range.
        NotInstalled: a component whose packages are missing.
        NotSupported: a metric is monitored that is not defined for so many classes.
    """
    given = written_out(list(layers), "dataset")
    values = dict(merge(given).get("dataset", {}))
    name = values.pop("name", None)
    if not name:
        raise ConfigError("no data set is named. Name one with --dataset NAME; all data sets: qplug list datasets")
    chosen = Choice(name, values)
    if dataset is None:
        # An instance, since what it holds and what suits it may depend on its parameters.
        dataset = cast("Dataset", catalogue.create("dataset", name, values))
        chosen = _choice("dataset", {**values, "name": name})
    settings = _complete([*given, from_defaults(dataset.defaults)], dataset.capabilities.modality)
    n_classes = len(dataset.classes)
    training = parameters.create(TrainingOptions, settings.get("training", {}), what="training")
    if n_classes:  # else only the data set's files tell, and then the split is asked
        training.refuse_unsuited_monitor(n_classes)
    if training.backend is not None:
        catalogue.load("backend", training.backend)  # a name that does not exist is refused whatever the heads are
    options = parameters.create(
        RunOptions, {key: settings[key] for key in OPTIONS if key in settings}, what=parameters.RUN
    )
    return RunConfig(
        dataset=chosen,
        features=_choice("features", settings["features"]),
        backbone=_choice("backbone", settings["backbone"]),
        branches=_branches(settings, n_classes),
        backend=_choice("backend", settings["backend"]),
        training=training,
        augmentation=parameters.create(AugmentationOptions, settings.get("augmentation", {}), what="augmentation"),
        **{key: getattr(options, key) for key in OPTIONS},
    )


def _complete(layers: Sequence[Layer], modality: str) -> Layer:
    """The layers as one, with a name for every component, and with no preset left."""
    for kind in TABLES:  # backbone before reducer, whose default depends on it
        if any(PRESET in layer.get(kind, ()) for layer in layers):
            named = _general_defaults(merge(layers), modality).get(kind, {}).get("name")
            layers = written_out(layers, kind, named)
    settings = merge(layers)
    return merge([settings, _general_defaults(settings, modality)])


def _general_defaults(settings: Layer, modality: str) -> Layer:
    usual = catalogue.registry().defaults
    layer: Layer = {
        "features": {"name": usual.features[modality]},
        "backbone": {"name": usual.backbone},
        "backend": {"name": usual.backend},
    }
    if "branch" not in settings:
        layer["head"] = {"name": usual.head}
        layer["reducer"] = {"name": _default_reducer(settings.get("backbone", {}))}
    # A table that is there already but unnamed (from --set head.n_layers=3) takes the default's name.
    return {key: {**value, **settings.get(key, {})} for key, value in layer.items()}


def _default_reducer(backbone: Mapping[str, Any]) -> str:
    """``pca`` behind a frozen backbone, whose embeddings it can be fitted on; ``linear`` behind one that learns."""
    choice = _choice("backbone", {"name": catalogue.registry().defaults.backbone, **backbone})
    return "pca" if choice.parameters.get("frozen") else "linear"


def _branches(settings: Layer, n_classes: int) -> tuple[Branch, ...]:
    several = settings.get("branch")
    if several is None:
        several = [{"reducer": settings["reducer"], "head": settings["head"]}]
    elif "head" in settings or "reducer" in settings:
        raise ConfigError(AMBIGUOUS)
    backbone, usual_head = settings["backbone"], catalogue.registry().defaults.head
    branches = [
        matched(_whole(branch, _assigned(settings, number), backbone), n_classes, default=usual_head)
        for number, branch in enumerate(several, start=1)
    ]
    for key in settings:
        if (named := BRANCH.fullmatch(key)) and int(named[1]) > len(branches):
            raise ConfigError(f"--set {key}.… names branch {named[1]}, but there are {len(branches)}.")
    return tuple(_one_branch(branch, number) for number, branch in enumerate(branches, start=1))


def _assigned(settings: Layer, number: int) -> Layer:
    """What ``--set branch2.head.n_layers=3`` says of a branch, as a branch."""
    assigned: Layer = {}
    for key, value in settings.get(f"branch{number}", {}).items():
        kind, dot, parameter = key.partition(".")
        if kind == "weight" and not dot:
            assigned["weight"] = value
        elif kind in ("reducer", "head") and dot:
            assigned.setdefault(kind, {})[parameter] = value
        else:
            raise ConfigError(f"--set branch{number}.{key}: set weight, reducer.PARAM or head.PARAM of a branch.")
    return assigned


def _whole(branch: Layer, assigned: Layer, backbone: Mapping[str, Any]) -> Layer:
    """A branch with what is assigned to it, its reducer named, its presets written out."""
    layers = written_out([assigned, branch], "head")
    head = _name("head", merge(layers).get("head", {}))
    quantum = cast("type[Head]", catalogue.load("head", head)).capabilities.quantum
    reducer = _default_reducer(backbone) if quantum else "identity"
    whole = merge(written_out(layers, "reducer", reducer))
    return {**whole, "reducer": {"name": reducer, **whole.get("reducer", {})}}


def _one_branch(branch: Layer, number: int) -> Branch:
    given = branch.get("weight", 1.0)
    try:
        weight = float(given)
    except (TypeError, ValueError):
        weight = math.nan
    if not math.isfinite(weight):
        raise ConfigError(f"the weight {given!r} of branch {number} is no number that logits can be multiplied by.")
    return Branch(_choice("reducer", branch["reducer"]), _choice("head", branch["head"]), weight)


def _choice(kind: str, table: Mapping[str, Any]) -> Choice:
    name = _name(kind, table)
    values = {key: value for key, value in table.items() if key != "name"}
    return Choice(name, parameters.resolved(catalogue.load(kind, name), values, what=f"{kind} {name}"))


def _name(kind: str, table: Mapping[str, Any]) -> str:
    name = table.get("name")
    if not isinstance(name, str):
        raise ConfigError(f'the {kind} has no name; add name = "…" to [{kind}]. All names: qplug list {kind}')
    return name
