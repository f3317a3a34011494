"""What a run leaves behind says what it is worth."""

from __future__ import annotations

from pathlib import Path

from qplug.lab.config.layers import from_assignments
from qplug.lab.runner.record import stamped
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import run_once
from qplug.lab.runs.directory import RunDirectory


def tables(folder: Path, dataset: str, *more: str) -> list[list[dict[str, str]]]:
    """The rows of each table of a small run."""
    chosen = {"dataset": {"name": dataset}, "backbone": {"name": "identity"}, "head": {"name": "linear"}}
    run = run_once([from_assignments(["training.epochs=1", *more]), chosen], folder, Silent())
    return [RunDirectory.open(Path(run["run"])).read_csv(name) for name in ("predictions.csv", "history.csv")]


def test_the_stamp_of_a_run_stands_last_in_each_row_of_each_table(tmp_path: Path) -> None:
    for rows in tables(tmp_path, "chirps", "dataset.n_samples=100"):
        assert {row["stamps"] for row in rows} == {"SYNTHETIC DATA"}
        assert list(rows[0])[-1] == "stamps"


def test_a_run_without_stamps_has_no_column_for_them(tmp_path: Path) -> None:
    for rows in tables(tmp_path, "digits"):
        assert "stamps" not in rows[0]


def test_several_stamps_stand_in_one_column() -> None:
    assert stamped([{"epoch": 1}], []) == [{"epoch": 1}]
    assert stamped([{"epoch": 1}], ["SYNTHETIC DATA", "LEAKY"]) == [{"epoch": 1, "stamps": "SYNTHETIC DATA; LEAKY"}]
