"""Jobs made of the values of the one before, in processes that are killed, and through IBM's client."""

from __future__ import annotations

import math
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))
from ibm_service.control import Control
from ibm_service.fixtures import LARGE, MIDDLE, SMALL, ibm
from test_circuits_behind_circuits import FIRST, ROWS, SECOND, SHOTS, N, ask
from toy_remote import jobs, serve

from qplug.contract.errors import UserError
from qplug.contract.interfaces import Values
from qplug.lab.capsule.replay import replay
from qplug.lab.hardware.journal import JOURNAL, Journal
from qplug.lab.runner.asked import Asked
from qplug.lab.runner.evaluate import evaluate
from qplug.lab.runner.on_device import Spending
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.workplace import Workplace
from qplug.lab.runs.evaluations import read_evaluation
from qplug.lab.runs.sent_plan import read_sent
from qplug_qiskit.ibm import Ibm

__all__ = ["ibm"]


def until(reached: Callable[[], bool], process: Any) -> None:
    """Waits for what a process is to do."""
    while not reached():
        assert not process.has_ended(within=0.02)


@pytest.mark.parametrize(("stuck", "command"), [("before", "resume"), ("after", "evaluate")])
def test_a_process_killed_between_jobs_costs_no_third(
    run: Path, queue: Path, place: Workplace, site: Any, forking: Any, stuck: str, command: str
) -> None:
    right = ask(run, queue, place)
    answers = (Path(right["evaluation"]) / "predictions.csv").read_bytes()
    shutil.rmtree(right["evaluation"])
    for path in queue.iterdir():
        path.unlink()
    around = os.environ | site.environment | {"QPLUG_CACHE": str(place.cache)}
    around["PYTHONPATH"] += f"{os.pathsep}{Path(__file__).parent}"
    words = ["evaluate", run, "--backend", "folder-queue", "--set", f"backend.folder={queue}"]
    words += ["--samples", N, "--shots", SHOTS]

    def start(*words: object) -> Any:
        return forking.start([*words, "--yes"], run.parent, around, run.parent / "out", run.parent / "err")

    (queue / f"stuck {stuck}").touch()
    process = start(*words)
    until(lambda: len(jobs(queue)) == 1, process)
    serve(queue)
    (home,) = run.glob("evaluations/*")
    until(lambda: sum(line["event"] == "submitting" for line in Journal(home / JOURNAL).lines()) == 2, process)
    until(lambda: len(jobs(queue)) == 1 + (stuck == "after"), process)
    process.kill()
    (queue / f"stuck {stuck}").unlink()
    process = start(*words) if command == "evaluate" else start("resume", run)
    while not process.has_ended(within=0.02):
        serve(queue)
    assert process.wait() == 0, (run.parent / "err").read_text("utf-8")
    assert len(jobs(queue)) == 2
    assert (home / "predictions.csv").read_bytes() == answers
    found = read_evaluation(home).verification
    assert found is not None
    assert found.usage_seconds == pytest.approx(FIRST + SECOND)
    assert len(found.job_ids) == 2
    said = " ".join((run.parent / "out").read_text("utf-8").split())
    over = f"over 64 of the {found.n_part} samples of the test part"
    assert command == "resume" or f"(thought before, of shots alone {over}: " in said
    assert command == "resume" or "The circuits went in 2 jobs" in said


def test_both_jobs_go_through_the_client_of_ibm_to_one_device(
    run: Path, place: Workplace, tmp_path: Path, ibm: Control
) -> None:
    settings = {"name": "ibm", "layout_seeds": 1, "folder": str(tmp_path / "facts")}

    def ask(*, wait: bool) -> dict[str, Any]:
        asked = Asked({"backend": settings}, size=(N, SHOTS))
        free = Spending(budget=20, allow=lambda _: True, wait=wait, sleep=lambda _: None)
        return evaluate(run, asked, Silent(), workplace=place, spending=free)

    for name, queue in ((SMALL, 0), (MIDDLE, 5), (LARGE, 5)):
        ibm.device(name, queue=queue)
    ibm.queue(held=True)
    left = ask(wait=False)
    assert (left["stage"], [job["device"] for job in ibm.jobs()]) == (1, [SMALL])
    ibm.release()
    handle = next(iter(Journal(Path(left["evaluation"]) / JOURNAL).units().values())).fact("handle")
    assert isinstance(Ibm(layout_seeds=1).collect(handle), Values)  # the first job is done
    gone = {
        "maintenance": f"{SMALL}, where the beginning of this work ran, takes no jobs now: it is in maintenance",
        "retired": f"ran on {SMALL}, which this account does not have any more.*{MIDDLE}, {LARGE}.*is sent anew",
    }
    for state, words in gone.items():
        ibm.device(SMALL, state=state)
        with pytest.raises(UserError, match=words):
            ask(wait=True)
    ibm.device(SMALL, state="active", queue=50)
    told = ask(wait=True)
    first, second = ibm.jobs()
    assert [job["device"] for job in (first, second)] == [SMALL, SMALL]
    assert [job["pubs"][0]["shape"] for job in (first, second)] == [[N * ROWS], [N]]
    charged = [job["charged"] for job in (first, second)]
    assert told["usage_seconds"] == pytest.approx(sum(charged))
    assert told["forecast_seconds"] == pytest.approx(sum(charged), rel=0.2)
    assert first["most_seconds"] == 20 - math.ceil(charged[1])  # what the second may take is kept for it
    assert told["job_ids"] == [first["id"], second["id"]]
    assert 0.6 < told["mean_abs_delta_z"] / told["expected_shot_noise"] < 1.5  # nothing but shots is at work
    assert [task.encoding.shape for task in read_sent(Path(told["evaluation"]), 2).work.tasks] == [(N, 2)]
    assert replay(run).faults == []
