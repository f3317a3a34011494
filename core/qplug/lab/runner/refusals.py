"""What can be refused of a run once its samples are known, before a feature is extracted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from qplug.contract.errors import DataError, NotSupported, UserError
from qplug.contract.interfaces import Part, Sample, Unusable
from qplug.lab.config.model import RunConfig
from qplug.lab.data.cache import damaged
from qplug.lab.data.splits import Split, folds, split_rule
from qplug.lab.pipeline.components import BranchComponents, Components
from qplug.lab.pipeline.describe import Description
from qplug.lab.runner.inventory import split_of


def refuse_small_parts(config: RunConfig, components: Components, split: Split, description: Description) -> None:
    """Refuses a split with too few samples for what is fitted or trained on it.

    Raises:
        NotSupported: a fitted reducer needs more training samples than there are for so many outputs.
        DataError: a batch of training or validation could not be shared among the processes.
    """
    reducers = [step for step in description.steps if step.kind == "reducer"]
    for number, (branch, step) in enumerate(zip(components.branches, reducers, strict=True), start=1):
        if branch.reducer.capabilities.fitted:
            where = f"branch{number}." if len(components.branches) > 1 else ""
            _refuse_few_to_fit(branch, step.name, step.shape[0], split, where)
    if any(step.trainable for step in description.steps if step.kind != "backbone" or not components.backbone.frozen):
        _refuse_few_to_train(config.training.devices, split)


def _refuse_few_to_fit(branch: BranchComponents, name: str, n_outputs: int, split: Split, where: str) -> None:
    n_samples, n_classes = len(split.parts["train"]), len(split.classes)
    least = branch.reducer.least_samples(n_outputs, n_classes)
    if least <= n_samples:
        return
    enough = [n for n in range(1, n_outputs) if branch.reducer.least_samples(n, n_classes) <= n_samples]
    fewer = ""
    if enough and branch.head.n_inputs is None:
        fewer = f", or fewer outputs: --set {where}reducer.n_outputs={enough[-1]}"
    elif enough:
        fewer = f", or a head with at most {enough[-1]} inputs"
    raise NotSupported(
        f"the training part of split {split.name!r} has {n_samples} samples, but {where}reducer {name!r} needs {least} "
        f"or more to be fitted with {n_outputs} outputs. Use more data or another split{fewer}."
    )


def _refuse_few_to_train(devices: int, split: Split) -> None:
    """Every process takes two samples of each batch, or one process all of them, and of training two or more."""
    needed: dict[Part, int] = {"train": 2 * devices, "validation": 1 if devices == 1 else 2 * devices}
    for part, least in needed.items():
        there = len(split.parts[part])
        if there < least:
            fewer = f", or ask for fewer processes than training.devices={devices}" if devices > 1 else ""
            raise DataError(
                f"the {part} part of split {split.name!r} has {there} samples; training needs {least} or more there. "
                f"Use more data or another split{fewer}."
            )


def refuse_unusable(config: RunConfig, n_samples: int, unusable: Sequence[Unusable]) -> None:
    """Refuses what of a data set makes no sample, as a run does once it has read all files.

    Raises:
        DataError: there is such a thing, and the run leaves none out.
    """
    if unusable and config.on_bad_file == "refuse":
        faults = [f"{entry.id}: {entry.reason}" for entry in unusable]
        raise damaged(config.dataset.name, faults, n_samples + len(unusable), final=not n_samples)


def splits_of_all_folds(config: RunConfig, components: Components, samples: Sequence[Sample]) -> dict[int, Split]:
    """The split of every fold, so that one that cannot be is refused before the first is trained.

    Raises:
        UserError: the split has no folds.
        LeakError: a group stands in two parts of a fold.
        DataError: a part of a fold is empty, or a class has no training sample there.
    """
    numbers = folds(components.dataset, samples, config.split)
    if not numbers:
        name, _ = split_rule(components.dataset, config.split)
        raise UserError(f"split {name!r} of {config.dataset.name} has no folds, so --fold all means nothing there.")
    return {number: split_of(replace(config, fold=number), components, samples) for number in numbers}
