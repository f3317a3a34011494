"""The answers of one arm's cells, put in order: seeds by test parts, each sample in the same place for every seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from qplug.contract.errors import DataError

Strings: TypeAlias = NDArray[np.str_]
Classes: TypeAlias = NDArray[np.int64]
Place: TypeAlias = tuple[int, int | None]


@dataclass(frozen=True)
class CellAnswers:
    """What one cell answered on its test part.

    Attributes:
        seed: the cell's seed.
        fold: its fold; None where the data set has one test part.
        n_train: samples that it was trained on.
        ids: (n,) of the test part's samples, each once.
        groups: (n,) what belongs together, such as a speaker; a sample's own id where there is nothing.
        labels: (n,) true classes.
        predicted: (n,) answers.
    """

    seed: int
    fold: int | None
    n_train: int
    ids: Strings
    groups: Strings
    labels: Classes
    predicted: Classes


@dataclass(frozen=True)
class Part:
    """One test part as every seed answered it.

    Attributes:
        ids: (n,).
        groups: (n,).
        labels: (n,).
        predicted: (n_seeds, n).
        n_train: samples trained on, mean over the seeds.
    """

    ids: Strings
    groups: Strings
    labels: Classes
    predicted: Classes
    n_train: float


@dataclass(frozen=True)
class Arm:
    """An arm's cells in order.

    Attributes:
        places: (seed, fold) of each cell.
        seeds: all of them, in order.
        parts: one for each fold with a row for each seed; where the seed draws the test part, one for each cell.
        redrawn: whether the seed draws the test part.
    """

    places: frozenset[Place]
    seeds: tuple[int, ...]
    parts: tuple[Part, ...]
    redrawn: bool


def in_order(cells: Sequence[CellAnswers], n_classes: int) -> Arm:
    """Cells by seed and fold.

    Raises:
        DataError: there are none, one is there twice, one is missing, or its arrays do not fit.
    """
    if not cells:
        raise DataError("An arm without a finished cell cannot be compared.")
    by_place: dict[Place, CellAnswers] = {}
    for cell in cells:
        if (cell.seed, cell.fold) in by_place:
            raise DataError(f"The cell of {_written(cell.seed, cell.fold)} is there twice.")
        _check(cell, n_classes)
        by_place[cell.seed, cell.fold] = cell
    seeds = tuple(sorted({cell.seed for cell in cells}))
    folds = sorted({cell.fold for cell in cells}, key=lambda fold: (fold is not None, fold or 0))
    missing = [(seed, fold) for fold in folds for seed in seeds if (seed, fold) not in by_place]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(seeds) * len(folds)} cells are missing ({_written(*missing[0])}): "
            "every seed has to be there for every fold. Compute them with: qplug resume"
        )
    by_fold = [[by_place[seed, fold] for seed in seeds] for fold in folds]
    redrawn = any(not _same_part(cell, row[0]) for row in by_fold for cell in row[1:])
    rows = [[cell] for row in by_fold for cell in row] if redrawn else by_fold
    return Arm(frozenset(by_place), seeds, tuple(_part(row, row[0]) for row in rows), redrawn)


def in_the_order_of(arm: Arm, other: Arm) -> Arm:
    """The second arm with its samples in the places that the first one's have.

    Raises:
        DataError: they have not the same seeds and folds, or not the same test parts.
    """
    if arm.places != other.places:
        seed, fold = min(arm.places ^ other.places, key=str)
        raise DataError(
            f"Two arms cannot be paired: only one of them has a cell of {_written(seed, fold)} "
            f"({len(arm.places)} cells against {len(other.places)}). Compute what is missing with: qplug resume"
        )
    if arm.redrawn != other.redrawn:
        raise DataError("Two arms cannot be paired: their test parts differ.")
    return Arm(other.places, other.seeds, tuple(map(_paired, arm.parts, other.parts)), other.redrawn)


def _paired(part: Part, other: Part) -> Part:
    order = _order(other.ids, part.ids)
    if order is None or not np.array_equal(other.labels[order], part.labels):
        raise DataError(
            f"Two arms cannot be paired: their test parts of {len(part.ids)} and {len(other.ids)} samples differ."
        )
    return Part(part.ids, part.groups, part.labels, other.predicted[:, order], other.n_train)


def _part(row: Sequence[CellAnswers], first: CellAnswers) -> Part:
    predicted = np.stack([cell.predicted[_found(cell, first)] for cell in row])
    return Part(first.ids, first.groups, first.labels, predicted, float(np.mean([cell.n_train for cell in row])))


def _found(cell: CellAnswers, first: CellAnswers) -> Classes:
    order = _order(cell.ids, first.ids)
    assert order is not None  # else each cell would be a part of its own
    if not np.array_equal(cell.labels[order], first.labels) or not np.array_equal(cell.groups[order], first.groups):
        where = _written(cell.seed, cell.fold)
        raise DataError(f"The cell of {where} has other labels or groups than that of seed {first.seed}.")
    return order


def _same_part(cell: CellAnswers, other: CellAnswers) -> bool:
    return _order(cell.ids, other.ids) is not None


def _order(ids: Strings, wanted: Strings) -> Classes | None:
    """Where the wanted ones are; None if these are not the same ones."""
    if np.array_equal(ids, wanted):
        return np.arange(len(ids), dtype=np.int64)
    if len(ids) != len(wanted):
        return None
    found, goal = np.argsort(ids), np.argsort(wanted)
    if not np.array_equal(ids[found], wanted[goal]):
        return None
    order = np.empty(len(ids), np.int64)
    order[goal] = found
    return order


def _check(cell: CellAnswers, n_classes: int) -> None:
    n, where = len(cell.ids), _written(cell.seed, cell.fold)
    lengths = {len(cell.ids), len(cell.groups), len(cell.labels), len(cell.predicted)}
    if lengths != {n} or not n:
        raise DataError(f"The cell of {where} has arrays of {sorted(lengths)} samples; one length above 0 is needed.")
    for name, values in (("labels", cell.labels), ("answers", cell.predicted)):
        if values.min() < 0 or values.max() >= n_classes:
            raise DataError(f"The cell of {where} has {name} outside the {n_classes} classes: {values.max()}.")
    if len(np.unique(cell.ids)) != n:
        raise DataError(f"The cell of {where} has a sample twice.")


def _written(seed: int, fold: int | None) -> str:
    return f"seed {seed}" if fold is None else f"seed {seed}, fold {fold}"
