"""The audit of a data set: every file is read once, over all cores, in memory that grows by some 60 bytes per file."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qplug.contract.errors import DataError
from qplug.contract.interfaces import Dataset, Sample
from qplug.lab.audit.measure import SILENCE, Measure, Measures, measures
from qplug.lab.audit.report import Report
from qplug.lab.audit.splits import split_facts
from qplug.lab.data.extraction import extract
from qplug.lab.data.fingerprint import Duplicate, duplicates
from qplug.lab.data.likeness import Alike, alike
from qplug.lab.data.prints import prints
from qplug.lab.data.remarks import folder_remarks
from qplug.variables import cache_folder


def audit(
    name: str,
    dataset: Dataset,
    folder: Path,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
    workers: int | None = None,
) -> Report:
    """Looks into a data set. Damaged files are part of the outcome, not a reason to stop.

    Args:
        name: the data set's name, for the report.
        dataset: the data set.
        folder: its folder.
        progress: told how many samples were read, and of how many.
        workers: how many processes read; None: as it is quickest.

    Raises:
        DataError: the folder is not in the expected layout, or not one sample can be read.
        PluginError: the data set failed in a way that is not one of qplug's errors.
    """
    samples, unusable = dataset.inventory(folder)
    readable, unreadable, measured = _measure(dataset, samples, progress, workers)
    same = duplicates(readable, measured.digests)
    similar = _alike(name, dataset, readable, measured)
    label_of = {sample.id: sample.label for sample in samples}
    counts = Counter(sample.label for sample in samples)
    groups_of: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        groups_of[sample.label].add(sample.group)
    keys: dict[str, Counter[str]] = defaultdict(Counter)
    for sample in samples:
        for key, value in sample.keys.items():
            keys[key][value] += 1
    return Report(
        dataset=name,
        folder=folder if dataset.capabilities.needs_folder else None,
        modality=dataset.capabilities.modality,
        synthetic=dataset.capabilities.synthetic,
        n_samples=len(samples),
        classes={label: counts[label] for label in dataset.classes},
        groups=Counter(sample.group for sample in samples),
        keys=keys,
        class_groups={label: len(groups_of[label]) for label in dataset.classes},
        measures=measured,
        duplicates=tuple(same),
        conflicts=tuple(each for each in same if len({label_of[id_] for id_ in each.ids}) > 1),
        unreadable=unreadable | {entry.id: entry.reason for entry in unusable},
        silent=_ids(readable, measured.peak < SILENCE),
        clipped=_ids(readable, measured.clipped),
        alike=tuple(similar),
        splits=split_facts(dataset, samples, [*same, *(Duplicate(pair.ids) for pair in similar)]),
        remarks=folder_remarks(dataset, folder),
    )


def _alike(name: str, dataset: Dataset, samples: Sequence[Sample], measured: Measures) -> list[Alike]:
    """Copies that are not equal bit by bit, by the same prints as in a run."""
    if dataset.capabilities.synthetic:
        return []  # what is generated holds no copies of anything
    found = prints(dataset, samples, name=name, cache=cache_folder())
    digests = {sample.id: digest for sample, digest in zip(samples, measured.digests, strict=True)}
    pairs = alike(found.values, found.kept, dataset.capabilities.modality)
    return [pair for pair in pairs if digests[pair.ids[0]] != digests[pair.ids[1]]]


def _measure(
    dataset: Dataset, samples: Sequence[Sample], progress: Callable[[int, int], None], workers: int | None
) -> tuple[list[Sample], dict[str, str], Measures]:
    """The readable samples, the reasons for the others by id, and what was measured of the former."""
    readable: list[Sample] = []
    unreadable: dict[str, str] = {}
    rows = []
    done = 0
    for chunk in extract(dataset, Measure(dataset.capabilities.modality), samples, workers=workers):
        for sample, reason in zip(chunk.samples, chunk.reasons, strict=True):
            if reason is None:
                readable.append(sample)
            else:
                unreadable[sample.id] = reason
        rows.append(chunk.values)
        done += len(chunk.samples)
        progress(done, len(samples))
    if not readable:
        first = next(iter(unreadable.items()))
        raise DataError(
            f"none of the {len(samples)} samples can be read; the first is {first[0]} ({first[1]}). "
            "Nothing can be said about the data set. Get its files again."
        )
    return readable, unreadable, measures(np.concatenate(rows))


def _ids(samples: Sequence[Sample], which: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(samples[i].id for i in np.flatnonzero(which).tolist())
