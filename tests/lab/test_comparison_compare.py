"""Comparisons: planned, carried out, stopped, gone on with, added to and assessed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import pytest

from qplug.catalogue.layers import merge
from qplug.contract.errors import DataError, Interrupted, UnknownName, UserError
from qplug.contract.interfaces import Cell, Done, Executor, ExecutorCapabilities, attempt
from qplug.lab.capsule.pack import pack
from qplug.lab.capsule.replay import replay_capsule
from qplug.lab.comparison import compare as lab
from qplug.lab.comparison.cell_file import cell_path, read_cell
from qplug.lab.comparison.computing import Computing, chosen_cells
from qplug.lab.comparison.layout import command_of, told
from qplug.lab.comparison.outcome import ComparisonOutcome
from qplug.lab.comparison.plan_file import ComparisonPlan, read_plan, write_plan
from qplug.lab.comparison.planning import planned
from qplug.lab.comparison.reading import list_comparisons, read_outcome
from qplug.lab.comparison.request import Request
from qplug.lab.comparison.trials import trial_settings
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.workplace import Workplace
from qplug.lab.stopping import heeding_signals

PLACE = replace(Workplace.from_environment(), figures=False)
QUICK = ("reducer.n_outputs=2", "head.n_qubits=2", "head.n_layers=1")
BASELINES = ("linear-full", "linear-reduced", "mlp-matched", "svm-rbf", "fourier")
N = 2 * (1 + len(BASELINES))
ALONE: dict[str, Any] = {"heads": ("linear",), "baselines": False, "assignments": QUICK[:1]}


def request(**more: Any) -> Request:
    """Two seeds of a small circuit on digits, one epoch."""
    usual: dict[str, Any] = {"datasets": ("digits",), "backbone": "identity", "reducer": "pca", "epochs": 1}
    usual |= {"heads": ("pennylane-pqc",), "seeds": (0, 1), "assignments": QUICK, "transpile": False}
    return Request(**(usual | more))


def carried_out(folder: Path, **more: Any) -> tuple[ComparisonOutcome | None, str]:
    return lab.carry_out(Computing(folder, read_plan(folder), PLACE, **more), Silent())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison that nobody interrupted."""
    folder = lab.begin(request(), tmp_path_factory.mktemp("whole"), PLACE, Silent())
    carried_out(folder)
    return folder


def without_times(outcome: ComparisonOutcome) -> dict[str, Any]:
    told = outcome.model_dump(mode="json")
    told.pop("comparison")
    for data_set in told["data_sets"]:
        for arm in data_set["arms"]:
            arm.pop("seconds")
            if arm["circuit"]:
                arm["circuit"].pop("simulated_ms")
    return told


def test_every_number_of_it_holds_when_it_is_derived_again(finished: Path, tmp_path: Path) -> None:
    found = replay_capsule(pack(finished, tmp_path / "a.zip").file)
    assert found.faults == []
    assert {"test.accuracy", "data_sets.0.pairs.0.p_holm", "training.best_epoch"} <= {
        check.number for check in found.checks
    }


def test_the_usual_arms_stand_beside_the_head_that_is_asked_about(finished: Path) -> None:
    (data_set,) = read_plan(finished).data_sets
    assert [arm.name for arm in data_set.arms] == ["pennylane-pqc", *BASELINES]
    heads = {arm.name: arm.n_parameters for arm in data_set.arms}
    assert abs(heads["mlp-matched"] - heads["pennylane-pqc"]) <= 0.05 * heads["pennylane-pqc"]


def test_all_arms_of_a_seed_have_one_split_and_each_cell_its_answers(finished: Path) -> None:
    plan = read_plan(finished)
    for cell in plan.cells:
        result = read_cell(finished, cell.key)
        assert result is not None
        assert result.record.split.hashes["all"] == cell.split.hash
        assert result.record.seed == cell.split.seed
        assert (result.predicted == result.labels).mean() == pytest.approx(result.record.test.accuracy)
        assert len(result.ids) == cell.split.n_test


def test_the_outcome_has_a_verdict_for_each_pair_and_is_kept(finished: Path) -> None:
    (data_set,) = read_outcome(finished).data_sets
    assert [(pair.a, pair.b) for pair in data_set.pairs] == [("pennylane-pqc", name) for name in BASELINES]
    means = {arm.name: arm.mean for arm in data_set.arms}
    for pair in data_set.pairs:
        assert pair.verdict in ("better", "worse", "equivalent", "undecided")
        assert pair.difference == pytest.approx(means[pair.a] - means[pair.b])
    assert "optimiser" not in data_set.protocol
    assert f"Each of the {1 + len(BASELINES)} arms was trained with 2 seeds" in data_set.protocol


class Impatient(Silent):
    """Presses Ctrl-C after so many cells."""

    def __init__(self, after: int) -> None:
        self.left = after

    def note(self, text: str) -> None:
        if " of " in text and "test accuracy" in text:
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt


def test_one_that_is_stopped_goes_on_to_the_same_outcome(tmp_path: Path) -> None:
    asked = request(**ALONE | {"seeds": (0, 1, 2, 3, 4)})
    whole = lab.begin(asked, tmp_path / "whole", PLACE, Silent())
    carried_out(whole)
    folder = lab.begin(asked, tmp_path, PLACE, Silent())
    with pytest.raises(Interrupted, match=r"2 of 5 cells are finished\. Go on with: qplug resume"):
        lab.carry_out(Computing(folder, read_plan(folder), PLACE), Impatient(2))
    before = {path: path.read_bytes() for path in folder.glob("cells/*/*")}
    outcome, failed = carried_out(folder)
    assert failed == ""
    assert outcome is not None
    assert without_times(outcome) == without_times(read_outcome(whole))
    assert len(before) == 4
    assert {path: path.read_bytes() for path in before} == before


STOPS = """
import os, signal
from dataclasses import dataclass
from torch import nn
from qplug.contract.interfaces import Head, HeadCapabilities

class Stopping(nn.Linear):
    def forward(self, inputs):
        if self.training:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().forward(inputs)

@dataclass(kw_only=True, eq=False)
class Part(Head):
    "Sends its process a signal as soon as it is trained."
    summary = source = "for tests"
    capabilities = HeadCapabilities(interface=1)

    def build(self, n_inputs, n_classes):
        return Stopping(n_inputs, n_classes)
"""


def test_a_signal_in_the_midst_of_a_cell_ends_the_comparison_and_is_no_failure(site, tmp_path: Path) -> None:
    site.add_head("stopping", STOPS)
    folder = lab.begin(request(**ALONE | {"heads": ("stopping",)}), tmp_path, PLACE, Silent())
    with heeding_signals(), pytest.raises(Interrupted, match=r"stopped by SIGTERM; 0 of 2 cells are finished"):
        lab.carry_out(Computing(folder, read_plan(folder), PLACE), Silent())
    assert list(folder.rglob("*.failed.json")) == []


@final
@dataclass(kw_only=True, eq=False)
class Elsewhere(Executor):
    """Another machine, as far as paths go; its cells run here. Some of them fail, or are lost."""

    summary = "for tests"
    capabilities = ExecutorCapabilities(interface=1, machines="many")
    fails: tuple[str, ...] = ()

    def run(self, work: str, cells: Iterable[Cell]) -> Iterator[Done]:
        for cell in cells:
            if cell.key in self.fails:
                yield Done(cell.key, None, "QplugError: the disk is full", "elsewhere")
            else:
                yield attempt(work, cell.key, cell.spec, "elsewhere")


def test_an_executor_elsewhere_gives_the_same_numbers_without_a_path(finished: Path, tmp_path: Path) -> None:
    folder = lab.begin(request(**ALONE), tmp_path, PLACE, Silent())
    outcome, _ = carried_out(folder, executor=Elsewhere())
    assert outcome is not None
    same = {cell.key for cell in read_plan(finished).cells} & {cell.key for cell in read_plan(folder).cells}
    assert len(same) == 2
    for key in same:
        here, there = read_cell(finished, key), read_cell(folder, key)
        assert here is not None
        assert there is not None
        assert here.digest() == there.digest()


def test_a_cell_that_fails_is_noted_and_leaves_its_arm_out(finished: Path, tmp_path: Path) -> None:
    folder = copy_of(finished, tmp_path)
    plan = read_plan(folder)
    failing = next(cell for cell in plan.cells if cell.arm.name == "linear-reduced")
    (folder / "outcome.json").unlink()
    for ending in (".json", ".npz"):
        cell_path(folder, failing.key, ending).unlink()
    outcome, failed = carried_out(folder, executor=Elsewhere(fails=(failing.key,)))
    assert f"1 of {N} cells failed ({failing.name}: the disk is full)" in failed
    assert outcome is not None
    (data_set,) = outcome.data_sets
    assert "linear-reduced: 1 of its 2 cells failed: the disk is full" in data_set.left_out
    assert "linear-reduced" not in [arm.name for arm in data_set.arms]
    _, failed = carried_out(folder)  # an exception is not tried again by itself
    assert "the disk is full" in failed
    mended, failed = carried_out(folder, again=True)
    assert failed == ""
    assert mended is not None
    assert without_times(mended) == without_times(read_outcome(finished))


def copy_of(finished: Path, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(finished, tmp_path / finished.name))


def test_adding_an_arm_and_a_seed_computes_only_what_is_new(finished: Path, tmp_path: Path) -> None:
    folder = copy_of(finished, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in folder.glob("cells/*/*.json")}
    lab.extend(folder, request(heads=("mlp",), seeds=(2,)), {"heads", "seeds"}, PLACE, Silent())
    plan = read_plan(folder)
    assert {cell.split.seed for cell in plan.cells} == {0, 1, 2}
    assert [arm.name for arm in plan.data_sets[0].arms][:2] == ["pennylane-pqc", "mlp"]
    assert sum(cell_path(folder, cell.key).is_file() for cell in plan.cells) == len(before) == N
    assert len(plan.cells) == 3 * (2 + len(BASELINES))
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_what_all_cells_share_cannot_be_changed_later(finished: Path) -> None:
    with pytest.raises(UserError, match="epochs cannot be changed in a comparison that there is already"):
        lab.extend(finished, request(epochs=5), {"epochs"}, PLACE, Silent())


def test_a_data_set_joins_with_settings_of_its_own() -> None:
    before, said = request(), {"datasets", "assignments"}
    more = request(datasets=("chirps",), assignments=("chirps:features.n_mels=20",))
    whole = before.extended(more, said)
    assert whole.datasets == ("digits", "chirps")
    assert whole.assignments == (*before.assignments, "chirps:features.n_mels=20")
    assert whole._on("digits") == before._on("digits")
    assert "features.n_mels=20" in whole._on("chirps")
    again = whole.extended(more, said)  # as a command that is given twice
    assert again.assignments == whole.assignments


@pytest.mark.parametrize("assignment", ["digits:head.n_layers=3", "head.n_layers=3", "chirps:head.n_layers=3"])
def test_settings_of_what_is_there_stay(assignment: str) -> None:
    with pytest.raises(UserError, match="settings of a data set that is added"):
        request().extended(request(assignments=(assignment,)), {"assignments"})


def test_shards_of_a_plan_come_to_the_whole(finished: Path, tmp_path: Path) -> None:
    plan = read_plan(finished)
    shards = [chosen_cells(plan, words) for words in ("0-4", "5", "6-99")]
    assert [cell.key for shard in shards for cell in shard] == [cell.key for cell in plan.cells]
    with pytest.raises(UserError, match=f"--cells {N}: this comparison has the cells 0 to {N - 1}"):
        chosen_cells(plan, str(N))
    with pytest.raises(UserError, match="--cells takes a number or a range, such as 0-99; got 'x-2'"):
        chosen_cells(plan, "x-2")


def test_a_key_changes_with_all_that_decides_the_numbers(finished: Path) -> None:
    plan = read_plan(finished)
    keys = {cell.key for cell in plan.cells}
    told = plan.model_dump(mode="json")
    for change in ("data", "hash", "version", "code", "setting"):
        changed = json.loads(json.dumps(told))
        data_set = changed["data_sets"][0]
        for arm in data_set["arms"]:
            if change == "version":
                arm["versions"]["numpy"] = "0.1"
            if change == "code":
                arm["code"]["dataset"]["sha256"] = "0" * 64
            if change == "setting":
                arm["settings"]["training"]["epochs"] = 7
        if change == "data":
            data_set["data"] = "0" * 64
        if change == "hash":
            for split in data_set["splits"]:
                split["hash"] = "0" * 64
        other = ComparisonPlan.model_validate_json(json.dumps(changed))
        assert keys.isdisjoint(cell.key for cell in other.cells), change


def test_cells_of_other_data_than_were_planned_are_refused(finished: Path, tmp_path: Path) -> None:
    folder = copy_of(finished, tmp_path)
    plan = folder / "plan.toml"
    hashes = {split.hash for split in read_plan(folder).data_sets[0].splits}
    text = plan.read_text()
    for each in hashes:
        text = text.replace(each, "0" * 64)
    plan.write_text(text)
    work = Computing(folder, read_plan(folder), PLACE)
    assert lab.carry_out(work, Silent(), cells="0") == (None, "")
    assert "the data here are not those that the comparison was planned with" in work.failure(work.plan.cells[0])


def test_a_damaged_cell_is_told_with_the_way_on(finished: Path, tmp_path: Path) -> None:
    folder = copy_of(finished, tmp_path)
    key = read_plan(folder).cells[0].key
    path = cell_path(folder, key, ".npz")
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(DataError, match=f"{key}.json is damaged: it is not what was written. Delete it"):
        read_cell(folder, key)


def test_a_damaged_plan_hides_no_other_comparison(finished: Path, tmp_path: Path) -> None:
    copy_of(finished, tmp_path)
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "plan.toml").write_text("version = ")
    torn, whole = list_comparisons(tmp_path)
    assert "is not valid TOML" in torn.problem
    assert (whole.n_cells, whole.n_finished, whole.finished) == (N, N, True)


def test_trials_begin_with_the_settings_and_are_drawn_by_the_seed() -> None:
    settings = {"seed": 3, "training": {"learning_rate": 0.01, "weight_decay": 0.5, "epochs": 2}}
    first, *others = trial_settings(settings, 5)
    assert first == settings
    assert others == list(trial_settings(settings, 5))[1:]
    rates = [each["training"]["learning_rate"] for each in others]
    assert len(set(rates)) == 4
    assert all(0.002 <= rate <= 0.05 for rate in rates)
    assert next(iter(list(trial_settings({**settings, "seed": 4}, 2))[1:])) != others[0]


def test_the_best_trial_on_validation_is_the_cell(tmp_path: Path) -> None:
    asked = request(**ALONE, seeds=(0,), trials=3)
    folder = lab.begin(asked, tmp_path, PLACE, Silent())
    carried_out(folder)
    (cell,) = read_plan(folder).cells
    result = read_cell(folder, cell.key)
    assert result is not None
    best = max(result.trials, key=lambda trial: trial.goodness or 0)
    assert len(result.trials) == 3
    assert result.record.validation.cross_entropy == pytest.approx(-(best.goodness or 0))
    training: Any = result.record.configuration["training"]
    assert training["learning_rate"] == best.settings["learning_rate"]


def test_size_and_time_are_told_from_the_first_cells(finished: Path) -> None:
    plan = read_plan(finished)
    size = lab.size_of(finished, plan)
    assert (size.n_cells, size.n_finished, size.seconds) == (N, N, 0.0)
    assert size.n_bytes == sum(path.stat().st_size for path in finished.glob("cells/*/*"))
    assert len(lab.first_cells(plan)) == N // 2


def test_a_setting_may_be_for_one_data_set_alone() -> None:
    words = ("digits:training.epochs=5", "training.epochs=3", "digits:split=random")
    asked = Request(datasets=("digits", "mnist"), assignments=words)
    layers = {name: merge(asked.layers(name, "linear")) for name in asked.datasets}
    assert {name: layer["training"]["epochs"] for name, layer in layers.items()} == {"digits": "5", "mnist": "3"}
    assert (layers["digits"]["split"], "split" in layers["mnist"]) == ("random", False)
    assert all(f"--set {each}" in asked.command() for each in words)
    for wrong in ("mnits:split=random", "x:y:split=random"):
        told = f"no data set of this comparison is called '{wrong.partition(':')[0]}'"
        with pytest.raises(UnknownName, match=told):
            Request(datasets=("digits", "mnist"), assignments=(wrong,)).layers("digits", "linear")


def test_convolutions_that_train_are_laid_out_for_the_cpu_and_older_comparisons_stay(tmp_path: Path) -> None:
    trained = {**ALONE, "backbone": "cnn3", "reducer": "linear", "seeds": (0,), "assignments": ()}
    older = planned(request(**trained), PLACE, Silent())
    fast = planned(request(**trained, layout="fast"), PLACE, Silent())
    assert [_channels_last(plan) for plan in (older, fast)] == [False, True]
    assert "digits: training.channels_last is true" in told(fast)
    assert not told(older)
    assert command_of(fast) == fast.request.command()
    assert command_of(older) == f"{older.request.command()} --set training.channels_last=false"
    for said in ("training.channels_last=false", "backbone.frozen=true"):
        other = planned(request(**{**trained, "assignments": (said,)}, layout="fast"), PLACE, Silent())
        assert not _channels_last(other)
        assert not told(other)
    folder = tmp_path / "older"
    folder.mkdir()
    write_plan(folder, older)
    lab.extend(folder, request(layout="fast", seeds=(1,)), ["seeds"], PLACE, Silent())
    assert {cell.key for cell in older.cells} < {cell.key for cell in read_plan(folder).cells}


def _channels_last(plan: ComparisonPlan) -> bool:
    training: list[Any] = [arm.settings["training"] for arm in plan.data_sets[0].arms]
    (found,) = {bool(each["channels_last"]) for each in training}
    return found
