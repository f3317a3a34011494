"""Whether samples say what a split needs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence

from qplug.contract.interfaces import Sample, SplitRule
from qplug.testing.conformance.check import require


def check_split_rule(rule: SplitRule, samples: Sequence[Sample], *, where: str) -> None:
    """Whether samples say what a split's rule needs, and no group stands in two official parts or folds.

    Args:
        rule: the rule.
        samples: all samples of the data set.
        where: data set and split, for the error.

    Raises:
        AssertionError: with the promise that is broken.
    """
    require(rule.description != "", f"{where}: has no description")
    require(0 < rule.validation < 1, f"{where}: the validation share is {rule.validation}, not in (0, 1)")
    groups = [_group(sample, rule.group, where) for sample in samples]
    if rule.test == "part":
        require({"train", "test"} <= {sample.part for sample in samples}, f"{where}: needs samples in train and test")
        check_disjoint(groups, [sample.part for sample in samples], where)
    if rule.test == "fold":
        folds = sorted({-1 if sample.fold is None else sample.fold for sample in samples})
        known = set(range(1, rule.n_folds + 1))
        require(set(folds) <= known, f"{where}: folds {folds} are not all in 1…{rule.n_folds}")
        check_disjoint(groups, [sample.fold for sample in samples], where)
    if rule.test == "groups":
        n_groups = len(set(groups))
        least = max(rule.n_folds, 3)
        require(n_groups >= least, f"{where}: {n_groups} groups cannot be dealt; at least {least} are needed")


def _group(sample: Sample, key: str, where: str) -> str:
    if key == "group":
        return sample.group
    require(bool(sample.keys.get(key)), f"{where}: groups by {key!r}, which {sample.id!r} does not have in its keys")
    return sample.keys[key]


def check_disjoint(groups: Sequence[str], places: Sequence[Hashable], where: str) -> None:
    """Whether each group stands in one place alone.

    Args:
        groups: of each sample.
        places: of each sample, such as its part or its fold.
        where: data set and split, for the error.

    Raises:
        AssertionError: with the first group that stands in several.
    """
    found: defaultdict[str, set[Hashable]] = defaultdict(set)
    for group, place in zip(groups, places, strict=True):
        found[group].add(place)
    for group, several in found.items():
        require(len(several) == 1, f"{where}: the group {group!r} stands in {sorted(map(str, several))}")
