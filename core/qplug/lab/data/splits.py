"""Splits: which samples train, validate and test, and the guard that keeps a group out of two parts."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from qplug.contract.errors import DataError, LeakError, PluginError, UnknownName, UserError
from qplug.contract.interfaces import Dataset, Part, Sample, SplitRule
from qplug.lab.data.stratified import into_bins

PARTS: tuple[Part, ...] = get_args(Part)
TEST_SHARE = 0.2
"""The share of the samples that tests where neither the samples nor folds say it."""

RANDOM = SplitRule(
    description="Samples drawn at random, stratified by class; no official protocol.", test="random", official=False
)
"""The split ``random``, on offer for every data set."""


@dataclass(frozen=True, eq=False)
class Split:
    """The parts of a data set for one run.

    Attributes:
        name: the split's name among the data set's.
        rule: how it came about.
        fold: the fold that tests; None where the split has no folds.
        seed: the run's seed, which draws what the rule leaves to chance.
        classes: the data set's labels, in the order in which classifiers number them.
        parts: the samples of each part, in the data set's order; no sample is in two.
        shared_groups: the groups that stand in more than one part; empty unless a leak was allowed.
        left_out: samples that the split's protocol puts into no part.
        warnings: what a reader of the result has to know, such as a class that no test sample has.
    """

    name: str
    rule: SplitRule
    fold: int | None
    seed: int
    classes: tuple[str, ...]
    parts: Mapping[Part, tuple[Sample, ...]]
    shared_groups: tuple[str, ...] = ()
    left_out: tuple[Sample, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def leaky(self) -> bool:
        """Whether test is easier than it looks; every table and figure of the run then says so."""
        return bool(self.shared_groups or self.rule.leak)

    @property
    def leak(self) -> str:
        """What leaks, in words; empty if nothing does."""
        if self.shared_groups:
            n = len(self.shared_groups)
            return f"{n} {'group stands' if n == 1 else 'groups stand'} in more than one part"
        return self.rule.leak

    @cached_property
    def hashes(self) -> Mapping[str, str]:
        """SHA-256 (hex) of each part's sorted ids, one id per line, and of these three as ``"all"``."""
        ids = {part: [sample.id for sample in samples] for part, samples in self.parts.items()}
        return MappingProxyType(hashes_of_parts(ids))

    def indices(self, samples: Sequence[Sample], part: Part) -> NDArray[np.int64]:
        """Where the samples of a part stand in ``samples`` (such as ``Features.kept``), ascending."""
        ids = {sample.id for sample in self.parts[part]}
        return np.asarray([i for i, sample in enumerate(samples) if sample.id in ids], dtype=np.int64)

    def labels(self, samples: Sequence[Sample]) -> NDArray[np.int64]:
        """The class numbers (sample,) of ``samples``, in [0, n_classes)."""
        return class_numbers(samples, self.classes)

    def training(self, values: NDArray[np.float32], samples: Sequence[Sample]) -> TrainingFeatures:
        """The rows of ``values`` that may be fitted on; ``values[i]`` belongs to ``samples[i]``."""
        return TrainingFeatures(self, values, samples)

    def keep(self, samples: Iterable[Sample]) -> Split:
        """The same split of fewer samples, after damaged files were skipped.

        Raises:
            DataError: a part has no sample left.
        """
        ids = {sample.id for sample in samples}
        parts = {part: tuple(s for s in self.parts[part] if s.id in ids) for part in PARTS}
        _refuse_empty_parts(parts, self.name)
        warnings = tuple(_missing_classes(parts, self.classes, self.name))
        shared = tuple(_shared_groups(parts, self.rule)) if self.leaky else ()
        return replace(self, parts=MappingProxyType(parts), shared_groups=shared, warnings=warnings)

    def to_json(self) -> dict[str, Any]:
        """The content of ``split.json``."""
        return {
            "name": self.name,
            "description": self.rule.description,
            "official": self.rule.official,
            "fold": self.fold,
            "seed": self.seed,
            "group": self.rule.group,
            "leaky": self.leaky,
            "leak": self.leak,
            "shared_groups": list(self.shared_groups),
            "sizes": {part: len(self.parts[part]) for part in PARTS},
            "hashes": dict(self.hashes),
            "left_out": [sample.id for sample in self.left_out],
            "warnings": list(self.warnings),
            "parts": {part: [sample.id for sample in self.parts[part]] for part in PARTS},
        }


class TrainingFeatures:
    """The training rows of an array of features or embeddings: all that anything fitted ever sees.

    It is made from a split and picks the training rows itself, so nothing that takes one can be given test data.

    Args:
        split: decides which rows train.
        values: (sample, *shape), float32, may be memory-mapped.
        samples: the sample of each row.
    """

    def __init__(self, split: Split, values: NDArray[np.float32], samples: Sequence[Sample]) -> None:
        if len(values) != len(samples):
            raise ValueError(f"{len(values)} rows were given for {len(samples)} samples.")
        self._values = values
        self._indices = split.indices(samples, "train")
        if not len(self._indices):
            raise DataError(f"split {split.name!r} has no training sample among the {len(samples)} that are left.")
        self.labels: NDArray[np.int64] = split.labels([samples[i] for i in self._indices])
        self.n_classes = len(split.classes)

    def __len__(self) -> int:
        return len(self._indices)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one row."""
        return tuple(self._values.shape[1:])

    def chunks(self, n_rows: int) -> Iterator[NDArray[np.float32]]:
        """The training rows in the samples' order, ``n_rows`` at a time; one chunk in memory."""
        for start in range(0, len(self._indices), n_rows):
            yield np.asarray(self._values[self._indices[start : start + n_rows]])


def class_numbers(samples: Sequence[Sample], classes: Sequence[str]) -> NDArray[np.int64]:
    """The position of each sample's label among ``classes``, (sample,)."""
    number = {label: i for i, label in enumerate(classes)}
    return np.asarray([number[sample.label] for sample in samples], dtype=np.int64)


def hashes_of_parts(ids: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """SHA-256 (hex) of the sorted ids of each part, one id per line, and of these three as ``"all"``."""
    parts: dict[str, str] = {part: _sha256(sorted(ids[part])) for part in PARTS}
    return {**parts, "all": _sha256([f"{part} {parts[part]}" for part in PARTS])}


def split_rules(dataset: Dataset) -> dict[str, SplitRule]:
    """All splits on offer by name, the default first; ``random`` is always among them."""
    return {**dataset.splits, **({} if "random" in dataset.splits else {"random": RANDOM})}


def split_rule(dataset: Dataset, name: str | None = None) -> tuple[str, SplitRule]:
    """Name and rule of one split; the default split for None.

    Raises:
        UnknownName: there is no split of that name.
    """
    rules = split_rules(dataset)
    chosen = next(iter(rules)) if name is None else name
    if chosen not in rules:
        raise UnknownName.of("split", chosen, rules)
    return chosen, rules[chosen]


def folds(dataset: Dataset, samples: Iterable[Sample], name: str | None = None) -> list[int]:
    """The numbers that ``--fold`` may name, ascending; empty if the split has no folds.

    Raises:
        UnknownName: there is no split of that name.
    """
    return _folds(split_rule(dataset, name)[1], samples)


def make_split(
    dataset: Dataset,
    samples: Sequence[Sample],
    *,
    name: str | None = None,
    fold: int | None = None,
    seed: int = 0,
    allow_leak: bool = False,
) -> Split:
    """The parts of ``samples`` after one of the data set's rules.

    The parts depend on the samples as a set, not on their order. Folds that are dealt from groups depend on the rule
    alone, so they are the same for every seed; the seed draws validation, and the test part where there are no folds.

    Args:
        dataset: offers the splits.
        samples: all its samples.
        name: the split; None: the data set's default.
        fold: the fold that tests; None: the first, where the split has folds.
        seed: non-negative.
        allow_leak: go on where a group stands in two parts, and say so in ``Split.leaky``.

    Raises:
        UnknownName: there is no such split or fold.
        UserError: a fold is asked of a split that has none.
        LeakError: a group stands in two parts, or the rule says that it leaks.
        DataError: a part is empty, or a class has no training sample.
        PluginError: a sample lacks the key that the rule names as group.
    """
    chosen, rule = split_rule(dataset, name)
    group = _group_of(rule)
    number = _fold_number(chosen, rule, samples, fold, dataset)
    assigned = _assign(rule, samples, number, seed, group)
    parts: dict[Part, tuple[Sample, ...]] = {
        part: tuple(sample for sample in samples if assigned.get(sample.id) == part) for part in PARTS
    }
    _refuse_empty_parts(parts, chosen)
    shared = tuple(_shared_groups(parts, rule))
    if (shared or rule.leak) and not allow_leak:
        raise _leak(chosen, rule, shared)
    return Split(
        name=chosen,
        rule=rule,
        fold=number,
        seed=seed,
        classes=tuple(dataset.classes),
        parts=MappingProxyType(parts),
        shared_groups=shared,
        left_out=tuple(sample for sample in samples if sample.id not in assigned),
        warnings=tuple(_missing_classes(parts, dataset.classes, chosen)),
    )


def _folds(rule: SplitRule, samples: Iterable[Sample]) -> list[int]:
    if rule.test == "fold":
        return sorted({sample.fold for sample in samples if sample.fold is not None})
    return list(range(1, rule.n_folds + 1)) if rule.test != "part" else []


def _fold_number(
    name: str, rule: SplitRule, samples: Sequence[Sample], fold: int | None, dataset: Dataset
) -> int | None:
    there = _folds(rule, samples)
    if fold is None:
        return there[0] if there else None
    if not there:
        others = [other for other, its in split_rules(dataset).items() if _folds(its, samples)]
        advice = f"Splits with folds: {', '.join(others)}." if others else "This data set has no split with folds."
        raise UserError(f"split {name!r} has no folds, so fold {fold} cannot be chosen. Leave --fold away. {advice}")
    if fold not in there:
        known = ", ".join(map(str, there))
        raise UnknownName(f"split {name!r} has no fold {fold}. Its folds: {known}; or all of them: --fold all")
    return fold


def _group_of(rule: SplitRule) -> Callable[[Sample], str]:
    if rule.group == "group":
        return lambda sample: sample.group

    def key(sample: Sample) -> str:
        if rule.group not in sample.keys:
            raise PluginError(
                f"a split keeps {rule.group!r} together, but sample {sample.id!r} has no such key; "
                f"it has {', '.join(sample.keys) or 'none'}."
            )
        return sample.keys[rule.group]

    return key


def _assign(
    rule: SplitRule, samples: Sequence[Sample], fold: int | None, seed: int, group: Callable[[Sample], str]
) -> dict[str, Part]:
    """The part of each sample by id; samples that the protocol leaves out are missing."""
    assigned = _assign_test(rule, samples, fold, seed, group)
    if "validation" in assigned.values():
        return assigned
    rest = [sample for sample in samples if assigned.get(sample.id) == "train"]
    if len(rest) > 1:
        shares = [1 - rule.validation, rule.validation]
        bins = into_bins(rest, shares, group=group, rng=_generator("validation", seed))
        assigned.update({id_: "validation" for id_, bin_ in bins.items() if bin_ == 1})
    return assigned


def _assign_test(
    rule: SplitRule, samples: Sequence[Sample], fold: int | None, seed: int, group: Callable[[Sample], str]
) -> dict[str, Part]:
    if rule.test == "part":
        return {sample.id: sample.part for sample in samples if sample.part is not None}
    if rule.test == "fold":
        return {s.id: "test" if s.fold == fold else "train" for s in samples if s.fold is not None}
    together = group if rule.test == "groups" else (lambda sample: sample.id)
    if fold is None:
        bins = into_bins(samples, [1 - TEST_SHARE, TEST_SHARE], group=together, rng=_generator("test", seed))
        return {id_: "test" if bin_ == 1 else "train" for id_, bin_ in bins.items()}
    # Drawn by the rule alone: folds that moved with the seed could not be compared with one another.
    rng = _generator(f"folds {rule.test} {rule.group}", rule.n_folds)
    bins = into_bins(samples, [1.0] * rule.n_folds, group=together, rng=rng)
    return {id_: "test" if bin_ + 1 == fold else "train" for id_, bin_ in bins.items()}


def _generator(purpose: str, seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, *hashlib.sha256(purpose.encode()).digest()[:8]])


def _shared_groups(parts: Mapping[Part, Sequence[Sample]], rule: SplitRule) -> list[str]:
    group = _group_of(rule)
    where: dict[str, set[Part]] = defaultdict(set)
    for part, samples in parts.items():
        for sample in samples:
            where[group(sample)].add(part)
    return sorted(name for name, its in where.items() if len(its) > 1)


def _leak(name: str, rule: SplitRule, shared: Sequence[str]) -> LeakError:
    some = ", ".join(shared[:5]) + (", …" if len(shared) > 5 else "")
    what = "group" if rule.group == "group" else rule.group
    said = f"puts {len(shared)} of the {what}s into more than one part ({some})" if shared else f"leaks: {rule.leak}"
    return LeakError(
        f"split {name!r} {said}, so the test would be easier than it looks. "
        "Choose a split that keeps them apart (--split), or go on and have the result stamped LEAKY: --allow-leak"
    )


def _refuse_empty_parts(parts: Mapping[Part, Sequence[Sample]], name: str) -> None:
    empty = [part for part in PARTS if not parts[part]]
    if empty:
        sizes = ", ".join(f"{part} {len(parts[part])}" for part in PARTS)
        raise DataError(
            f"split {name!r} leaves no sample for {' and '.join(empty)} ({sizes}). "
            "There are too few samples or groups for it: add data, or choose another split."
        )


def _missing_classes(parts: Mapping[Part, Sequence[Sample]], classes: Sequence[str], name: str) -> list[str]:
    """A warning for each class that validation or test lacks.

    Raises:
        DataError: a class has no training sample.
    """
    warnings = []
    for part in PARTS:
        present = {sample.label for sample in parts[part]}
        missing = [label for label in classes if label not in present]
        if missing and part == "train":
            raise DataError(
                f"split {name!r} has no training sample of {', '.join(missing)}, so no classifier can learn it. "
                "Add data, or choose fewer classes or another split."
            )
        if missing:
            warnings.append(f"split {name!r} has no {part} sample of {', '.join(missing)}")
    return warnings


def _sha256(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
