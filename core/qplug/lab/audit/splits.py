"""What each split on offer does with a data set: sizes, and what stands in more than one part."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from qplug.contract.errors import UserError
from qplug.contract.interfaces import Dataset, Part, Sample
from qplug.lab.data.fingerprint import Duplicate, duplicates_across_parts
from qplug.lab.data.splits import PARTS, Split, folds, make_split, split_rules


@dataclass(frozen=True)
class SplitFacts:
    """One split, as a run with seed 0 would use it.

    Attributes:
        name: the split's name.
        description: its rule in words.
        official: whether the data set's authors define it.
        group: what the rule keeps together: ``"group"``, or one of the samples' keys.
        sizes: samples in each part, with the first fold testing where there are folds.
        shared_groups: groups of the kind that the rule names that stand in more than one part, in any fold.
        leak: what the split's own rule says leaks though no group shows it; empty if nothing.
        shared: for each grouping (``"group"`` and the samples' keys), how many of its values stand in more than one
            part, and how many values there are.
        duplicates: how many contents stand in more than one part under different names.
        folds: the sizes for each fold that may test.
        left_out: samples that the protocol puts into no part.
        class_sizes: for each class the samples in each part.
        problem: why the split cannot be made from this data; empty if it can.
    """

    name: str
    description: str
    official: bool
    group: str
    sizes: Mapping[Part, int] = field(default_factory=lambda: dict.fromkeys(PARTS, 0))
    shared_groups: tuple[str, ...] = ()
    leak: str = ""
    shared: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    duplicates: int = 0
    folds: Mapping[int, Mapping[Part, int]] = field(default_factory=dict)
    left_out: int = 0
    class_sizes: Mapping[str, Mapping[Part, int]] = field(default_factory=dict)
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        """The split as plain data."""
        return {
            **{str(part): n for part, n in self.sizes.items()},
            "shared_groups": len(self.shared_groups),
            "shared_group_names": list(self.shared_groups),
            "leak": self.leak,
            "shared": {name: {"shared": several, "of": of} for name, (several, of) in self.shared.items()},
            "duplicates_across_parts": self.duplicates,
            "folds": {str(fold): dict(sizes) for fold, sizes in self.folds.items()},
            "left_out": self.left_out,
            "official": self.official,
            "group": self.group,
            "description": self.description,
            "problem": self.problem,
        }


def counted(n: int, noun: str) -> str:
    """A number of things in words, such as ``"1 group"`` and ``"1,302 groups"``."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def split_facts(dataset: Dataset, samples: Sequence[Sample], found: Iterable[Duplicate]) -> dict[str, SplitFacts]:
    """The facts about every split that a data set offers, by name, in its order.

    Args:
        dataset: offers the splits.
        samples: all its samples.
        found: its duplicates.
    """
    same = list(found)
    return {name: _facts(dataset, samples, same, name) for name in split_rules(dataset)}


def _facts(dataset: Dataset, samples: Sequence[Sample], found: Sequence[Duplicate], name: str) -> SplitFacts:
    rule = split_rules(dataset)[name]
    told = partial(SplitFacts, name=name, description=rule.description, official=rule.official, group=rule.group)
    try:
        numbers: list[int | None] = [*folds(dataset, samples, name)] or [None]
        made = [make_split(dataset, samples, name=name, fold=number, allow_leak=True) for number in numbers]
    except UserError as error:
        return told(problem=str(error))
    first = made[0]
    return told(
        sizes=_sizes(first),
        shared_groups=tuple(sorted({group for split in made for group in split.shared_groups})),
        leak=rule.leak,
        shared=_shared(first),
        duplicates=max(len(duplicates_across_parts(found, split)) for split in made),
        folds={split.fold: _sizes(split) for split in made if split.fold is not None},
        left_out=len(first.left_out),
        class_sizes=_class_sizes(first),
    )


def _sizes(split: Split) -> dict[Part, int]:
    return {part: len(split.parts[part]) for part in PARTS}


def _class_sizes(split: Split) -> dict[str, dict[Part, int]]:
    counts = {label: dict.fromkeys(PARTS, 0) for label in split.classes}
    for part in PARTS:
        for sample in split.parts[part]:
            counts[sample.label][part] += 1
    return counts


def _shared(split: Split) -> dict[str, tuple[int, int]]:
    keys = dict.fromkeys(key for part in PARTS for sample in split.parts[part] for key in sample.keys)
    found = {"group": _crossing(split, lambda sample: sample.group)}
    found |= {key: _crossing(split, lambda sample, key=key: sample.keys.get(key)) for key in keys}  # type: ignore[misc]
    return {name: (len(several), of) for name, (several, of) in found.items()}


def _crossing(split: Split, group: Callable[[Sample], str | None]) -> tuple[list[str], int]:
    """The values that stand in more than one part, and how many values there are."""
    where: dict[str, set[Part]] = defaultdict(set)
    for part in PARTS:
        for sample in split.parts[part]:
            if (value := group(sample)) is not None:
                where[value].add(part)
    return [value for value, parts in where.items() if len(parts) > 1], len(where)
