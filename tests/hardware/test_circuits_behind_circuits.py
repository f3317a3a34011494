"""A quantum head behind circuits of a backbone on a device: a job for each stage, with angles from the one before."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
from test_backbones_on_device import ROWS, Calls, device, freely
from toy_remote import FolderQueue, fail, jobs, serve

from qplug.contract.errors import NotSupported, QplugError, UserError
from qplug.heads.quantum_module import QuantumModule
from qplug.lab.capsule.pack import pack
from qplug.lab.capsule.replay import replay, replay_capsule
from qplug.lab.hardware.files import Files
from qplug.lab.hardware.journal import JOURNAL, Journal
from qplug.lab.judging.given import judge_scattered
from qplug.lab.judging.stages import Order, order_of
from qplug.lab.measures import percent
from qplug.lab.pipeline.classifier import Classifier, Front, WeightedSum
from qplug.lab.report.page import render
from qplug.lab.report.source import read_run
from qplug.lab.runner import on_device
from qplug.lab.runner.asked import Asked, again_of, inputs
from qplug.lab.runner.evaluate import evaluate
from qplug.lab.runner.jobs import cancel, sent_work
from qplug.lab.runner.ladder import Climb, climb
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import resume_run
from qplug.lab.runner.workplace import Workplace
from qplug.lab.runs.directory import RunDirectory
from qplug.lab.runs.evaluations import read_evaluation
from qplug.lab.runs.sent_plan import read_sent
from qplug.testing.reference import expectations
from qplug_pennylane.pqc import Pqc
from qplug_torch.backend import Torch

N, SHOTS = 6, 500
FIRST, SECOND = 1 + 0.001 * N * ROWS * SHOTS, 1 + 0.001 * N * SHOTS
"""Seconds of each job: 28 and 4."""


def ask(run: Path, queue: Path, place: Workplace, **more: Any) -> dict[str, Any]:
    asked = Asked({"backend": device(queue)}, size=(N, SHOTS))
    return evaluate(run, asked, Silent(), workplace=place, spending=freely(queue, **more))


def sent(queue: Path) -> list[dict[str, Any]]:
    found = [json.loads(path.read_text("utf-8")) for path in queue.glob("*.job")]
    return sorted(found, key=lambda job: -len(job["tasks"][0][1]))


def test_the_second_job_is_made_of_the_values_of_the_first(run: Path, queue: Path, place: Workplace) -> None:
    told = ask(run, queue, replace(place, figures=True))
    first, second = sent(queue)
    assert [np.shape(job["tasks"][0][1])[0] for job in (first, second)] == [N * ROWS, N]
    assert (told["stages"], len(told["job_ids"])) == ([1, 2], 2)
    assert told["executions"] == N * (ROWS + 1) * SHOTS
    assert told["forecast_seconds"] == told["usage_seconds"] == pytest.approx(FIRST + SECOND)
    assert first["max_seconds"] == 1000 - 4  # what the second may take is kept for it
    home = Path(told["evaluation"])
    (task,) = read_sent(home, 2).work.tasks
    with np.load(home / "angles.npz") as planned:
        exactly = planned["encoding/1"]
    assert np.abs(task.encoding - exactly).max() > 1e-3  # shots of the first job have moved them
    late = [row for row in told["observables"] if row["circuit"] == 2]
    right = expectations(task.circuit, task.encoding, task.weights)
    assert [row["exact"] for row in late] == pytest.approx(right.mean(0), abs=1e-5)
    assert 0.6 < told["mean_abs_delta_z"] / told["expected_shot_noise"] < 1.5  # nothing but shots is at work
    assert all(row["mean_abs_delta_chained"] > 0 for row in late)
    assert "mean_abs_delta_chained" in told["observables"][0]
    assert told["observables"][0]["mean_abs_delta_chained"] is None
    found = replay(run)
    assert found.faults == []
    assert f"verification.circuit 2.{late[0]['observable']}.mean_abs_delta_chained" in {c.number for c in found.checks}
    assert replay_capsule(pack(run, run.parent / "a.zip").file).faults == []
    page = render(read_run(run))
    assert all(
        text in page for text in ("|Δ| from an exact chain", f"<td>{late[0]['mean_abs_delta_chained']:.3f}</td>")
    )
    assert "The circuits went in 2 jobs" in page
    assert told["n_thought"] == 64
    assert (
        f"{percent(told['expected_label_agreement'])} over 64 of the {told['n_part']} samples of the test part" in page
    )
    angles = home / "angles-2.npz"
    angles.write_bytes((home / "angles.npz").read_bytes())
    assert any("angles-2.npz" in fault for fault in map(str, replay(run).faults))


def test_with_many_shots_the_device_says_what_a_simulator_says(run: Path, queue: Path, place: Workplace) -> None:
    asked = Asked({"backend": device(queue)}, size=(N, 100_000))
    told = evaluate(run, asked, Silent(), workplace=place, spending=freely(queue, budget=100_000))
    assert told["label_agreement"] == 1
    assert told["mean_abs_delta_z"] < 0.01
    assert all((row["mean_abs_delta_chained"] or 0) < 0.02 for row in told["observables"])


class Crash(BaseException):
    """The process is gone."""


def test_jobs_are_left_with_the_device_one_after_the_other(run: Path, queue: Path, place: Workplace) -> None:
    left = ask(run, queue, place, wait=False)
    assert (left["stage"], left["n_stages"], len(jobs(queue))) == (1, 2, 1)
    assert [work.state for work in sent_work(run)] == ["with the device", "not sent"]
    serve(queue)
    left = ask(run, queue, place, wait=False, budget=None, allow=None)
    assert (left["stage"], len(jobs(queue))) == (2, 2)
    assert [work.stage for work in sent_work(run)] == [(1, 2), (2, 2)]
    (stopped,) = cancel(run)
    assert (stopped.state, stopped.stage) == ("cancelled", (2, 2))
    told = ask(run, queue, place, budget=None, allow=None)
    assert len(jobs(queue)) == 3
    assert told["n_samples"] == N


def test_the_budget_holds_for_all_jobs(run: Path, queue: Path, place: Workplace) -> None:
    offers: list[str] = []
    with pytest.raises(UserError, match="nothing was sent"):
        ask(run, queue, place, allow=lambda offer: bool(offers.append(offer)))
    assert offers[0].startswith("Send 6 samples, each 10 runs of its circuits, with 500 shots in 2 jobs")
    assert "30,000 executions, about 32 s" in offers[0]
    with pytest.raises(UserError, match=r"would take 32 s of the device, but the budget is 31 s"):
        ask(run, queue, place, budget=31)
    assert jobs(queue) == []
    ask(run, queue, place, budget=32)
    assert [job["max_seconds"] for job in sent(queue)] == [28, 4]


def test_a_second_job_that_failed_is_sent_anew_within_the_budget(run: Path, queue: Path, place: Workplace) -> None:
    def break_second(_: float) -> None:
        if len(jobs(queue)) == 1:
            serve(queue)
        for job in jobs(queue):
            fail(queue, job, "the device is in maintenance.")

    with pytest.raises(QplugError, match="maintenance"):
        ask(run, queue, place, budget=32, sleep=break_second)
    with pytest.raises(UserError, match=r"would take 4 s .* 32 s are spent, but the budget is 32 s"):
        ask(run, queue, place, budget=32)
    assert len(jobs(queue)) == 2
    told = ask(run, queue, place, budget=40)
    assert len(jobs(queue)) == 3
    assert len(list(Journal(Path(told["evaluation"]) / JOURNAL).units())) == 2


def test_the_order_of_circuits_is_found_and_one_behind_itself_refused() -> None:
    torch.manual_seed(0)

    def order(backbone: torch.nn.Module, width: int) -> Order:
        heads = WeightedSum([torch.nn.Linear(width, 2)], [1.0], learn_weights=False)
        return order_of(Classifier(Front(torch.nn.Identity(), backbone), heads, frozen_front=False), torch.rand(3, 6))

    assert order(Calls(chained=False), 8) == Order((1, 1), (3, 1))
    assert order(Calls(chained=True), 8) == Order((1, 2), (3, 1))

    class Itself(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.circuit = QuantumModule(Pqc(n_qubits=2, n_layers=1), Torch(), 2, 2)

        def forward(self, features: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.circuit(self.circuit(features[:, :2]))
            return found

    with pytest.raises(NotSupported, match=r"circuit 1 of this classifier gets its angles from its own values"):
        order(Itself(), 2)


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_read_outs_without_shots_give_what_a_simulator_gives(
    run: Path, queue: Path, place: Workplace, scale: float
) -> None:
    told = ask(run, queue, place, sleep=lambda _: serve(queue, exact=scale))
    home = Path(told["evaluation"])
    view, on = inputs(again_of(RunDirectory.open(run), Asked(), place, Silent()), Silent())
    right = judge_scattered(view, on, lambda values: scale * values)
    ids = [sample.id for sample in on.samples]
    chosen = [ids.index(name) for name in read_sent(home).plan.samples]
    with (home / "predictions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = [[float(row[name]) for name in row if name.startswith("p_")] for row in rows]
    assert np.allclose(found, torch.softmax(right.logits[chosen], dim=1), atol=1e-5)
    late = [row for row in told["observables"] if row["circuit"] == 2]
    for row in late:
        assert row["device"] == pytest.approx(scale * row["exact"], abs=1e-5)
        assert scale == 0.5 or row["mean_abs_delta_chained"] < 1e-5
    assert scale == 1 or any(abs(row["mean_abs_delta_chained"] - row["mean_abs_delta"]) > 1e-3 for row in late)


def test_a_crash_after_each_thing_done_costs_no_second_job(
    run: Path, queue: Path, place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: set[tuple[str, int]] = set()
    entries = 0

    def deadly(name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        def does(*given: Any) -> Any:
            nonlocal entries
            found, point = act(*given), (name, entries)
            entries += name == "append"
            if point not in done:
                done.add(point)
                raise Crash
            return found

        return does

    for owner, name in ((Files, "append"), (Files, "replace"), (FolderQueue, "submit"), (on_device, "write_stage")):
        monkeypatch.setattr(owner, name, deadly(name, getattr(owner, name)))
    for _ in range(11):  # of each job three entries, its sending and its values; the angles of the second
        with pytest.raises(Crash):
            ask(run, queue, place)
    told = ask(run, queue, place)
    assert len(jobs(queue)) == len(told["job_ids"]) == 2
    assert told["usage_seconds"] == pytest.approx(FIRST + SECOND)
    assert [(work.state, work.attempts) for work in sent_work(run)] == [("done", 1), ("done", 1)]


def test_resume_goes_on_with_the_next_job(run: Path, queue: Path, place: Workplace) -> None:
    ask(run, queue, place, wait=False)
    serve(queue)
    left = resume_run(run, Silent(), workplace=place, spending=freely(queue, budget=None, wait=False))["verification"]
    assert (left["stage"], len(jobs(queue))) == (2, 2)
    serve(queue)
    told = resume_run(run, Silent(), workplace=place)["verification"]
    assert (told["n_samples"], len(jobs(queue))) == (N, 2)
    plan = Path(told["evaluation"]) / "plan-2.json"
    (given,) = json.loads(plan.read_text("utf-8"))["given_sha256"]
    plan.write_text(plan.read_text("utf-8").replace(given, given[::-1]), "utf-8")
    assert "given_sha256" in {fault.number for fault in replay(run).faults}


def test_a_ladder_has_the_same_stages_on_simulators(run: Path, queue: Path, place: Workplace) -> None:
    told = climb(run, Climb(20, 100, device(queue)), Silent(), workplace=place, spending=freely(queue))
    assert [step["step"] for step in told["steps"]] == ["exact", "shots", "modelled noise", "device"]
    noisy = read_evaluation(run / "evaluations" / told["steps"][2]["evaluation"]).verification
    assert noisy is not None
    assert (noisy.stages, len(noisy.job_ids), len(jobs(queue))) == ((1, 2), 2, 2)
    found = replay(run)
    assert found.faults == []
    assert any(check.source.endswith(": counts") for check in found.checks)  # those of the fake device
