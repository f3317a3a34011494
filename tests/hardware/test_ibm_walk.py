"""A few of the faults that ``tests/benchmarks/ibm_faults.py`` walks, and what ``doctor`` tells of an account."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from ibm_faults import PIPELINE, Walk, walking
from ibm_service.account import TOKEN

from qplug.lab.capsule.replay import replay
from qplug.lab.hardware.journal import JOURNAL, Journal
from qplug.lab.runner.on_device import Spending
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import run_once
from qplug.lab.runs.directory import TRAINING
from qplug_cli.commands.allowance import allowance


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    with walking(tmp_path_factory.mktemp("walk")) as made:
        yield made


def test_a_fault_at_any_request_leaves_the_evaluation_resumable_and_costs_no_second_job(walk: Walk) -> None:
    n_requests = walk.n_requests()
    for request, how in ((2, "401"), (n_requests // 2, "502"), (n_requests - 6, "dropped"), (n_requests - 2, "401")):
        found = walk.at(request, how)
        assert (found.jobs, found.resumable) == (1, True), found
        assert all(TOKEN not in error for error in found.errors)


def test_a_training_goes_through_the_client_with_one_pub_a_step(walk: Walk, tmp_path: Path) -> None:
    before = len(walk.ibm.jobs())
    layer = {
        **PIPELINE,
        "backend": {"name": "ibm", "device": "ibm_oslo", "layout_seeds": 1},
        "training": {"epochs": 1, "batch_size": 30, "backend": "ibm", "gradient": "spsa", "shots": 50},
    }
    free = Spending(budget=60, allow=lambda _: True, size=(2, 50), sleep=lambda _: None)
    told = run_once([layer], tmp_path, Silent(), workplace=walk.place, spending=free)
    *steps, evaluation = walk.ibm.jobs()[before:]
    assert [[pub["shape"] for pub in job["pubs"]] for job in (*steps, evaluation)] == [[[60]], [[60]], [[2]]]
    assert told["trained_on"] == "ibm"
    journal = Journal(Path(told["run"]) / TRAINING / JOURNAL)
    assert journal.spent_seconds() == pytest.approx(sum(job["charged"] for job in steps), rel=0.2)
    found = replay(Path(told["run"]))
    assert found.faults == []
    assert {f"training/{name}" for name in ("plan.json", JOURNAL)} <= {check.file for check in found.checks}


def test_doctor_tells_what_an_account_has_left(walk: Walk) -> None:
    where = "the environment variable QISKIT_IBM_TOKEN"
    walk.ibm.allowance(remaining=321)
    told = allowance(where, longest=60)
    assert "321 s of a device left" in told
    assert TOKEN not in told
    walk.ibm.fault("unauthorised", times=None)
    refused = allowance(where, longest=60)
    walk.ibm.clear()
    walk.ibm.allowance(remaining=600)
    assert refused.startswith("its plan is not known: IBM Quantum does not accept the token")
    assert allowance(where, offline=True) == "its plan and what is left were not asked for (--offline)"
    assert allowance(None) == ""
    assert allowance(where, longest=0).startswith("the service did not tell its plan within 0 s")
