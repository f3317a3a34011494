"""From what is asked to a plan: everything that can be refused is refused here, before the first cell begins."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

from qplug.contract.errors import DataError, UserError
from qplug.contract.interfaces import Sample
from qplug.lab.comparison.arms import arms_of
from qplug.lab.comparison.grid import MOST_CELLS
from qplug.lab.comparison.plan_file import VERSION, ComparisonPlan, PlannedDataSet, PlannedSplit
from qplug.lab.comparison.request import Request
from qplug.lab.config.model import RunConfig
from qplug.lab.data.fingerprint import sample_key, source_hashes
from qplug.lab.data.splits import Split
from qplug.lab.pipeline.components import Components
from qplug.lab.runner.examine import Examined, examine
from qplug.lab.runner.inventory import Inventory, split_of
from qplug.lab.runner.record import LEAKY, SYNTHETIC
from qplug.lab.runner.refusals import refuse_small_parts, splits_of_all_folds
from qplug.lab.runner.reporter import Reporter
from qplug.lab.runner.workplace import Workplace


def planned(request: Request, place: Workplace, reporter: Reporter) -> ComparisonPlan:
    """The plan of a comparison.

    Args:
        request: what is asked.
        place: where the data are.
        reporter: told what goes on.

    Raises:
        UserError: something is asked that cannot be done.
    """
    reporter.stage("planning")
    data_sets = tuple(_data_set(request, name, place, reporter) for name in request.datasets)
    n_cells = sum(len(each.arms) * len(each.splits) for each in data_sets)
    if n_cells > MOST_CELLS:
        raise UserError(f"the comparison would have {n_cells:,} cells; {MOST_CELLS:,} is the most.")
    return ComparisonPlan(version=VERSION, request=request, data_sets=data_sets)


def _data_set(request: Request, name: str, place: Workplace, reporter: Reporter) -> PlannedDataSet:
    known: list[Inventory] = []  # a data set is looked at once, however many arms there are

    def look(config: RunConfig, components: Components) -> Examined:
        examined = examine(config, place, reporter, components, known[0] if known else None)
        known.append(examined.inventory)
        return examined

    arms = arms_of(request, name, look)
    first = arms.first
    splits = _splits(request, first)
    capabilities = first.components.dataset.capabilities
    leaky = any(split.leaky for split in splits)
    stamps = [SYNTHETIC] if capabilities.synthetic or request.smoke else []
    folder = first.config.data_dir
    return PlannedDataSet(
        name=name,
        data=data_hash(first.inventory.samples, place, reporter),
        classes=splits[0].classes,
        n_samples=len(first.inventory.samples),
        split=splits[0].name,
        description=splits[0].rule.description,
        official=splits[0].rule.official,
        leak=next((split.leak for split in splits if split.leaky), ""),
        stamps=(*stamps, *([LEAKY] if leaky else [])),
        arms=arms.planned,
        splits=tuple(_planned_split(split) for split in splits),
        left_out=dict(arms.left_out),
        data_dir="" if folder is None or request.smoke else str(folder),
    )


def _splits(request: Request, first: Examined) -> list[Split]:
    config, components, samples = first.config, first.components, first.inventory.samples
    numbers: Sequence[int | None] = [config.fold]
    if request.folds == "all" and config.fold is not None:
        numbers = list(splits_of_all_folds(config, components, samples))
    found = []
    for seed in request.seeds:
        for number in numbers:
            split = split_of(replace(config, seed=seed, fold=number), components, samples)
            refuse_small_parts(config, components, split, first.description)
            found.append(split)
    return found


def _planned_split(split: Split) -> PlannedSplit:
    sizes = {part: len(samples) for part, samples in split.parts.items()}
    return PlannedSplit(
        seed=split.seed, fold=split.fold, hash=split.hashes["all"], n_train=sizes["train"], n_test=sizes["test"]
    )


def data_hash(samples: Sequence[Sample], place: Workplace, reporter: Reporter) -> str:
    """SHA-256 (hex) of the samples' content, ids, labels and groups, in their order. Unchanged files are read once.

    Raises:
        DataError: a file cannot be read.
    """
    hashes = source_hashes(samples, place.cache, progress=reporter.progress)
    told = hashlib.sha256()
    for sample in samples:
        source = "" if sample.source is None else hashes[sample.source]
        if isinstance(source, OSError):
            source = f"unreadable: {source.strerror}"  # whether it may be left out is said when features are extracted
        told.update(sample_key(sample, source))
        told.update(json.dumps([sample.label, sample.group]).encode())
    if not samples:
        raise DataError("the data set holds no sample.")
    return told.hexdigest()
