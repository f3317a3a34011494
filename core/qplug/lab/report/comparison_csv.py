"""Every cell of a comparison as one row of one table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from qplug.lab.comparison.cell_file import CellResult
from qplug.lab.comparison.outcome import ComparisonOutcome
from qplug.lab.measures import METRICS
from qplug.lab.runs.files import csv_bytes

Cells = Mapping[str, Mapping[str, Sequence[CellResult]]]
"""The cells of each arm on each data set."""

_COLUMNS = (
    "dataset", "arm", "role", "seed", "fold", "key", "n_train", "n_validation", "n_test", *METRICS,
    *(f"validation_{name}" for name in METRICS), "n_parameters", "n_quantum_parameters", "seconds", "epochs",
    "best_epoch", "stopped_early", "backend", "split", "split_hash", "stamps",
)  # fmt: skip


def cells_csv(outcome: ComparisonOutcome, cells: Cells) -> bytes:
    """One row per cell, in the order of the data sets, arms, seeds and folds; metrics are those of the test part."""
    rows = list(_rows(outcome, cells))
    if rows:
        return csv_bytes(rows)
    return (",".join(_COLUMNS) + "\n").encode()


def in_order(found: Sequence[CellResult]) -> list[CellResult]:
    """The cells of an arm by seed and fold."""
    return sorted(found, key=lambda cell: (cell.record.seed, _fold(cell)))


def _fold(cell: CellResult) -> int:
    return -1 if cell.record.split.fold is None else cell.record.split.fold


def _rows(outcome: ComparisonOutcome, cells: Cells) -> Iterator[dict[str, Any]]:
    for data in outcome.data_sets:
        found = cells.get(data.dataset, {})
        for arm in data.arms:
            for cell in in_order(found.get(arm.name, ())):
                yield {"dataset": data.dataset, "arm": arm.name, "role": arm.role, **_row(cell)}


def _row(cell: CellResult) -> dict[str, Any]:
    record = cell.record
    training, split = record.training, record.split
    row: dict[str, Any] = {
        "seed": record.seed,
        "fold": split.fold,
        "key": cell.key,
        "n_train": split.sizes.get("train"),
        "n_validation": record.validation.n,
        "n_test": record.test.n,
    }
    row |= {name: getattr(record.test, name) for name in METRICS}
    row |= {f"validation_{name}": getattr(record.validation, name) for name in METRICS}
    return row | {
        "n_parameters": training.parameters.trainable,
        "n_quantum_parameters": training.parameters.quantum,
        "seconds": training.seconds,
        "epochs": training.epochs,
        "best_epoch": training.best_epoch,
        "stopped_early": training.stopped_early,
        "backend": record.backend,
        "split": split.name,
        "split_hash": split.hashes.get("all"),
        "stamps": "; ".join(record.stamps),
    }
