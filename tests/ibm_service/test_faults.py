"""What the real client makes of each thing that goes wrong."""

from __future__ import annotations

import json

import pytest
from qiskit.providers.exceptions import QiskitBackendNotFoundError
from qiskit_ibm_runtime import QiskitRuntimeService, Session
from qiskit_ibm_runtime.accounts.exceptions import InvalidAccountError
from qiskit_ibm_runtime.exceptions import (
    IBMNotAuthorizedError,
    IBMRuntimeError,
    RuntimeInvalidStateError,
    RuntimeJobFailureError,
    RuntimeJobMaxTimeoutError,
    RuntimeJobNotFound,
)

from .account import TOKEN
from .control import Control
from .faults import NAMES
from .fixtures import LARGE, SMALL, without_network
from .trial import result, sampled


def test_a_gateway_that_fails_before_a_job_is_taken_makes_the_client_send_it_again(ibm: Control) -> None:
    backend = QiskitRuntimeService().backend(SMALL)
    ibm.fault("bad_gateway")

    result(sampled(backend))

    assert ibm.requests("POST /jobs") == 2
    assert [job["repeats"] for job in ibm.jobs()] == [0]
    assert ibm.seen()["faults"] == [{"name": "bad_gateway", "times": 0, "about": {}, "happened": 1}]


def test_a_gateway_that_fails_after_a_job_was_taken_answers_the_clients_repeat_with_that_job(ibm: Control) -> None:
    backend = QiskitRuntimeService().backend(SMALL)
    ibm.fault("bad_gateway_after_accepting")

    job = sampled(backend)

    assert ibm.requests("POST /jobs") == 2
    assert [(each["id"], each["repeats"]) for each in ibm.jobs()] == [(job.job_id(), 1)]


@pytest.mark.parametrize(
    ("fault", "words", "jobs"),
    [("bad_gateway", "505", 0), ("bad_gateway_after_accepting", "505", 1), ("answer_lost", "Connection broken", 1)],
)
def test_a_client_that_is_not_told_of_its_job_finds_it_by_its_tag_or_knows_that_there_is_none(
    ibm: Control, fault: str, words: str, jobs: int
) -> None:
    service = QiskitRuntimeService()
    backend = service.backend(SMALL)
    ibm.fault(fault, status=505)  # the client repeats a 502 for a quarter of a minute, and this not at all

    with pytest.raises(IBMRuntimeError, match=f"Failed to run program.*{words}"):
        sampled(backend, tags=("one",))

    assert [job.job_id() for job in service.jobs(job_tags=["one"])] == [job["id"] for job in ibm.jobs()]
    assert len(ibm.jobs()) == jobs
    again = sampled(backend, tags=("one",))
    assert ibm.jobs()[-1]["id"] == again.job_id()
    assert len(ibm.jobs()) == jobs + 1


def test_a_refused_job_says_why(ibm: Control) -> None:
    backend = QiskitRuntimeService().backend(SMALL)
    ibm.fault("refused_job", status=403, message="the plan allows no more jobs")

    with pytest.raises(IBMRuntimeError, match=r"403.*the plan allows no more jobs"):
        sampled(backend)

    assert ibm.jobs() == []


def test_an_expired_login_is_told_at_the_next_request(ibm: Control) -> None:
    service = QiskitRuntimeService()
    ibm.fault("unauthorised")

    with pytest.raises(IBMNotAuthorizedError, match="401"):
        service.usage()

    assert service.usage()["usage_limit_seconds"] == 600


@pytest.mark.parametrize("token", [TOKEN, "another"])
def test_a_wrong_token_opens_nothing(ibm: Control, monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    monkeypatch.setenv("QISKIT_IBM_TOKEN", token)
    if token == TOKEN:
        ibm.fault("wrong_token", times=None)

    with pytest.raises(InvalidAccountError, match="valid API token"):
        QiskitRuntimeService()

    assert set(ibm.seen()["requests"]) == {"POST /identity/token"}
    assert token not in json.dumps(ibm.seen())


def test_without_a_network_the_client_blames_the_token(ibm: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    ibm.fault("unreachable")
    with pytest.raises(InvalidAccountError, match="valid API token"):
        QiskitRuntimeService()

    for name, value in without_network().items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InvalidAccountError, match="valid API token"):
        QiskitRuntimeService()


def test_a_lost_job_is_not_found(ibm: Control) -> None:
    service = QiskitRuntimeService()
    lost, kept = (sampled(service.backend(SMALL)) for _ in range(2))
    ibm.fault("lost_job", times=None, job=lost.job_id())

    with pytest.raises(RuntimeJobNotFound, match=lost.job_id()):
        service.job(lost.job_id())

    assert [job.job_id() for job in service.jobs()] == [kept.job_id()]
    assert service.job(kept.job_id()).status() == "DONE"


def test_a_job_fails_is_cancelled_or_takes_too_long_each_with_its_reason(ibm: Control) -> None:
    backend = QiskitRuntimeService().backend(SMALL)
    ibm.fault("failed_job", reason="the fridge is warm", code=9701)
    job = sampled(backend)
    with pytest.raises(RuntimeJobFailureError, match="Error code 9701; the fridge is warm"):
        result(job)
    assert (job.status(), job.usage()) == ("ERROR", 0)

    ibm.fault("cancelled_job")
    job = sampled(backend)
    with pytest.raises(RuntimeInvalidStateError, match=f"{job.job_id()}. Job was cancelled"):
        result(job)

    ibm.fault("overlong_job")
    with pytest.raises(RuntimeJobMaxTimeoutError, match="longer than was allowed"):
        result(sampled(backend))

    result(sampled(backend))
    ibm.queue(held=True)
    job = sampled(backend)
    ibm.end_job(job.job_id(), "Failed", "swept away", 9702)
    with pytest.raises(RuntimeJobFailureError, match="Error code 9702; swept away"):
        result(job)


def test_a_job_that_would_take_longer_than_its_client_allows_is_cut_short_and_charged_with_what_was_allowed(
    ibm: Control,
) -> None:
    job = sampled(QiskitRuntimeService().backend(SMALL), shots=10_000, most_seconds=4)

    with pytest.raises(RuntimeJobMaxTimeoutError, match="longer than was allowed"):
        result(job)

    assert (ibm.jobs()[0]["seconds"], job.usage()) == (5.5, 4)


def test_a_job_that_cannot_be_run_fails_with_the_reason_and_leaves_the_server_up(ibm: Control) -> None:
    job = sampled(QiskitRuntimeService().backend(SMALL), shots=10**9, most_seconds=10**6)

    with pytest.raises(RuntimeJobFailureError, match="Error code 9998"):
        result(job)

    assert ibm.jobs()[0]["log"]
    assert job.logs() == ibm.jobs()[0]["log"]


def test_a_device_in_maintenance_takes_jobs_and_runs_them_later(ibm: Control) -> None:
    service = QiskitRuntimeService()
    backend = service.backend(SMALL)
    ibm.device(SMALL, state="maintenance")

    job = sampled(backend)

    assert (backend.status().operational, backend.status().status_msg, job.status()) == (False, "maintenance", "QUEUED")
    ibm.device(SMALL, state="active")
    assert job.status() == "DONE"


def test_jobs_wait_while_the_allowance_is_used_up(ibm: Control) -> None:
    backend = QiskitRuntimeService().backend(SMALL)
    ibm.allowance(remaining=0)

    with pytest.warns(UserWarning, match="has met its usage limit"):
        job = sampled(backend)

    assert job.status() == "QUEUED"
    ibm.allowance(remaining=2.5)
    assert job.status() == "DONE"
    assert ibm.seen()["remaining_seconds"] == pytest.approx(2.5 - 2.07)


def test_a_retired_device_is_known_no_more_and_its_jobs_still_are(ibm: Control) -> None:
    service = QiskitRuntimeService()
    job = sampled(service.backend(SMALL))
    result(job)
    ibm.device(SMALL, state="retired")
    ibm.device(LARGE, state="broken")

    service = QiskitRuntimeService()
    for name in (SMALL, LARGE):
        with pytest.raises(QiskitBackendNotFoundError, match="No backend matches"):
            service.backend(name)
    assert [each.name for each in service.backends()] == ["ibm_algiers"]
    assert service.job(job.job_id()).status() == "DONE"


def test_a_session_that_was_ended_takes_no_more_jobs(ibm: Control) -> None:
    session = Session(backend=QiskitRuntimeService().backend(SMALL))
    ibm.queue(held=True)
    waiting = sampled(session)
    assert session.status() == "Pending"

    session.cancel()

    assert (waiting.status(), session.status(), session.details()["mode"]) == ("CANCELLED", "Closed", "dedicated")
    session._active = True
    with pytest.raises(IBMRuntimeError, match="does not accept jobs"):
        sampled(session)


def test_a_fault_or_a_control_that_does_not_exist_is_refused(ibm: Control) -> None:
    with pytest.raises(ValueError, match="no fault 'flood'") as refusal:
        ibm.fault("flood")
    assert all(name in str(refusal.value) for name in NAMES)
    with pytest.raises(ValueError, match="no control 'open_sesame'"):
        ibm("open_sesame")
    ibm.fault("lost_job", times=None)
    ibm.clear()
    assert ibm.seen()["faults"] == []
