"""What a run would do, without doing it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from qplug.catalogue import naming_faults
from qplug.catalogue.layers import Layer
from qplug.contract.addresses import redacted
from qplug.contract.errors import DataError
from qplug.contract.interfaces import WeightsFile
from qplug.lab.acquire.weights import place as weights_place
from qplug.lab.config.model import RunConfig
from qplug.lab.config.resolve import resolve
from qplug.lab.config.toml import to_layer
from qplug.lab.data.remarks import folder_remarks
from qplug.lab.data.splits import Split, split_rule
from qplug.lab.pipeline.components import Components, assemble
from qplug.lab.pipeline.describe import Description, blank_classifier, describe
from qplug.lab.pipeline.suspects import suspects
from qplug.lab.runner.examine import learnt_network, refuse_head_first_behind_frozen
from qplug.lab.runner.foretold import device_lines
from qplug.lab.runner.inventory import inventory, split_of
from qplug.lab.runner.refusals import refuse_small_parts, refuse_unusable, splits_of_all_folds
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.training_plan import TrainingPlan, training_plan
from qplug.lab.runner.unused import unused_backend
from qplug.lab.runner.workplace import Workplace


@dataclass(frozen=True)
class Plan:
    """A resolved run, its shapes and counts, and the work it would cause.

    Attributes:
        config: every default filled in.
        description: the steps with their shapes, and the parameter counts.
        split: the name of the split.
        training: how it would be trained, and where.
        work: what would be computed, and what was asked for in vain, one sentence each.
    """

    config: RunConfig
    description: Description
    split: str
    training: TrainingPlan
    work: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The plan as plain data."""
        return {
            "config": to_layer(self.config),
            "split": self.split,
            "training": self.training.to_json(),
            "work": list(self.work),
            **self.description.to_json(),
        }


def plan(layers: Iterable[Layer], workplace: Workplace | None = None, *, every_fold: bool = False) -> Plan:
    """The plan for a run, or for one run of every fold.

    Args:
        layers: settings by falling precedence, recipe included.
        workplace: where it would be worked on; None: as the environment says.
        every_fold: whether each fold is the test part once.

    Raises:
        UserError: the settings cannot be used, or not with these data. Missing data is no error here; the plan says so.
    """
    layers, place = list(layers), workplace or Workplace.from_environment()
    config = resolve(layers)
    components = assemble(config)
    with naming_faults(suspects(config, components), "the run was planned"):
        return _planned(layers, config, components, place, every_fold)


def _planned(
    layers: list[Layer], config: RunConfig, components: Components, place: Workplace, every_fold: bool
) -> Plan:
    unused = unused_backend(layers, config, components)
    data, splits = _data(config, components, place, every_fold)
    work = (*_downloads(config, components, place), *data, *([unused] if unused else []))
    name, _ = split_rule(components.dataset, config.split)
    refuse_head_first_behind_frozen(config, components)
    # Learnt weights are read if they are there, so that wrong ones are seen.
    network = None if _not_there(config, components, place) else learnt_network(config, components, place, Silent())
    model = blank_classifier(config, components, network)
    description = describe(config, components, model)
    for split in splits:
        refuse_small_parts(config, components, split, description)
    work = (*work, *(line for split in splits[:1] for line in device_lines(config, components, model, split)))
    return Plan(config, description, name, training_plan(config, components, description), work)


def _not_there(config: RunConfig, components: Components, place: Workplace) -> WeightsFile | None:
    """The file of learnt weights that would be downloaded."""
    declared = components.backbone.weights_file()
    if declared is None or declared.path is not None:
        return None
    return None if weights_place(declared, config.backbone.name, place.data).is_file() else declared


def _downloads(config: RunConfig, components: Components, place: Workplace) -> Iterable[str]:
    if (missing := _not_there(config, components, place)) is not None:
        yield f"weights: downloaded from {redacted(missing.url)} (licence: {missing.licence or 'none stated'})"


def _data(
    config: RunConfig, components: Components, place: Workplace, every_fold: bool
) -> tuple[list[str], list[Split]]:
    """What is said of the data, and the split, or that of every fold; none where the data are not there."""
    try:
        there = inventory(config, components, place)
    except DataError as error:
        return [f"data: {error}"], []
    samples = there.samples
    refuse_unusable(config, len(samples), there.unusable)
    found = (
        splits_of_all_folds(config, components, samples)
        if every_fold
        else {None: split_of(config, components, samples)}
    )
    told = [f"data: {len(samples)} samples ({_sizes(fold, split)})" for fold, split in found.items()]
    told += [f"data: {remark}" for remark in folder_remarks(components.dataset, there.folder)]
    told.append(f"features: extracted once with {config.features.name}, then taken from the cache")
    if components.backbone.frozen:
        told.append(f"embeddings: computed once with {config.backbone.name}, then taken from the cache")
    return told, list(found.values())


def _sizes(fold: int | None, split: Split) -> str:
    sizes = ", ".join(f"{len(split.parts[part])} {part}" for part in split.parts)
    return sizes if fold is None else f"fold {fold}: {sizes}"
