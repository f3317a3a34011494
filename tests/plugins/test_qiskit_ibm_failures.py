"""What goes wrong between the backend ibm and the service: each thing has its own message, and nothing secret leaks."""

from __future__ import annotations

import http.client
import io
import logging
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from qiskit_ibm_runtime import QiskitRuntimeService

from qplug.contract.errors import NotSupported, QplugError, UnknownName, UserError
from qplug.contract.interfaces import Failed, Values
from qplug_qiskit.ibm import Ibm

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))
from ibm_service.account import INSTANCE, TOKEN, environment
from ibm_service.control import Control
from ibm_service.fixtures import LARGE, MIDDLE, SMALL, ibm
from ibm_trial import made, refused, turned, work_of

__all__ = ["ibm"]


@pytest.fixture
def backend(ibm: Control, tmp_path: Path) -> Ibm:
    return made(tmp_path)


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
