"""The backend ibm with the real, unmodified client against a server on this machine.

This proves the client's side of the protocol; whether IBM's service takes a job is beyond it.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qplug_qiskit.ibm_jobs
import qplug_qiskit.ibm_work
from qplug.catalogue import entries, load
from qplug.contract.circuit import Circuit
from qplug.contract.errors import QplugError, UserError
from qplug.contract.interfaces import Failed, NotYet, QuantumHead, Values
from qplug.testing import reference
from qplug.testing.circuits import angle_embedding_strongly_entangling
from qplug.testing.remote import check_remote
from qplug_qiskit.ibm import Ibm
from qplug_qiskit.ibm_primitives import run_primitive

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))
from ibm_service.control import Control
from ibm_service.fixtures import LARGE, MIDDLE, SMALL, ibm
from ibm_trial import made, refused, turned, work_of

__all__ = ["ibm"]


@pytest.fixture
def backend(ibm: Control, tmp_path: Path) -> Ibm:
    return made(tmp_path)


def test_what_holds_for_every_remote_backend(backend: Ibm) -> None:
    check_remote(backend, lambda: None, shots=100)


@pytest.mark.parametrize("generation", ["executor", "v2"])
def test_500_samples_are_one_job_with_one_pub(ibm: Control, tmp_path: Path, generation: str) -> None:
    backend, work = made(tmp_path, generation=generation), work_of(turned(), rows=500, shots=40)
    forecast = backend.forecast(work)
    assert ibm.requests("POST /jobs") == 0
    handle = backend.submit(work)
    values = backend.collect(handle)
    (job,) = ibm.jobs()
    (pub,) = job["pubs"]
    assert (pub["circuits"], pub["shots"], job["executions"]) == (500, 40, forecast.executions)
    assert job["tags"][0] == work.tag
    assert job["program"] == ("executor" if generation == "executor" else "sampler")
    assert isinstance(values, Values)
    right = reference.expectations(turned(), work.tasks[0].encoding, work.tasks[0].weights)
    assert np.abs(values.expectations[0] - right).max() < 6 / 40**0.5
    assert (
        np.abs(values.expectations[0] - right[:, [1, 2, 0]]).mean()
        > np.abs(values.expectations[0] - right).mean() + 0.2
    )
    assert values.usage_seconds == job["charged"]
    assert forecast.seconds == pytest.approx(job["charged"], rel=0.2)
    assert (values.facts["device"], values.facts["fake"]) == (SMALL, False)
    assert values.facts["job_ids"] == [job["id"]] == list(backend.jobs(handle))
    assert values.facts["calibration_date"] == forecast.facts["calibration_date"]
    assert forecast.facts["calibration_date"] is not None
    assert backend.forecast(work).left_seconds == 600 - job["charged"]


@pytest.mark.parametrize("generation", ["executor", "v2"])
def test_an_estimator_gives_what_is_right(ibm: Control, tmp_path: Path, generation: str) -> None:
    backend, work = made(tmp_path, generation=generation, resilience_level=0), work_of(turned("X"), shots=400)
    values = backend.collect(backend.submit(work))
    assert isinstance(values, Values)
    right = reference.expectations(turned("X"), work.tasks[0].encoding, work.tasks[0].weights)
    np.testing.assert_allclose(values.expectations[0], right, atol=6 / 400**0.5)
    assert ibm.jobs()[0]["program"] == ("executor" if generation == "executor" else "estimator")


def test_every_quantum_head_runs_in_one_job(ibm: Control, tmp_path: Path) -> None:
    heads = [entry.name for entry in entries("head") if entry.status == "ready" and entry.provider == "qplug"]
    classes = [load("head", name) for name in heads if name != "circuit-file"]
    quantum = [cls(n_qubits=4) for cls in classes if issubclass(cls, QuantumHead)]  # type: ignore[call-arg]
    circuits = [head.circuit(head.n_inputs or 4) for head in quantum]
    assert len(circuits) >= 4
    backend, work = made(tmp_path), work_of(*circuits, shots=300)
    values = backend.collect(backend.submit(work))
    assert isinstance(values, Values)
    assert [len(job["pubs"]) for job in ibm.jobs()] == [len(circuits)]
    for task, got in zip(work.tasks, values.expectations, strict=True):
        right = reference.expectations(task.circuit, task.encoding, task.weights)
        np.testing.assert_allclose(got, right, atol=6 / 300**0.5)


@pytest.mark.parametrize(("letter", "level"), [("X", 0), ("X", 1), ("X", 2), ("Z", None)])
def test_the_forecast_knows_what_mitigation_costs(ibm: Control, tmp_path: Path, letter: str, level: int | None) -> None:
    backend = made(tmp_path, resilience_level=level, twirling=True if level is None else None, generation="executor")
    work = work_of(turned(letter), rows=20, shots=1000)
    forecast = backend.forecast(work)
    ibm.queue(held=True)
    backend.submit(work)
    (job,) = ibm.jobs()
    assert forecast.seconds == pytest.approx(job["seconds"], rel=0.02)
    assert forecast.executions == 20_000


def test_two_circuits_are_one_job_with_two_pubs(ibm: Control, backend: Ibm) -> None:
    work = work_of(turned(), angle_embedding_strongly_entangling(2, 1), rows=5)
    values = backend.collect(backend.submit(work))
    assert isinstance(values, Values)
    assert [len(job["pubs"]) for job in ibm.jobs()] == [2]
    assert [each.shape for each in values.expectations] == [(5, 3), (5, 2)]


def test_mitigation_reaches_the_service(ibm: Control, tmp_path: Path) -> None:
    work = work_of(turned("X"))
    made(tmp_path, generation="v2", twirling=True, decoupling="XY4", readout_mitigation=False).submit(work)
    options = ibm.jobs()[0]["options"]
    assert options["twirling"] == {"enable_gates": True, "enable_measure": True}
    assert options["dynamical_decoupling"]["sequence_type"] == "XY4"
    assert options["resilience"]["measure_mitigation"] is False


def test_a_job_may_not_take_longer_than_was_allowed(ibm: Control, backend: Ibm) -> None:
    handle = backend.submit(replace(work_of(turned(), shots=10_000), max_seconds=3.9))
    assert ibm.jobs()[0]["most_seconds"] == 3
    answer = backend.collect(handle)
    assert isinstance(answer, Failed)
    assert not answer.retry
    assert "longer than it was allowed" in answer.reason
    assert "Allow a larger budget" in answer.reason


def test_the_least_busy_device_that_fits_and_works_is_taken(ibm: Control, tmp_path: Path) -> None:
    def chosen(circuit: Circuit) -> str:
        return str(made(tmp_path, device=None).forecast(work_of(circuit)).facts["device"])

    assert chosen(turned()) == LARGE
    ibm.device(SMALL, queue=0)
    assert chosen(turned()) == SMALL
    assert chosen(turned(n_qubits=8)) == LARGE
    ibm.device(LARGE, state="maintenance")
    assert chosen(turned(n_qubits=8)) == MIDDLE
    for name in (SMALL, MIDDLE):
        ibm.device(name, state="maintenance")
    refused(made(tmp_path, device=None).check, UserError, f"no device of this account takes jobs now: .*{SMALL}")


def test_work_that_waits_says_how_far_it_is_and_comes_in_another_process(ibm: Control, tmp_path: Path) -> None:
    ibm.queue(held=True)
    work = work_of(turned())
    handle = made(tmp_path).submit(work)
    elsewhere = made(tmp_path / "elsewhere")
    waiting = elsewhere.collect(handle)
    assert isinstance(waiting, NotYet)
    assert f"job {elsewhere.jobs(handle)[0]} is queued on {SMALL}" in waiting.status
    ibm.release()
    values = elsewhere.collect(handle)
    assert isinstance(values, Values)
    assert values.facts["device"] == SMALL
    again = made(tmp_path).collect(handle)
    assert isinstance(again, Values)
    np.testing.assert_array_equal(again.expectations[0], values.expectations[0])
    assert "depth" in again.facts


# Sent once


def test_a_gateway_that_fails_twice_costs_no_job(ibm: Control, backend: Ibm) -> None:
    ibm.fault("bad_gateway", times=2)
    work = work_of(turned())
    for _ in range(2):
        refused(lambda: backend.submit(work), QplugError, "sending the job: status 502.* lists no job of this work")
    assert ibm.requests("POST /jobs") == 2
    assert backend.find(work) is None
    handle = backend.submit(work)
    assert len(ibm.jobs()) == 1
    assert isinstance(backend.collect(handle), Values)


@pytest.mark.parametrize("fault", ["bad_gateway_after_accepting", "answer_lost"])
def test_a_job_that_was_taken_before_its_answer_was_lost_is_found(ibm: Control, backend: Ibm, fault: str) -> None:
    ibm.fault(fault)
    work = work_of(turned())
    handle = backend.submit(work)
    assert ibm.requests("POST /jobs") == 1
    assert [(job["id"], job["repeats"]) for job in ibm.jobs()] == [(backend.jobs(handle)[0], 0)]
    assert backend.find(work) == handle
    assert isinstance(backend.collect(handle), Values)


@pytest.mark.parametrize("named", [True, False])
def test_sent_again_work_is_not_sent(
    ibm: Control, backend: Ibm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    if not named:  # the client then finds the instance itself
        monkeypatch.delenv("QISKIT_IBM_INSTANCE")
    work = work_of(turned())
    handle = backend.submit(work)
    assert made(tmp_path / "elsewhere").submit(work) == handle
    assert ibm.requests("POST /jobs") == 1


def test_too_much_for_a_job_goes_as_a_batch_and_only_what_is_missing_is_sent_again(
    ibm: Control, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qplug_qiskit.ibm_work, "EXECUTIONS_OF_A_JOB", 128)
    work, calls = work_of(turned(), rows=5), iter(range(9))

    def second_fails(*arguments: Any) -> Any:
        if next(calls) == 1:
            ibm.fault("bad_gateway")
        return run_primitive(*arguments)

    monkeypatch.setattr(qplug_qiskit.ibm_jobs, "run_primitive", second_fails)
    refused(lambda: made(tmp_path).submit(work), QplugError, "status 502.* lists no job of this work")
    assert len(ibm.jobs()) == 1
    assert made(tmp_path).find(work) is None
    backend = made(tmp_path, device=None)  # others are less busy, but the rest belongs to where it began
    whole, handle = backend.forecast(work), backend.submit(work)
    assert [(job["tags"][1], job["device"], job["executions"]) for job in ibm.jobs()] == [
        ("qplug-part-0", SMALL, 100), ("qplug-part-1", SMALL, 100), ("qplug-part-2", SMALL, 50)
    ]  # fmt: skip
    assert [(session["mode"], session["accepting_jobs"]) for session in ibm.seen()["sessions"]] == [
        ("batch", False)
    ] * 2
    assert whole.executions == 250
    assert whole.seconds == pytest.approx(sum(job["seconds"] for job in ibm.jobs()), rel=0.2)
    values = backend.collect(handle)
    assert isinstance(values, Values)
    right = reference.expectations(turned(), work.tasks[0].encoding, work.tasks[0].weights)
    np.testing.assert_allclose(values.expectations[0], right, atol=6 / 50**0.5)
    assert sorted(set(values.raw["task0/row"])) == [0, 1, 2, 3, 4]
    assert backend.find(work) == handle


def test_a_session_is_opened_on_request_and_closed_at_once(ibm: Control, tmp_path: Path) -> None:
    backend = made(tmp_path, mode="session")
    handle = backend.submit(work_of(turned()))
    assert [(each["mode"], each["accepting_jobs"]) for each in ibm.seen()["sessions"]] == [("dedicated", False)]
    assert isinstance(backend.collect(handle), Values)
