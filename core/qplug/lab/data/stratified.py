"""Dealing samples into bins: stratified by class, whole groups together, the same for the same seed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from qplug.contract.interfaces import Sample


def into_bins(
    samples: Sequence[Sample],
    shares: Sequence[float],
    *,
    group: Callable[[Sample], str],
    rng: np.random.Generator,
) -> dict[str, int]:
    """The bin of each sample, by id.

    The result depends on the samples as a set, on ``shares`` and on the generator, not on the samples' order. Each
    class is spread over the bins in proportion to ``shares``, as well as whole groups allow.

    Args:
        samples: what is dealt.
        shares: the size that each bin is to have, relative to the others; positive.
        group: samples with the same value stay together.
        rng: decides among equally good ways.
    """
    members: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        members[group(sample)].append(sample)
    names = sorted(members)
    weights = np.asarray(shares, dtype=np.float64) / sum(shares)
    if all(len(members[name]) == 1 for name in names):
        bins = _singles_to_bins([members[name][0].label for name in names], weights, rng)
    else:
        bins = _groups_to_bins(_class_counts([members[name] for name in names]), weights, rng)
    return {sample.id: int(bins[i]) for i, name in enumerate(names) for sample in members[name]}


def _class_counts(groups: Sequence[Sequence[Sample]]) -> NDArray[np.float64]:
    """How many samples of each class each group holds, (group, class)."""
    labels = sorted({sample.label for group in groups for sample in group})
    column = {label: i for i, label in enumerate(labels)}
    counts = np.zeros((len(groups), len(labels)))
    for row, group in enumerate(groups):
        for sample in group:
            counts[row, column[sample.label]] += 1
    return counts


def _singles_to_bins(labels: Sequence[str], weights: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.intp]:
    """Bins of samples that each form their own group: exact shares, class by class."""
    bins = np.empty(len(labels), dtype=np.intp)
    array = np.asarray(labels)
    filled = np.zeros(len(weights))
    for label in sorted(set(labels)):
        of_class = np.flatnonzero(array == label)
        filled_here = _whole_numbers(len(of_class), weights, filled)
        filled += filled_here
        bins[rng.permutation(of_class)] = np.repeat(np.arange(len(weights)), filled_here)
    return bins


def _whole_numbers(n: int, weights: NDArray[np.float64], filled: NDArray[np.float64]) -> NDArray[np.intp]:
    """``n`` divided in proportion to ``weights``; remainders go to the bins that are furthest behind so far."""
    exact = n * weights
    counts = np.floor(exact).astype(np.intp)
    behind = (filled.sum() + n) * weights - filled - counts
    for i in np.argsort(-behind, kind="stable")[: n - int(counts.sum())]:
        counts[i] += 1
    # A bin left without the class takes one from the fullest, while there are samples enough for every bin.
    while n >= len(weights) and (counts == 0).any():
        counts[int(np.argmin(counts))] += 1
        counts[int(np.argmax(counts))] -= 1
    return counts


def _groups_to_bins(
    counts: NDArray[np.float64], weights: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.intp]:
    """Bins of whole groups: the largest first, each to where it disturbs the proportions of the classes least."""
    order = rng.permutation(len(counts))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    totals = counts.sum(axis=0)
    held = np.zeros((len(weights), counts.shape[1]))
    bins = np.empty(len(counts), dtype=np.intp)
    for row in order:
        group = counts[row]
        # The growth of Σ held² / (share · total), which is least where bins are filled in proportion.
        growth = ((2 * held + group) * group / totals).sum(axis=1) / weights
        bins[row] = int(np.argmin(growth))
        held[bins[row]] += group
    _bring_missing_classes(counts, bins, held)
    return bins


def _bring_missing_classes(counts: NDArray[np.float64], bins: NDArray[np.intp], held: NDArray[np.float64]) -> None:
    """Moves small groups into bins that lack a class, where no other bin loses a class by it."""
    for target, label in zip(*np.nonzero(held == 0), strict=True):
        if held[target, label] > 0:
            continue
        candidates = np.flatnonzero((counts[:, label] > 0) & (bins != target))
        keeps = [row for row in candidates if not ((held[bins[row]] - counts[row] <= 0) & (counts[row] > 0)).any()]
        if keeps:
            row = min(keeps, key=lambda row: float(counts[row].sum()))
            held[bins[row]] -= counts[row]
            held[target] += counts[row]
            bins[row] = target
