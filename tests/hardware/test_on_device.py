"""A finished run judged by a device that is sent work once and answers later."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from toy_remote import fail, jobs, serve

from qplug.contract.errors import ConfigError, NotSupported, QplugError, UserError
from qplug.lab.capsule.pack import pack
from qplug.lab.capsule.replay import replay, replay_capsule
from qplug.lab.comparison.grid import Arm, Grid
from qplug.lab.comparison.sets import run_set
from qplug.lab.hardware.journal import JOURNAL, Journal
from qplug.lab.report.page import render
from qplug.lab.report.source import read_run
from qplug.lab.runner.asked import Asked
from qplug.lab.runner.evaluate import evaluate
from qplug.lab.runner.jobs import cancel, sent_work
from qplug.lab.runner.ladder import Climb, climb
from qplug.lab.runner.on_device import Spending
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import resume_run, run_once
from qplug.lab.runs.evaluations import read_evaluation
from qplug.lab.runs.ladder_record import read_ladder
from qplug.lab.runs.record_file import read_record
from qplug.lab.runs.sent_plan import ANGLES, PLAN, read_sent

PIPELINE: dict[str, Any] = {
    "dataset": {"name": "digits"},
    "backbone": {"name": "cnn3", "channels": [4, 4, 8], "n_features": 6},
    "training": {"epochs": 1},
    "branch": [
        {"reducer": {"name": "linear"}, "head": {"name": "pennylane-pqc", "n_layers": 1, "n_qubits": 3}},
        {"reducer": {"name": "identity"}, "head": {"name": "linear"}, "weight": 0.5},
        {"reducer": {"name": "linear"}, "head": {"name": "qiskit-qnn", "n_qubits": 2}},
    ],
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QPLUG_CACHE", str(folder / "cache"))
        yield Path(run_once([PIPELINE], folder, Silent())["run"])


@pytest.fixture
def run(trained: Path, tmp_path: Path, site: Any) -> Path:
    site.add("toy-device", {"qplug.backends": {"folder-queue": "toy_remote:FolderQueue"}})
    copy = tmp_path / "run"
    shutil.copytree(trained, copy)
    (tmp_path / "queue").mkdir()
    return copy


def queue_of(run: Path) -> Path:
    return run.parent / "queue"


def freely(run: Path, **more: Any) -> Spending:
    """All that is asked for is allowed, and the device works while somebody waits for it."""
    return Spending(**{"budget": 1000, "allow": lambda _: True, "sleep": lambda _: serve(queue_of(run)), **more})


def asked(run: Path, **more: Any) -> Asked:
    return Asked({"backend": {"name": "folder-queue", "folder": str(queue_of(run))}}, **more)


def test_a_run_of_two_circuits_is_verified_by_one_job(run: Path) -> None:
    told = evaluate(run, asked(run, size=(60, 2000)), Silent(), spending=freely(run))

    assert len(jobs(queue_of(run))) == 1
    sent = json.loads(next(queue_of(run).glob("*.job")).read_text("utf-8"))
    assert [np.shape(encoding)[0] for _, encoding, _ in sent["tasks"]] == [60, 60]
    assert (told["n_samples"], told["shots"], told["fake"]) == (60, 2000, False)
    assert told["executions"] == 60 * 2 * 2000
    assert told["usage_seconds"] == told["forecast_seconds"] == 1 + 0.001 * 60 * 2 * 2000
    assert told["job_ids"] == jobs(queue_of(run))
    assert abs(told["label_agreement"] - told["expected_label_agreement"]) < 0.15  # nothing but shots is at work
    assert told["n_thought"] == told["n_part"]
    # The mean of |N(0, s)|, over 60 x 5 values.
    assert 0.8 < told["mean_abs_delta_z"] / told["expected_shot_noise"] < 1.25
    assert len(told["observables"]) == 3 + 2
    kept = read_evaluation(Path(told["evaluation"]))
    assert kept.judgement.hardware
    assert kept.judgement.scores.n == 60
    assert told["exact_accuracy"] == kept.against_training_backend.accuracy  # type: ignore[union-attr]
    assert told["run_accuracy"] == read_record(run).test.accuracy
    capsule = pack(run, run.parent / "a.zip")
    found = replay_capsule(capsule.file)
    assert found.faults == []
    assert "folders of the machine" in capsule.manifest.replaced[f"evaluations/{kept.name}/plan.json"].what
    assert "verification.circuit 2.Z0.mean_abs_delta" in {check.number for check in found.checks}


def test_a_budget_buys_a_drawn_part_of_the_samples_and_is_not_exceeded(run: Path) -> None:
    told = evaluate(run, asked(run), Silent(), spending=freely(run, budget=20))
    plan = read_sent(Path(told["evaluation"])).plan
    assert told["usage_seconds"] <= 20
    assert 1 + 0.001 * (told["n_samples"] + 1) * 2 * told["shots"] > 20  # one sample more would be too dear
    assert plan.n_part == read_record(run).test.n > told["n_samples"]
    assert [point.flipped for point in plan.curve] == sorted((point.flipped for point in plan.curve), reverse=True)


def test_nothing_is_sent_that_nobody_allowed(run: Path) -> None:
    with pytest.raises(UserError, match=r"it would cost 10 samples with 100 shots: 2,000 executions, about 3 s.*--yes"):
        evaluate(run, asked(run, size=(10, 100)), Silent())
    offers: list[str] = []
    refuse = Spending(allow=lambda offer: bool(offers.append(offer)))
    with pytest.raises(UserError, match="nothing was sent"):
        evaluate(run, asked(run, size=(10, 100)), Silent(), spending=refuse)
    assert offers == ["Send 10 samples with 100 shots: 2,000 executions, about 3 s of the device?"]
    with pytest.raises(UserError, match=r"would take 3 s of the device, but the budget is 2 s"):
        evaluate(run, asked(run, size=(10, 100)), Silent(), spending=freely(run, budget=2))
    assert jobs(queue_of(run)) == []
    assert list((run / "evaluations").iterdir()) == []


def test_work_is_left_with_the_device_and_fetched_by_a_later_command(run: Path) -> None:
    left = evaluate(run, asked(run, size=(10, 100)), Silent(), spending=freely(run, wait=False))
    assert left["waiting"] == "queued"
    assert left["job_ids"] == jobs(queue_of(run))
    home = Path(left["evaluation"])
    assert {path.name for path in home.iterdir()} >= {PLAN, ANGLES, JOURNAL}
    assert not (home / "record.json").exists()
    serve(queue_of(run))
    told = evaluate(run, asked(run, size=(10, 100)), Silent())  # it was allowed before
    again = evaluate(run, asked(run, size=(10, 100)), Silent())
    assert told == again
    assert told["n_samples"] == 10
    assert len(jobs(queue_of(run))) == 1


def test_a_device_is_asked_again_into_an_evaluation_of_its_own(run: Path) -> None:
    first = evaluate(run, asked(run, size=(10, 100)), Silent(), spending=freely(run))
    left = evaluate(run, asked(run, size=(10, 100)), Silent(), spending=freely(run, wait=False), anew=True)
    assert left["waiting"] == "queued"
    serve(queue_of(run))
    told = evaluate(run, asked(run, size=(10, 100)), Silent(), anew=True)  # what waits is fetched, not sent once more
    assert told["evaluation"] == left["evaluation"] != first["evaluation"]
    assert (told["n_samples"], len(jobs(queue_of(run)))) == (10, 2)
    assert evaluate(run, asked(run, size=(10, 100)), Silent())["evaluation"] == first["evaluation"]
    with pytest.raises(ConfigError, match=r"--again is for remote backends, .*torch is not one"):
        evaluate(run, Asked(), Silent(), anew=True)


def test_a_job_that_failed_is_sent_again_by_the_next_command(run: Path) -> None:
    def break_it(_: float) -> None:
        fail(queue_of(run), jobs(queue_of(run))[0], "the device is in maintenance.")

    with pytest.raises(QplugError, match=r"the device is in maintenance\. It may succeed"):
        evaluate(run, asked(run, size=(10, 100)), Silent(), spending=freely(run, sleep=break_it))
    told = evaluate(run, asked(run, size=(10, 100)), Silent(), spending=freely(run))
    assert len(jobs(queue_of(run))) == 2
    events = [line["event"] for line in Journal(Path(told["evaluation"]) / JOURNAL).lines()]
    assert events == ["submitting", "submitted", "failed", "submitting", "submitted", "collected"]


def test_a_device_that_cannot_be_had_is_refused_before_any_work(run: Path) -> None:
    nowhere = Asked({"backend": {"name": "folder-queue", "folder": str(run / "nowhere")}})
    with pytest.raises(UserError, match=r"there is no queue '.*nowhere'"):
        evaluate(run, nowhere, Silent(), spending=freely(run))
    assert not (run / "evaluations").exists()


def configured(tmp_path: Path, name: str = "own") -> tuple[Path, dict[str, Any]]:
    """A folder with a queue in it, and a run that is to ask the device of that queue by itself."""
    home = tmp_path / name
    (home / "queue").mkdir(parents=True)
    small = {**PIPELINE, "dataset": {"name": "digits"}, "branch": PIPELINE["branch"][:1]}
    return home / "run", {**small, "backend": {"name": "folder-queue", "folder": str(home / "queue")}}


def test_a_run_asks_its_device_when_it_is_finished(run: Path, tmp_path: Path) -> None:
    place, pipeline = configured(tmp_path)
    told = run_once([pipeline], place.parent, Silent(), spending=freely(place, size=(20, 100)))
    assert told["backend"] == told["trained_on"] == "torch"
    assert not told["hardware"]
    verified = told["verification"]
    assert (verified["n_samples"], verified["shots"], verified["hardware"]) == (20, 100, True)
    assert len(jobs(queue_of(place))) == 1
    with pytest.raises(UserError, match="is finished; there is nothing to resume"):
        resume_run(Path(told["run"]), Silent())


def test_a_run_that_may_not_spend_is_finished_and_gone_on_with(run: Path, tmp_path: Path) -> None:
    place, pipeline = configured(tmp_path)
    with pytest.raises(UserError, match=r"it would cost .* Nothing was sent"):
        run_once([pipeline], place.parent, Silent())
    (made,) = (path for path in place.parent.iterdir() if path.name != "queue")
    assert read_record(made).backend == "torch"
    left = resume_run(made, Silent(), spending=freely(place, size=(20, 100), wait=False))
    assert left["verification"]["waiting"] == "queued"
    told = resume_run(made, Silent(), spending=freely(place))
    assert told["verification"]["n_samples"] == 20
    assert len(jobs(queue_of(place))) == 1


def test_a_set_is_not_sent_to_a_device(run: Path, tmp_path: Path) -> None:
    place, pipeline = configured(tmp_path)
    with pytest.raises(NotSupported, match=r"'folder-queue' is remote, .* a job for each of its runs"):
        run_set(Grid([Arm("", [pipeline])], (0, 1), False), place, Silent())


def test_what_was_sent_is_listed_and_can_be_stopped(run: Path) -> None:
    assert sent_work(run.parent) == []
    with pytest.raises(UserError, match=rf"no work of {re.escape(str(run))} is with a device"):
        cancel(run)
    left = evaluate(run, asked(run, size=(10, 100)), Silent(), spending=freely(run, wait=False))
    (listed,) = sent_work(run.parent)
    assert (listed.state, listed.job_ids, listed.attempts) == ("with the device", tuple(left["job_ids"]), 1)
    assert (listed.n_samples, listed.shots, listed.forecast_seconds) == (10, 100, 3.0)
    (stopped,) = cancel(run)
    assert stopped.state == "cancelled"
    assert "cancelled" in next(queue_of(run).glob("*.answer")).read_text("utf-8")
    told = evaluate(run, asked(run, size=(10, 100)), Silent(), spending=freely(run))  # sent anew
    (listed,) = sent_work(run)
    assert (listed.state, listed.attempts, listed.usage_seconds) == ("done", 2, told["usage_seconds"])


def test_a_ladder_says_which_step_lost_what(run: Path) -> None:
    device = {"name": "folder-queue", "folder": str(queue_of(run))}
    told = climb(run, Climb(30, 4000, device), Silent(), spending=freely(run))
    steps = told["steps"]
    assert [step["step"] for step in steps] == ["exact", "shots", "modelled noise", "device"]
    assert [step["fake"] for step in steps] == [False, False, True, False]
    assert steps[0]["thought"] == read_record(run).test.accuracy
    assert abs(steps[1]["thought"] - steps[1]["accuracy"]) < 0.35  # 30 samples, and margins of a barely trained model
    assert steps[3]["thought"] == steps[2]["accuracy"]
    assert all(read_evaluation(run / "evaluations" / step["evaluation"]).judgement.scores.n == 30 for step in steps)
    kept = read_ladder(run / "evaluations")
    assert kept is not None
    assert kept.model_dump(mode="json") == {key: value for key, value in told.items() if key != "run"}
    lost = round(100 * (steps[0]["accuracy"] - steps[1]["accuracy"]), 1)
    assert f"{abs(lost)} points {'gained by' if lost < 0 else 'lost to'} 4,000 shots" in told["sentence"]
    page = render(read_run(run))
    assert told["sentence"] in page
    found = replay(run)
    assert found.faults == []
    assert "modelled noise.accuracy" in {check.number for check in found.checks}
    assert "the same on each step" in page
    assert len(jobs(queue_of(run))) == 1


def test_shots_of_a_simulator_are_its_own_parameter(run: Path) -> None:
    with pytest.raises(ConfigError, match=r"--shots is for remote backends; torch is not one.*backend\.shots=100"):
        evaluate(run, Asked(size=(None, 100)), Silent())
    told = evaluate(run, Asked(size=(25, None)), Silent())
    assert told["test"]["n"] == 25
