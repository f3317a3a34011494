"""Runs of several seeds with their trainings in one pass: the files of single runs, and the same numbers."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from qplug.contract.errors import Interrupted, QplugError
from qplug.lab.config.layers import from_assignments
from qplug.lab.config.resolve import resolve
from qplug.lab.runner import together
from qplug.lab.runner.complete import Cell, complete
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.together import complete_together
from qplug.lab.runner.workplace import Workplace
from qplug.lab.runs.run_record import RunRecord
from qplug_image.digits import Digits

CLOSE = 1e-5


def config(seed: int, *more: str) -> Any:
    chosen = {"dataset": {"name": "digits"}, "backbone": {"name": "identity"}, "seed": seed}
    words = ["head.name=mlp", "reducer.name=pca", "reducer.n_outputs=4", "training.epochs=2", "training.batch_size=128"]
    return resolve([from_assignments([*more]), from_assignments(words), chosen])


def cells(folder: Path, *more: str, seeds: tuple[int, ...] = (0, 1)) -> list[Cell]:
    return [Cell(config(seed, *more), folder / str(seed)) for seed in seeds]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    home = tmp_path_factory.mktemp("home")
    return Workplace(cache=home / "cache", data=home / "data", workers=1, threads=1, figures=False)


def table(path: Path) -> list[dict[str, Any]]:
    with path.open(newline="") as file:
        return [{key: _number(value) for key, value in row.items()} for row in csv.DictReader(file)]


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def check_tables(one: Path, other: Path) -> None:
    for first, second in zip(table(one), table(other), strict=True):
        assert list(first) == list(second)
        for name in first.keys() - {"seconds"}:
            if isinstance(first[name], str):
                assert first[name] == second[name]
            else:
                rough = name.startswith("gradient_norm")
                assert first[name] == pytest.approx(second[name], abs=CLOSE, rel=1e-3 if rough else 0), name


def test_runs_in_one_pass_leave_what_single_runs_leave(
    place: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Path] = []
    inventory = Digits.inventory
    monkeypatch.setattr(Digits, "inventory", lambda self, folder: looked.append(folder) or inventory(self, folder))
    records = complete_together(cells(tmp_path / "together"), place, Silent())
    assert len(looked) == 1
    for cell, record in zip(cells(tmp_path / "alone"), records, strict=True):
        alone = complete(cell, place, Silent())
        assert isinstance(record, RunRecord)
        assert record.configuration == alone.configuration
        assert record.test.accuracy == alone.test.accuracy
        assert record.training.best_epoch == alone.training.best_epoch
        folder = tmp_path / "together" / cell.folder.name
        for name in ("history.csv", "predictions.csv"):
            check_tables(folder / name, cell.folder / name)
        weights, expected = load_file(folder / "model.safetensors"), load_file(cell.folder / "model.safetensors")
        assert weights.keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(weights[name], value, atol=1e-4, rtol=1e-3)
        files = {path.name for path in folder.iterdir()}
        assert files == {path.name for path in cell.folder.iterdir()} - {"checkpoints"}


class Stopping(Silent):
    """Stops at the second epoch of a training."""

    def epoch(self, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        if epoch == 2:
            raise KeyboardInterrupt


def test_what_is_finished_is_kept_when_the_others_are_stopped_and_these_start_again(
    place: Workplace, tmp_path: Path
) -> None:
    first, *others = cells(tmp_path, seeds=(0, 1, 2))
    complete(first, place, Silent())
    before = (first.folder / "record.json").read_bytes()
    with pytest.raises(Interrupted, match="stopped while 2 runs went through one pass"):
        complete_together([first, *others], place, Stopping())
    assert [path.name for path in tmp_path.iterdir()] == ["0"]
    assert (first.folder / "record.json").read_bytes() == before
    records = complete_together([first, *others], place, Silent())
    assert [record.seed for record in records if isinstance(record, RunRecord)] == [0, 1, 2]
    assert (first.folder / "record.json").read_bytes() == before


def test_one_that_fails_says_why_and_the_others_are_finished(
    place: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = together.fit_together

    def unlucky(lanes: Any, **options: Any) -> Any:
        others = fit(lanes, **options)[1:]
        return [QplugError("no luck with seed 0"), *others]

    monkeypatch.setattr(together, "fit_together", unlucky)
    failed, other = complete_together(cells(tmp_path), place, Silent())
    assert "no luck with seed 0" in str(failed)
    assert isinstance(other, RunRecord)
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


@pytest.mark.parametrize(
    "more",
    [
        ("head.dropout=0.3",),
        ("head.name=logistic",),
        ("backbone.name=image-cnn",),
    ],
    ids=["dropout", "fitted", "trained backbone"],
)
def test_what_cannot_go_together_goes_one_by_one_with_the_very_numbers(
    more: tuple[str, ...], place: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "fit_together", lambda *_, **__: pytest.fail("they went together"))
    records = complete_together(cells(tmp_path / "together", *more), place, Silent())
    alone = complete(cells(tmp_path / "alone", *more)[1], place, Silent())
    assert isinstance(records[1], RunRecord)
    assert (records[1].test, records[1].validation) == (alone.test, alone.validation)
