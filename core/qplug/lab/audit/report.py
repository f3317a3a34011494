"""The outcome of an audit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qplug.contract.interfaces import Modality
from qplug.lab.audit.measure import Measures
from qplug.lab.audit.splits import SplitFacts
from qplug.lab.data.fingerprint import Duplicate
from qplug.lab.data.likeness import Alike

QUANTILES = (0.0, 0.05, 0.5, 0.95, 1.0)
_BINS = 24
_FLOOR = -120.0  # dB; digital silence stands here


@dataclass(frozen=True)
class Report:
    """What a data set is made of, and what may be wrong with it.

    Attributes:
        dataset: its name.
        folder: where it lies; None if it needs no folder.
        modality: whether it holds recordings or images.
        synthetic: whether its signals are generated.
        n_samples: how many samples it has, unreadable ones included.
        classes: samples of each class.
        groups: samples of each group.
        keys: for each further grouping of the samples, such as the speaker, the samples of each value.
        class_groups: for each class how many groups it has.
        measures: what was measured of the readable samples.
        duplicates: samples with the same content, in groups of two or more.
        conflicts: those of them that carry different labels.
        alike: samples that are copies of another though not equal: stored with loss, at another level, or cut.
        unreadable: why a sample cannot be read, or what belongs to the data set makes none, by id.
        silent: ids of silent recordings or blank images.
        clipped: ids of clipped recordings.
        splits: what each split on offer does, the default first.
        remarks: what is odd about the folder and no fault: litter that is left out, empty class folders.
    """

    dataset: str
    folder: Path | None
    modality: Modality
    synthetic: bool
    n_samples: int
    classes: Mapping[str, int]
    groups: Mapping[str, int]
    keys: Mapping[str, Mapping[str, int]]
    class_groups: Mapping[str, int]
    measures: Measures
    duplicates: tuple[Duplicate, ...]
    conflicts: tuple[Duplicate, ...]
    unreadable: Mapping[str, str]
    silent: tuple[str, ...]
    clipped: tuple[str, ...]
    splits: Mapping[str, SplitFacts]
    remarks: tuple[str, ...] = ()
    alike: tuple[Alike, ...] = ()

    @property
    def durations(self) -> NDArray[np.float64]:
        """Seconds of each readable recording; empty for images."""
        if self.modality == "image":
            return np.empty(0)
        return self.measures.length / np.maximum(self.measures.rate, 1)

    @property
    def levels(self) -> NDArray[np.float64]:
        """Level of each readable recording in dB of full scale; empty for images."""
        if self.modality == "image":
            return np.empty(0)
        levels: NDArray[np.float64] = np.maximum(20 * np.log10(np.maximum(self.measures.level, 1e-9)), _FLOOR)
        return levels

    @property
    def sample_rates(self) -> dict[int, int]:
        """Recordings at each sample rate in Hz, the lowest first; empty for images."""
        return _counts(self.measures.rate) if self.modality == "audio" else {}

    @property
    def channels(self) -> dict[int, int]:
        """Signals with each number of channels."""
        return _counts(self.measures.channels)

    @property
    def sizes(self) -> dict[str, int]:
        """Images of each size, as height×width; empty for recordings."""
        if self.modality == "audio":
            return {}
        pairs = zip(self.measures.length.tolist(), self.measures.width.tolist(), strict=True)
        return {f"{height}×{width}": n for (height, width), n in Counter(pairs).most_common()}

    @property
    def singles(self) -> bool:
        """Whether every sample is a group of its own."""
        return len(self.groups) == self.n_samples

    @property
    def guarded(self) -> tuple[str, ...]:
        """The keys that some split keeps apart: what the samples of a data set without groups have in common."""
        named = dict.fromkeys(facts.group for facts in self.splits.values())
        return tuple(name for name in named if name in self.keys)

    @property
    def largest_share(self) -> float:
        """The share of the largest class: what a classifier reaches that always answers the same."""
        return max(self.classes.values()) / self.n_samples

    @property
    def imbalance(self) -> float:
        """The size of the largest class over that of the smallest that has samples."""
        return max(self.classes.values()) / min(n for n in self.classes.values() if n)

    def to_json(self) -> dict[str, Any]:
        """The report as plain data."""
        return {
            "dataset": self.dataset,
            "folder": None if self.folder is None else str(self.folder),
            "modality": self.modality,
            "synthetic": self.synthetic,
            "n_samples": self.n_samples,
            "classes": dict(self.classes),
            "balance": {"largest_share": self.largest_share, "imbalance": self.imbalance},
            "n_groups": len(self.groups),
            "groups": {} if self.singles else dict(self.groups),
            "keys": {name: dict(values) for name, values in self.keys.items()},
            "sample_rates": {str(rate): n for rate, n in self.sample_rates.items()},
            "channels": {str(channels): n for channels, n in self.channels.items()},
            "image_sizes": self.sizes,
            "durations": {"total": float(self.durations.sum()), **_spread(self.durations)}
            if len(self.durations)
            else {},
            "levels_db": _spread(self.levels),
            "duplicates": [list(duplicate.ids) for duplicate in self.duplicates],
            "alike": [{"ids": list(pair.ids), "likeness": round(pair.likeness, 3)} for pair in self.alike],
            "label_conflicts": [list(duplicate.ids) for duplicate in self.conflicts],
            "unreadable": [{"id": name, "reason": reason} for name, reason in self.unreadable.items()],
            "silent": list(self.silent),
            "clipped": list(self.clipped),
            "remarks": list(self.remarks),
            "splits": {name: facts.to_json() for name, facts in self.splits.items()},
        }


def _counts(values: NDArray[np.int64]) -> dict[int, int]:
    found, counts = np.unique(values, return_counts=True)
    return {int(value): int(n) for value, n in zip(found, counts, strict=True)}


def _spread(values: NDArray[np.float64]) -> dict[str, Any]:
    """Mean, quantiles and histogram; empty where there is nothing."""
    if not len(values):
        return {}
    counts, edges = np.histogram(values, bins=_BINS)
    quantiles = {f"q{round(100 * q):02d}": float(np.quantile(values, q)) for q in QUANTILES}
    return {
        "mean": float(values.mean()),
        **quantiles,
        "histogram": {"counts": counts.tolist(), "edges": edges.tolist()},
    }
