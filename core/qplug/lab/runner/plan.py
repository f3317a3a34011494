"""What a run would do, without doing it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import nn

from qplug.contract.addresses import redacted
from qplug.contract.errors import DataError
from qplug.contract.interfaces import WeightsFile
from qplug.lab.acquire.weights import place
from qplug.lab.config.layers import Layer
from qplug.lab.config.model import RunConfig
from qplug.lab.config.resolve import resolve
from qplug.lab.config.toml import to_layer
from qplug.lab.data.remarks import folder_remarks
from qplug.lab.data.splits import Split, split_rule
from qplug.lab.pipeline.describe import Description, describe
from qplug.lab.pipeline.parts import Parts, assemble
from qplug.lab.runner.examine import refuse_small_parts, refuse_unusable, splits_of_all_folds
from qplug.lab.runner.prepare import dataset_folder, learnt_network, split_of
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import refuse_head_first_behind_frozen
from qplug.lab.runner.training_plan import Course, course_of
from qplug.lab.runner.unused import unused_backend


@dataclass(frozen=True)
class Plan:
    """A resolved run, its shapes and counts, and the work it would cause.

    Attributes:
        config: every default filled in.
        description: the steps with their shapes, and the parameter counts.
        split: the name of the split.
        course: how it would be trained, and where.
        work: what would be computed, and what was asked for in vain, one sentence each.
    """

    config: RunConfig
    description: Description
    split: str
    course: Course
    work: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The plan as plain data."""
        return {
            "config": to_layer(self.config),
            "split": self.split,
            "training": self.course.to_json(),
            "work": list(self.work),
            **self.description.to_json(),
        }


def plan(layers: Iterable[Layer], *, every_fold: bool = False) -> Plan:
    """The plan for a run, or for one run of every fold.

    Raises:
        UserError: the settings cannot be used, or not with these data. Missing data is no error here; the plan says so.
    """
    layers = list(layers)
    config = resolve(layers)
    parts = assemble(config)
    unused = unused_backend(layers, config, parts)
    data, splits = _data(config, parts, every_fold)
    work = (*_downloads(config, parts), *data, *([unused] if unused else []))
    name, _ = split_rule(parts.dataset, config.split)
    refuse_head_first_behind_frozen(config, parts)
    description = describe(config, parts, _network(config, parts))
    for split in splits:
        refuse_small_parts(config, parts, split, description)
    return Plan(config, description, name, course_of(config, parts, description), work)


def _network(config: RunConfig, parts: Parts) -> nn.Module | None:
    """The backbone's network with its learnt weights, so that wrong ones are seen; None if they are not there yet."""
    if _not_there(config, parts):
        return None
    return learnt_network(config, parts, Silent())


def _not_there(config: RunConfig, parts: Parts) -> WeightsFile | None:
    """The file of learnt weights that would be downloaded."""
    declared = parts.backbone.weights_file()
    there = declared is None or declared.path is not None or place(declared, config.backbone.name).is_file()
    return None if there else declared


def _downloads(config: RunConfig, parts: Parts) -> Iterable[str]:
    if (missing := _not_there(config, parts)) is not None:
        yield f"weights: downloaded from {redacted(missing.url)} (licence: {missing.licence or 'none stated'})"


def _data(config: RunConfig, parts: Parts, every_fold: bool) -> tuple[list[str], list[Split]]:
    """What is said of the data, and the split, or that of every fold; none where the data are not there."""
    try:
        folder = dataset_folder(config, parts)
        samples, unusable = parts.dataset.inventory(folder)
    except DataError as error:
        return [f"data: {error}"], []
    refuse_unusable(config, len(samples), unusable)
    found = splits_of_all_folds(config, parts, samples) if every_fold else {None: split_of(config, parts, samples)}
    told = [f"data: {len(samples)} samples ({_sizes(fold, split)})" for fold, split in found.items()]
    told += [f"data: {remark}" for remark in folder_remarks(parts.dataset, folder)]
    told.append(f"features: extracted once with {config.features.name}, then taken from the cache")
    if parts.backbone.frozen:
        told.append(f"embeddings: computed once with {config.backbone.name}, then taken from the cache")
    return told, list(found.values())


def _sizes(fold: int | None, split: Split) -> str:
    sizes = ", ".join(f"{len(split.parts[part])} {part}" for part in split.parts)
    return sizes if fold is None else f"fold {fold}: {sizes}"
