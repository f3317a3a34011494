"""Sets of runs: heads, seeds and folds in one folder, their mean, and going on where one was stopped."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest

from qplug.contract.errors import ConfigError, DataError, Interrupted, UserError
from qplug.contract.interfaces import Needs
from qplug.lab.capsule.replay import replay
from qplug.lab.comparison.cell_work import Spec, carry_out, cell_of
from qplug.lab.comparison.grid import Arm, Grid, seeds_of
from qplug.lab.comparison.sets import resume, run_set
from qplug.lab.config.layers import from_assignments
from qplug.lab.report.page import write_report, write_reports_of_runs
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import run_once
from qplug.lab.runner.workplace import Workplace
from qplug.lab.runs.directory import RunDirectory
from qplug.lab.runs.listing import list_runs
from qplug.lab.runs.set_record import read_set
from qplug_image.digits import Digits
from qplug_models.heads import LinearHead

from .places import pictures

PLACE = replace(Workplace.from_environment(), figures=False)
QUICK = ["dataset.n_samples=100", "dataset.n_recordings=10", "training.epochs=2", "split=recording"]


def layers(*more: str) -> list[dict[str, Any]]:
    chosen = {"dataset": {"name": "chirps"}, "backbone": {"name": "identity"}, "head": {"name": "linear"}}
    return [from_assignments([*QUICK, *more]), chosen]


def digits(*more: str, head: str = "linear") -> Arm:
    chosen = {"dataset": {"name": "digits"}, "backbone": {"name": "identity"}, "head": {"name": head}}
    return Arm(head, [from_assignments(["training.epochs=2", *more]), chosen])


def every_fold(*more: str) -> Grid:
    return Grid([Arm("", layers(*more))], every_fold=True)


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
    return run_set(every_fold(), tmp_path_factory.mktemp("whole"), Silent(), workplace=PLACE)


def test_the_mean_and_the_spread_over_folds_are_given_and_kept(whole: dict[str, Any]) -> None:
    each = [fold["test"]["cross_entropy"] for fold in whole["folds"]]
    assert sorted(fold["fold"] for fold in whole["folds"]) == [1, 2, 3, 4, 5]
    assert len(set(each)) > 1
    kept = json.loads((Path(whole["set"]) / "summary.json").read_text())
    for told in (whole, kept):
        assert told["test"]["cross_entropy"] == pytest.approx(fmean(each))
        assert told["test_sd"]["cross_entropy"] == pytest.approx(stdev(each))


def test_a_set_is_one_line_and_each_of_its_runs_a_run_like_any_other(whole: dict[str, Any]) -> None:
    (of_all,) = list_runs(Path(whole["set"]).parent)
    assert (of_all.dataset, of_all.head, of_all.seed, of_all.fold) == ("chirps", "linear", 0, "all")
    assert (of_all.status, of_all.n_runs) == ("finished", 5)
    assert of_all.test["accuracy"] == whole["test"]["accuracy"]
    rows = list_runs(Path(whole["set"]) / "cells")
    assert sorted(row.fold for row in rows) == [1, 2, 3, 4, 5]
    assert {row.status for row in rows} == {"finished"}


def test_every_number_of_a_set_holds_when_it_is_derived_again(whole: dict[str, Any], grid: dict[str, Any]) -> None:
    for made in (whole, grid):
        found = replay(Path(made["set"]))
        assert found.faults == []
        assert {"arms.0.test_sd.accuracy", "key", "training.best_epoch"} <= {check.number for check in found.checks}


def test_a_finished_set_is_reported_over_all_its_test_samples(whole: dict[str, Any]) -> None:
    page = write_report(Path(whole["set"])).read_text(encoding="utf-8")
    right = sum(round(fold["test"]["accuracy"] * fold["n_test"]) for fold in whole["folds"])
    assert f"Confusion matrix over all folds: {right} of {whole['n_test']} right." in page
    assert 'id="curves"' in page


def test_the_pages_of_a_set_and_its_runs_lead_to_one_another(whole: dict[str, Any], tmp_path: Path) -> None:
    path = Path(shutil.copytree(whole["set"], tmp_path / "taken along"))
    assert '<a href="cells/' not in write_report(path).read_text(encoding="utf-8")
    written = write_reports_of_runs(path)
    assert len(written) == 5
    page = write_report(path).read_text(encoding="utf-8")
    for file in written:
        assert f'<a href="{file.relative_to(path)}">' in page
        assert '<a href="../../report.html">taken along</a>' in file.read_text(encoding="utf-8")
    with pytest.raises(UserError, match=f"{written[0].parent} has no runs in its folder.*Leave --runs out"):
        write_reports_of_runs(written[0].parent)


def test_an_interrupted_set_goes_on_to_the_same_numbers(whole: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(Interrupted, match=r"stopped; 1 of 5 runs are finished\. Go on with: qplug resume") as told:
        run_set(every_fold(), tmp_path, Impatient(), workplace=PLACE)
    torn = Path(str(told.value).rsplit(maxsplit=1)[1])
    (listed,) = list_runs(tmp_path)
    assert (listed.status, listed.ended) == ("interrupted", "interrupted: 1 of 5 runs finished")
    cells = {row.fold: row.status for row in list_runs(torn / "cells")}
    assert cells == {1: "finished", 2: "interrupted"}
    before = {path: path.read_bytes() for path in torn.glob("cells/*/record.json")}
    moved = torn.rename(tmp_path / "moved")  # as a whole

    resumed = resume(moved, Silent(), workplace=PLACE)

    assert [fold["test"] for fold in resumed["folds"]] == [fold["test"] for fold in whole["folds"]]
    assert (resumed["test"], resumed["test_sd"]) == (whole["test"], whole["test_sd"])
    assert len(before) == 1
    assert all((moved / path.relative_to(torn)).read_bytes() == content for path, content in before.items())
    assert len(list((moved / "cells").iterdir())) == 5
    assert str(torn) not in "".join(path.read_text() for path in moved.rglob("*.json"))
    with pytest.raises(UserError, match=rf"all runs of {moved} are finished"):
        resume(moved, Silent(), workplace=PLACE)


def test_a_set_that_fails_before_its_first_run_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="5000"):
        run_set(
            Grid([Arm("", [{"reducer": {"name": "pca", "n_outputs": 5000}}, *layers()])], every_fold=True),
            tmp_path / "runs",
            Silent(),
        )
    assert not list(tmp_path.rglob("*.*"))


def test_a_split_without_folds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="split 'official' of chirps has no folds"):
        run_set(every_fold("split=official"), tmp_path, Silent(), workplace=PLACE)


def test_a_set_is_no_run(whole: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"{Path(whole['set']).name} is a set of runs"):
        RunDirectory.open(Path(whole["set"]))
    single = run_once(layers("fold=2"), tmp_path, Silent(), workplace=PLACE)
    assert single["test"] == whole["folds"][1]["test"]


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two heads with two seeds."""
    asked = Grid([digits(), digits(head="mlp")], seeds=(3, 5))
    return run_set(asked, tmp_path_factory.mktemp("grid"), Silent(), workplace=PLACE)


def test_each_head_with_each_seed_is_a_run_and_equals_the_same_run_by_itself(
    grid: dict[str, Any], tmp_path: Path
) -> None:
    assert [(cell["head"], cell["seed"]) for cell in grid["cells"]] == [
        ("linear", 3), ("linear", 5), ("mlp", 3), ("mlp", 5),
    ]  # fmt: skip
    assert [(arm["name"], arm["n_runs"]) for arm in grid["arms"]] == [("linear", 2), ("mlp", 2)]
    accuracies = [cell["test"]["accuracy"] for cell in grid["cells"]]
    assert grid["arms"][1]["test"]["accuracy"] == pytest.approx(fmean(accuracies[2:]))
    assert grid["arms"][1]["test_sd"]["accuracy"] == pytest.approx(stdev(accuracies[2:]))
    alone = run_once([{"seed": 5}, *digits(head="mlp").layers], tmp_path, Silent(), workplace=PLACE)
    assert (alone["test"], alone["validation"]) == (grid["cells"][3]["test"], grid["cells"][3]["validation"])


def test_several_heads_are_one_line_and_one_page(grid: dict[str, Any]) -> None:
    path = Path(grid["set"])
    (row,) = list_runs(path.parent)
    assert (row.head, row.seed, row.n_runs, row.test) == ("linear+mlp", None, 4, {})
    page = " ".join(write_report(path).read_text(encoding="utf-8").split())
    assert "4 runs on digits: 2 heads × 2 seeds, all else equal." in page
    for cell in read_set(path).cells:
        assert cell.folder in page
    assert page.count("±") >= 2
    accuracies = [cell["test"]["accuracy"] for cell in grid["cells"]]
    distance = fmean(accuracies[2:]) - fmean(accuracies[:2])
    assert (
        f'<th scope="row">seed 3</th><td>{100 * accuracies[0]:.1f} %</td><td>{100 * accuracies[2]:.1f} %</td>' in page
    )
    assert f'<th scope="row">mean distance</th><td>–</td><td>{100 * distance:+.1f} points</td>' in page.replace(
        "\N{MINUS SIGN}", "-"
    )
    assert all(f'id="{name}"' in page for name in ("curves", "confusion_matrix"))
    assert str(path.parent) not in page


def test_the_data_are_looked_at_once_to_plan_a_set_and_once_in_each_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    inner = Digits.inventory
    monkeypatch.setattr(Digits, "inventory", lambda self, folder: calls.append(1) or inner(self, folder))
    run_set(
        Grid([digits("training.epochs=1"), digits("training.epochs=1", head="mlp")]),
        tmp_path,
        Silent(),
        workplace=PLACE,
    )
    assert len(calls) == 1 + 2


def test_one_run_that_fails_does_not_keep_the_others_from_being_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner, built = LinearHead.build, []

    def build(self: LinearHead, n_inputs: int, n_classes: int) -> Any:
        built.append(1)
        if len(built) == 3:  # once for the plan, once for the first run
            raise UserError("no luck with 7")
        return inner(self, n_inputs, n_classes)

    monkeypatch.setattr(LinearHead, "build", build)
    with pytest.raises(UserError, match=r"1 of 3 runs did not finish \(seed 1: no luck with 7\)") as told:
        run_set(Grid([digits()], seeds=(0, 1, 2)), tmp_path, Silent(), workplace=PLACE)
    (path,) = tmp_path.iterdir()
    assert f"qplug resume {path}" in str(told.value)
    assert len(list(path.glob("cells/*/record.json"))) == 2
    assert resume(path, Silent(), workplace=PLACE)["n_runs"] == 3


def test_a_set_all_of_whose_runs_fail_leaves_nothing_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit(*_: Any, **__: Any) -> None:
        raise UserError("no luck with 9")

    monkeypatch.setattr("qplug.lab.runner.complete.train", fit)
    with pytest.raises(UserError, match=r"2 of 2 runs did not finish .*no luck with 9.* Nothing is kept\."):
        run_set(Grid([digits()], seeds=(0, 1)), tmp_path, Silent(), workplace=PLACE)
    assert list(tmp_path.iterdir()) == []


def test_code_that_changed_since_the_set_was_begun_is_refused(grid: dict[str, Any], tmp_path: Path) -> None:
    path = shutil.copytree(grid["set"], tmp_path / "copy")
    (path / "summary.json").unlink()
    record = json.loads((path / "set.json").read_text())
    record["arms"][1]["code"]["head-1"]["sha256"] = "0" * 64
    (path / "set.json").write_text(json.dumps(record))
    with pytest.raises(ConfigError, match=f"{path} cannot go on, because code has changed.* head 'mlp' of package"):
        resume(path, Silent(), workplace=PLACE)


def test_a_damaged_set_is_refused_by_name_and_hides_no_other(grid: dict[str, Any], tmp_path: Path) -> None:
    path = shutil.copytree(grid["set"], tmp_path / "copy")
    record = json.loads((path / "set.json").read_text())
    key = record["cells"][2]["key"]
    record["cells"][2]["seed"] = 4
    (path / "set.json").write_text(json.dumps(record))
    with pytest.raises(DataError, match=f"the settings of run {key} are not those that it is named by"):
        read_set(path)
    (row,) = list_runs(tmp_path)
    assert key in row.problem
    (path / "set.json").write_text(json.dumps(record | {"version": 9}))
    with pytest.raises(DataError, match="has version 9 of sets, which a newer qplug wrote"):
        read_set(path)
    del record["arms"]
    (path / "set.json").write_text(json.dumps(record))
    with pytest.raises(DataError, match=r"set\.json is damaged: it lacks arms"):
        read_set(path)


def test_the_same_head_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the heads 'mlp' and 'mlp' are the same"):
        run_set(Grid([digits(head="mlp"), digits(head="mlp")]), tmp_path, Silent(), workplace=PLACE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "seeds"), [("7", (7,)), ("0-3", (0, 1, 2, 3)), ("1,5,7", (1, 5, 7)), (" 0 - 1 , 9", (0, 1, 9))]
)
def test_seeds_are_numbers_ranges_and_lists(text: str, seeds: tuple[int, ...]) -> None:
    assert seeds_of(text) == seeds


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("many", "a number, a range or a list, .* got 'many'"), ("", "got ''"), ("1,", "got '1,'"), ("-3", "got '-3'"),
        ("9-0", "the range 9-0 runs backwards. Write 0-9"), ("1,3,1-2", "names 1 more than once"),
        ("2147483648", "2147483648 is too large"), ("0-2000000000", "names more than 100,000 seeds"),
    ],
)  # fmt: skip
def test_seeds_that_are_none_are_refused(text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        seeds_of(text)


@pytest.mark.parametrize(
    ("device", "devices", "threads", "needs"),
    [("cpu", 1, 2, Needs(2, 0)), ("cpu", 4, 2, Needs(4, 0)), ("cuda", 2, 4, Needs(4, 2))],
)
def test_a_run_needs_the_threads_and_gpus_that_its_configuration_says(
    device: str, devices: int, threads: int, needs: Needs
) -> None:
    settings = {"device": device, "threads": threads, "training": {"devices": devices}}
    cell = cell_of("a", Spec(settings, "cells/a", PLACE.to_json()))
    assert cell.needs == needs
    assert json.loads(cell.spec)["settings"] == settings


def test_a_set_knows_no_folder_outside_by_which_its_numbers_or_names_would_change(tmp_path: Path) -> None:
    data = pictures(tmp_path / "data")
    layer = {"dataset": {"name": "folder", "modality": "image"}, "data_dir": str(data), "device": "cpu"}
    arm = Arm("linear", [layer | digits("training.epochs=1").layers[1] | layer])
    made = run_set(Grid([arm], seeds=(0, 1)), tmp_path / "here", Silent(), workplace=PLACE)
    record = read_set(Path(made["set"]))
    assert record.data_dir == str(data)
    assert all("data_dir" not in arm.settings for arm in record.arms)

    moved = Path(made["set"]).rename(tmp_path / "moved")
    elsewhere = data.rename(tmp_path / "elsewhere")
    (moved / "summary.json").unlink()
    shutil.rmtree(moved / record.cells[1].folder)
    with pytest.raises(UserError, match="its data was not found"):
        resume(moved, Silent(), workplace=replace(PLACE, data=tmp_path / "nowhere"))
    place = PLACE.with_data_dir(elsewhere)
    assert [cell["test"] for cell in resume(moved, Silent(), workplace=place)["cells"]] == [
        cell["test"] for cell in made["cells"]
    ]

    shutil.rmtree(moved / record.cells[0].folder)  # and as a worker does it, which is told nothing but text
    spec = Spec(record.settings(record.cells[0]), str(moved / record.cells[0].folder), place.to_json())
    told = carry_out(cell_of(record.cells[0].key, spec).spec)
    assert json.loads(told) == {"accuracy": made["cells"][0]["test"]["accuracy"]}


# Sets of folds of an older version


def test_a_set_of_folds_of_an_older_version_is_listed_reported_and_gone_on_with(
    whole: dict[str, Any], tmp_path: Path
) -> None:
    record = read_set(Path(whole["set"]))
    names = {str(cell.fold): f"20260101-120000-chirps-linear-1a2b3c-{cell.fold}" for cell in record.cells}
    for cell in record.cells:
        if cell.fold != 3:
            shutil.copytree(Path(whole["set"]) / cell.folder, tmp_path / names[str(cell.fold)])
    old = tmp_path / "20260101-120000-chirps-linear-4d5e6f-folds"
    old.mkdir()
    folds = {"settings": record.arms[0].settings | {"seed": 0}, "folds": [1, 2, 3, 4, 5], "runs": names}
    (old / "folds.json").write_text(json.dumps(folds))
    resumed = resume(old, Silent(), workplace=PLACE)
    assert (resumed["test"], resumed["test_sd"]) == (whole["test"], whole["test_sd"])
    rows = {row.path.name: row for row in list_runs(tmp_path)}
    assert (rows[old.name].fold, rows[old.name].status) == ("all", "finished")
    assert rows[old.name].test["accuracy"] == whole["test"]["accuracy"]
    assert len(rows) == 6
    assert "all 5 folds, each the test part once" in write_report(old).read_text(encoding="utf-8")
    with pytest.raises(UserError, match=f"all folds of {old} are finished"):
        resume(old, Silent(), workplace=PLACE)
