"""Every fold in turn: their mean, and going on where it was stopped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest

from qplug.contract.errors import Interrupted, UserError
from qplug.lab.config.layers import from_assignments
from qplug.lab.report.page import write_report
from qplug.lab.runner.folds import resume, run_every_fold
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import run_once
from qplug.lab.runs.directory import RunDirectory
from qplug.lab.runs.listing import list_runs

QUICK = ["dataset.n_samples=100", "dataset.n_recordings=10", "training.epochs=2", "split=recording"]


def layers(*more: str) -> list[dict[str, Any]]:
    chosen = {"dataset": {"name": "chirps"}, "backbone": {"name": "identity"}, "head": {"name": "linear"}}
    return [from_assignments([*QUICK, *more]), chosen]


class Impatient(Silent):
    """Presses Ctrl-C in the second epoch of the second run."""

    def __init__(self) -> None:
        self.epochs = 0

    def epoch(self, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        self.epochs += 1
        if self.epochs == 3:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The summary of a set that nobody interrupted."""
    return run_every_fold(layers(), tmp_path_factory.mktemp("whole"), Silent())


def test_the_mean_and_the_spread_over_folds_are_given_and_kept(whole: dict[str, Any]) -> None:
    each = [fold["test"]["cross_entropy"] for fold in whole["folds"]]
    assert sorted(fold["fold"] for fold in whole["folds"]) == [1, 2, 3, 4, 5]
    assert len(set(each)) > 1
    kept = json.loads((Path(whole["set"]) / "metrics.json").read_text())
    for told in (whole, kept):
        assert told["test"]["cross_entropy"] == pytest.approx(fmean(each))
        assert told["test_sd"]["cross_entropy"] == pytest.approx(stdev(each))


def test_each_fold_is_a_run_of_its_own_and_the_set_one_line_more(whole: dict[str, Any]) -> None:
    rows = list_runs(Path(whole["set"]).parent)
    (of_all,) = [row for row in rows if row.fold == "all"]
    assert sorted(row.fold for row in rows if row.fold != "all") == [1, 2, 3, 4, 5]
    assert {row.status for row in rows} == {"finished"}
    assert (of_all.dataset, of_all.head, of_all.seed) == ("chirps", "linear", 0)
    assert of_all.test["accuracy"] == whole["test"]["accuracy"]


def test_a_finished_set_is_reported_over_all_its_test_samples(whole: dict[str, Any]) -> None:
    page = write_report(Path(whole["set"])).read_text(encoding="utf-8")
    right = sum(round(fold["test"]["accuracy"] * fold["n_test"]) for fold in whole["folds"])
    assert f"Confusion matrix over all folds: {right} of {whole['n_test']} right." in page


def test_an_interrupted_set_goes_on_to_the_same_numbers(whole: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(
        Interrupted, match=r"stopped in fold 2; 1 of 5 folds are finished\. Go on with: qplug resume"
    ) as told:
        run_every_fold(layers(), tmp_path, Impatient())
    torn = Path(str(told.value).rsplit(maxsplit=1)[1])
    assert {row.fold: row.status for row in list_runs(tmp_path)} == {
        "all": "interrupted",
        1: "finished",
        2: "interrupted",
    }
    before = {
        path: (path / "record.json").read_bytes() for path in tmp_path.iterdir() if (path / "record.json").exists()
    }

    resumed = resume(torn, Silent())

    assert [fold["test"] for fold in resumed["folds"]] == [fold["test"] for fold in whole["folds"]]
    assert (resumed["test"], resumed["test_sd"]) == (whole["test"], whole["test_sd"])
    assert before
    assert all((path / "record.json").read_bytes() == content for path, content in before.items())
    assert len(list(tmp_path.iterdir())) == 6  # five runs and the set
    with pytest.raises(UserError, match=rf"all folds of {torn} are finished"):
        resume(torn, Silent())


def test_a_set_that_fails_before_its_first_run_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="5000"):
        run_every_fold([{"reducer": {"name": "pca", "n_outputs": 5000}}, *layers()], tmp_path / "runs", Silent())
    assert not list(tmp_path.rglob("*.*"))


def test_a_split_without_folds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="split 'official' of chirps has no folds"):
        run_every_fold(layers("split=official"), tmp_path, Silent())


def test_a_set_is_no_run(whole: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"{Path(whole['set']).name} is a set of folds"):
        RunDirectory.open(Path(whole["set"]))
    single = run_once(layers("fold=2"), tmp_path, Silent())
    assert single["test"] == whole["folds"][1]["test"]
