"""The backend ibm with the real, unmodified client against a server on this machine.

This proves the client's side of the protocol; whether IBM's service takes a job is beyond it.
"""

from __future__ import annotations

import http.client
import io
import logging
import re
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit_ibm_runtime import QiskitRuntimeService

import qplug_qiskit.ibm_jobs
import qplug_qiskit.ibm_work
from qplug.catalogue import entries, load
from qplug.contract.circuit import Circuit, Encoding, Gate, Observable
from qplug.contract.errors import NotSupported, QplugError, UnknownName, UserError
from qplug.contract.interfaces import Failed, NotYet, QuantumHead, Task, Values, Work
from qplug.testing import reference
from qplug.testing.circuits import angle_embedding_strongly_entangling, random_angles
from qplug.testing.remote import check_remote
from qplug_qiskit.ibm import Ibm
from qplug_qiskit.ibm_primitives import run_primitive

sys.path.insert(0, str(Path(__file__).parents[1]))
from ibm_service.account import INSTANCE, TOKEN, environment
from ibm_service.control import Control
from ibm_service.fixtures import LARGE, MIDDLE, SMALL, ibm

__all__ = ["ibm"]


@pytest.fixture
def backend(ibm: Control, tmp_path: Path) -> Ibm:
    return made(tmp_path)


def made(folder: Path, **parameters: Any) -> Ibm:
    return Ibm(**{"device": SMALL, "layout_seeds": 1, "folder": str(folder), **parameters})


def turned(letter: str = "Z", n_qubits: int = 3) -> Circuit:
    """Each wire is turned by an angle of its own, and read in another order."""
    gates = tuple(Gate("ry", (wire,), (Encoding(wire),)) for wire in range(n_qubits))
    wires = [*range(1, n_qubits), 0]
    return Circuit(n_qubits, gates, tuple(Observable(letter, (wire,)) for wire in wires))


def work_of(*circuits: Circuit, rows: int = 2, shots: int = 50, tag: str = "work-0") -> Work:
    tasks = [Task(circuit, *random_angles(circuit, rows, seed)) for seed, circuit in enumerate(circuits)]
    return Work(tuple(tasks), shots, tag)


def refused(call: Callable[[], object], error: type[QplugError], match: str) -> None:
    """The error has these words, and nothing of the client's own hangs on to it."""
    with pytest.raises(error, match=match) as caught:
        call()
    assert type(caught.value) is error
    behind = caught.value.__cause__ or caught.value.__context__
    assert behind is None or isinstance(behind, QplugError)
    told = "".join(traceback.format_exception(caught.value))
    assert TOKEN not in told


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
    quantum = [cls(n_qubits=3) for cls in classes if issubclass(cls, QuantumHead)]  # type: ignore[call-arg]
    circuits = [head.circuit(3) for head in quantum]
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


# What goes wrong


@pytest.mark.parametrize(
    ("fault", "reason", "retry"),
    [
        ({"name": "failed_job"}, "it failed: .*lost its calibration", True),
        ({"name": "failed_job", "reason": "no such gate", "code": 1517}, "it failed: .*no such gate", False),
        ({"name": "cancelled_job"}, "it was cancelled", True),
        ({"name": "overlong_job"}, "it took longer than it was allowed to", False),
    ],
)
def test_jobs_that_come_to_nothing_say_why(
    ibm: Control, backend: Ibm, fault: dict[str, Any], reason: str, retry: bool
) -> None:
    ibm.fault(**fault)
    answer = backend.collect(backend.submit(work_of(turned())))
    assert isinstance(answer, Failed)
    assert re.search(reason, answer.reason)
    assert answer.retry == retry


def test_a_lost_job_and_a_cancelled_one(ibm: Control, backend: Ibm) -> None:
    ibm.queue(held=True)
    lost, kept = backend.submit(work_of(turned(), tag="lost")), backend.submit(work_of(turned(), tag="kept"))
    ibm.fault("lost_job", times=None, job=backend.jobs(lost)[0])
    answer = backend.collect(lost)
    assert isinstance(answer, Failed)
    assert answer.retry
    assert f"knows no job {backend.jobs(lost)[0]}" in answer.reason
    backend.cancel(lost)
    backend.cancel(kept)
    backend.cancel(kept)
    assert [job["status"] for job in ibm.jobs()] == ["Queued", "Cancelled"]
    answer = backend.collect(kept)
    assert isinstance(answer, Failed)
    assert answer.reason == "it was cancelled."


def test_an_account_that_is_refused_or_used_up(ibm: Control, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = made(tmp_path)
    handle = backend.submit(work_of(turned()))
    ibm.fault("unauthorised", times=None)
    refused(lambda: backend.collect(handle), UserError, "does not accept the token. Look at QISKIT_IBM_TOKEN")
    ibm.clear()
    assert isinstance(backend.collect(handle), Values)
    ibm.allowance(remaining=0)
    refused(made(tmp_path).check, UserError, "the allowance of this IBM Quantum instance is used up: 600 of 600 s")
    monkeypatch.setenv("QISKIT_IBM_INSTANCE", INSTANCE.replace("loopback-instance", "other"))
    refused(made(tmp_path).check, UserError, "does not know the instance for this token: .*other")
    monkeypatch.setenv("QISKIT_IBM_CHANNEL", "ibm_quantum")
    refused(made(tmp_path).check, UserError, "not configured right: .*'ibm_quantum'")
    monkeypatch.delenv("QISKIT_IBM_CHANNEL")
    monkeypatch.setenv("QISKIT_IBM_TOKEN", "an-old-token-0123456789")
    refused(made(tmp_path).check, UserError, "does not accept the token. Look at QISKIT_IBM_TOKEN")


def test_a_service_that_goes_away_may_come_back(ibm: Control, tmp_path: Path) -> None:
    backend = made(tmp_path)
    handle = backend.submit(work_of(turned()))
    ibm.fault("unreachable", times=None)
    refused(lambda: backend.collect(handle), QplugError, "IBM Quantum cannot be reached")
    refused(made(tmp_path).check, QplugError, r"cannot be reached \(signing in\)")
    ibm.clear()
    assert isinstance(backend.collect(handle), Values)


def test_without_a_network_or_an_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(1).items():  # nobody answers at port 1
        monkeypatch.setenv(name, value)
    refused(made(tmp_path).check, QplugError, r"IBM Quantum cannot be reached \(signing in\). Look at the network")
    monkeypatch.delenv("QISKIT_IBM_TOKEN")
    monkeypatch.setattr(
        "qiskit_ibm_runtime.accounts.management._DEFAULT_ACCOUNT_CONFIG_JSON_FILE", str(tmp_path / "no")
    )
    told = "no IBM Quantum account is configured.*QISKIT_IBM_TOKEN.*--set backend.fake=FakeTorino"
    refused(made(tmp_path).check, UserError, told)
    refused(lambda: made(tmp_path).forecast(work_of(turned())), UserError, told)


def test_a_saved_account_is_taken(ibm: Control, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, asked = tmp_path / "saved.json", environment(ibm.port)
    QiskitRuntimeService.save_account(
        token=TOKEN, url=asked["QISKIT_IBM_URL"], instance=INSTANCE, channel="ibm_quantum_platform", filename=str(file)
    )
    monkeypatch.setattr("qiskit_ibm_runtime.accounts.management._DEFAULT_ACCOUNT_CONFIG_JSON_FILE", str(file))
    for name in ("QISKIT_IBM_TOKEN", "QISKIT_IBM_INSTANCE", "QISKIT_IBM_URL"):
        monkeypatch.delenv(name)
    assert made(tmp_path).account() == {"plan": "open", "left_seconds": 600}
    ibm.fault("unauthorised", times=None)
    refused(made(tmp_path).check, UserError, "does not accept the token")


def test_devices_that_rest_are_retired_or_too_small(ibm: Control, tmp_path: Path) -> None:
    ibm.device(SMALL, state="maintenance")
    refused(
        made(tmp_path).check, UserError, f"{SMALL} takes no jobs now: .*maintenance.*take another: {MIDDLE}, {LARGE}"
    )
    ibm.device(SMALL, state="retired")
    refused(made(tmp_path).check, UnknownName, f"no IBM device of this account is called '{SMALL}'.*retired.*{LARGE}")
    large = work_of(turned(n_qubits=28))
    refused(lambda: made(tmp_path, device=MIDDLE).forecast(large), NotSupported, f"28 qubits, but {MIDDLE} has 27")


def test_what_the_service_refuses_is_told(ibm: Control, backend: Ibm) -> None:
    ibm.fault("refused_job", status=400, message="too many parameters")
    refused(lambda: backend.submit(work_of(turned())), UserError, "does not take what was asked.*too many parameters")
    assert ibm.jobs() == []


def test_the_token_is_nowhere(ibm: Control, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 0)  # the client's libraries turn it on, for good
    monkeypatch.setattr("http.client.print", print, raising=False)
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    loggers = [logging.getLogger(name) for name in ("qiskit_ibm_runtime", "ibm-cloud-sdk-core", "urllib3")]
    before = [(logger, logger.level) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
        logger.addHandler(handler)
    try:
        backend = made(tmp_path)
        handle = backend.submit(work_of(turned()))
        backend.collect(handle)
        ibm.fault("unauthorised", times=None)
        refused(lambda: backend.collect(handle), UserError, "does not accept the token")
        ibm.fault("wrong_token", times=None)
        refused(made(tmp_path).check, UserError, "does not accept the token")
    finally:
        for logger, level in before:
            logger.setLevel(level)
            logger.removeHandler(handler)
    assert "POST" in log.getvalue()
    assert TOKEN not in log.getvalue()
    assert TOKEN not in handle + repr(backend) + repr(vars(backend))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if TOKEN.encode() in path.read_bytes()]
