"""Cells that would take minutes one by one go to processes of their own, unless somebody said how many at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast, final

import pytest

from qplug.contract.interfaces import Cell, Done, Executor, ExecutorCapabilities, attempt
from qplug.lab.comparison import compare as lab
from qplug.lab.comparison import computing, needs, spreading
from qplug.lab.comparison.cell_file import read_cell
from qplug.lab.comparison.computing import Computing, compute
from qplug.lab.comparison.plan_file import PlannedCell, read_plan
from qplug.lab.comparison.request import Request
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.workplace import Workplace

PLACE = replace(Workplace.from_environment(), figures=False)
TRAINED = ("backbone.channels=2,2,2", "backbone.n_features=4")


@final
class Noted(Executor):
    """Carries out cells here, and notes that it was asked to."""

    summary = "here"
    source = "the test"
    capabilities = ExecutorCapabilities(interface=1, machines="one")

    def __init__(self) -> None:
        self.keys: list[str] = []

    def run(self, work: str, cells: Iterable[Cell]) -> Iterator[Done]:
        for cell in cells:
            self.keys.append(cell.key)
            yield attempt(work, cell.key, cell.spec, "here")


class Notes(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def begun(folder: Path, *, assignments: tuple[str, ...] = TRAINED, **more: Any) -> Computing:
    asked = Request(
        datasets=("digits",), heads=("linear",), seeds=(0, 1, 2, 3), epochs=1, baselines=False, transpile=False,
        assignments=assignments, **more,
    )  # fmt: skip
    folder = lab.begin(asked, folder, PLACE, Silent())
    return Computing(folder, read_plan(folder), PLACE)


def spread(monkeypatch: pytest.MonkeyPatch, *, long: float = 0.0, room: int = 2) -> Noted:
    """Who carries out the cells that do not stay here, where more than these seconds are long."""
    executor = Noted()
    monkeypatch.setattr(computing, "LONG", long)
    monkeypatch.setattr(computing, "at_once", lambda left: min(room, len(left)))
    monkeypatch.setattr(computing, "executor_of", lambda name, jobs, per_gpu, place: executor)
    return executor


def test_the_rest_goes_to_processes_and_the_numbers_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = begun(tmp_path / "alone")
    others = spread(monkeypatch)
    compute(alone, alone.plan.cells, Silent())
    assert others.keys == []  # nobody said that it may
    work = replace(begun(tmp_path / "spread"), may_spread=True)
    told = Notes()
    compute(work, work.plan.cells, told)
    assert others.keys == [cell.key for cell in work.plan.cells[2:]]
    assert sum("2 cells are left: from here on 2 at once" in note for note in told.notes) == 1
    for one, other in zip(alone.plan.cells, work.plan.cells, strict=True):
        here, there = read_cell(alone.folder, one.key), read_cell(work.folder, other.key)
        assert here is not None
        assert there is not None
        assert here.digest() == there.digest()


@pytest.mark.parametrize("kept", [{"long": 3600.0}, {"room": 1}])
def test_all_stay_here_where_it_is_short_or_there_is_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: dict[str, Any]
) -> None:
    work = replace(begun(tmp_path), may_spread=True)
    others = spread(monkeypatch, **kept)
    compute(work, work.plan.cells, Silent())
    assert others.keys == []


def test_seeds_that_train_in_one_pass_stay_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = replace(begun(tmp_path, assignments=(), backbone="identity"), may_spread=True)
    assert work.plan.cells[0].arm.together
    others = spread(monkeypatch)
    compute(work, work.plan.cells, Silent())
    assert others.keys == []


def test_there_is_room_for_as_many_as_cores_cells_and_memory_allow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = begun(tmp_path).plan.cells
    monkeypatch.setattr(needs, "usable_cores", lambda: 3)
    monkeypatch.setattr(spreading, "_fitting", lambda most: most)
    assert [spreading.at_once(cells[:n]) for n in (0, 1, 2, 4)] == [1, 1, 2, 3]
    two_threads = [replace_settings(cell, threads=2) for cell in cells]
    assert spreading.at_once(two_threads) == 1
    monkeypatch.setattr(spreading, "_fitting", lambda most: 0)
    assert spreading.at_once(cells) == 1


def replace_settings(cell: PlannedCell, **settings: Any) -> PlannedCell:
    arm = cell.arm.model_copy(update={"settings": {**cell.arm.settings, **settings}})
    return cast(PlannedCell, replace(cell, arm=arm))
