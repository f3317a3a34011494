"""What it takes to repeat a comparison: splits, versions and the key of every cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from qplug.lab.comparison.cell_file import CellResult
from qplug.lab.comparison.outcome import ComparisonOutcome
from qplug.lab.report.comparison_csv import Cells, in_order
from qplug.lab.report.comparison_tables import Grid
from qplug.lab.report.comparison_words import NONE
from qplug.lab.runs.run_record import Environment


def splits(outcome: ComparisonOutcome, cells: Cells) -> Grid:
    """Each division of the samples that a cell was judged on, with the SHA-256 of its ids."""
    rows: dict[tuple[str, ...], None] = {}
    for data in outcome.data_sets:
        for cell in _all(cells, data.dataset):
            split = cell.record.split
            fold = NONE if split.fold is None else str(split.fold)
            sizes = [f"{split.sizes[part]:,}" if part in split.sizes else NONE for part in ("train", "test")]
            rows[data.dataset, split.name, fold, split.hashes.get("all", NONE), *sizes] = None
    return Grid(
        ("data set", "split", "fold", "SHA-256 of its ids", "train", "test"), tuple(sorted(rows, key=_by_fold)), 4
    )


def _by_fold(row: tuple[str, ...]) -> tuple[str, str, int, str]:
    return row[0], row[1], int(row[2]) if row[2].isdigit() else -1, row[3]


def versions(outcome: ComparisonOutcome, cells: Cells) -> list[tuple[str, str]]:
    """What the cells were computed with; where they differ, all of it."""
    environments = [cell.record.environment for data in outcome.data_sets for cell in _all(cells, data.dataset)]
    rows = [
        ("qplug", _either(each.qplug for each in environments)),
        ("python", _either(each.python for each in environments)),
        ("packages", _either(_packages(environments))),
        ("platform", _either(each.platform for each in environments)),
        ("processor", _either(each.cpu for each in environments)),
        ("GPUs", _either(name for each in environments if each.torch for name in each.torch.devices)),
        ("commit", _either(each.git.commit for each in environments if each.git)),
    ]
    return [(name, value) for name, value in rows if value]


def code(outcome: ComparisonOutcome, cells: Cells) -> Grid:
    """The components' code, by the SHA-256 of its files."""
    rows: dict[tuple[str, ...], None] = {}
    for data in outcome.data_sets:
        for cell in _all(cells, data.dataset):
            for part in cell.record.environment.code.values():
                rows[part.kind, part.name, f"{part.package} {part.version}", part.sha256] = None
    return Grid(("kind", "component", "package", "SHA-256 of its code"), tuple(sorted(rows)), 4)


def keys(outcome: ComparisonOutcome, cells: Cells) -> Grid:
    """The address of every cell: its files are ``cells/<first two>/<key>.json`` and ``.npz``."""
    rows = tuple(
        (data.dataset, arm.name, str(cell.record.seed), _fold(cell), cell.key)
        for data in outcome.data_sets
        for arm in data.arms
        for cell in in_order(cells.get(data.dataset, {}).get(arm.name, ()))
    )
    return Grid(("data set", "arm", "seed", "fold", "key"), rows, 5)


def _fold(cell: CellResult) -> str:
    fold = cell.record.split.fold
    return NONE if fold is None else str(fold)


def _all(cells: Cells, dataset: str) -> Sequence[CellResult]:
    return [cell for found in cells.get(dataset, {}).values() for cell in found]


def _packages(environments: Iterable[Environment]) -> Iterable[str]:
    pairs = {(name, version) for each in environments for name, version in each.packages.items()}
    return (f"{name} {version}" for name, version in sorted(pairs))


def _either(values: Iterable[str | None]) -> str:
    return ", ".join(dict.fromkeys(value for value in values if value))
