"""What goes wrong with work at the backend ``ibm`` is said clearly, leaves it resumable, and is never paid for twice.

The client is the real, unmodified one; the server is one of this machine, and proves the client's side alone.
"""

from __future__ import annotations

import logging
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))
from ibm_service.account import TOKEN
from ibm_service.control import Control
from ibm_service.fixtures import LARGE, MIDDLE, SMALL, ibm, without_network
from test_drive import HOW, Crash, Faulty

from qplug.contract.errors import QplugError, UnknownName, UserError
from qplug.contract.interfaces import Values, Work
from qplug.lab.hardware.drive import MOST_SILENCES, Drive
from qplug.lab.hardware.files import Files
from qplug.lab.hardware.journal import JOURNAL, Journal
from qplug.testing.remote import trial_work
from qplug_qiskit.ibm import Ibm

__all__ = ["ibm"]

WHOLE = trial_work(20, "unit", rows=2)
WORK = replace(WHOLE, tasks=WHOLE.tasks[1:])


class Overheard(logging.Handler):
    """All that any logger was told, as text."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.text: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.text.append(self.format(record))


@dataclass
class Desk:
    """Where work is driven, and where all is gathered that could tell the token."""

    home: Path
    errors: list[str] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    sleep: Callable[[float], object] = lambda _: None

    def drive(self, name: str = "run", files: Files | None = None, **parameters: Any) -> Drive:
        folder = self.home / name
        folder.mkdir(exist_ok=True)
        backend = Ibm(**{"device": SMALL, "layout_seeds": 1, "folder": str(folder / "facts"), **parameters})
        journal = Journal(folder / JOURNAL, files)
        return Drive(backend, journal, folder / "raw", 60, lambda seconds: self.sleep(seconds), self.statuses.append)

    def values(self, name: str = "run", work: Work = WORK) -> list[Any]:
        got = self.drive(name).settle(work)
        assert isinstance(got, Values)
        return [each.tolist() for each in got.expectations]

    def refused(self, error: type[QplugError], match: str, drive: Drive | None = None) -> None:
        """Settling fails in these words; nothing of the client's own hangs on to the error."""
        with pytest.raises(error, match=match) as caught:
            (drive or self.drive()).settle(WORK)
        assert type(caught.value) is error
        self.keep(caught.value)

    def keep(self, error: BaseException) -> None:
        """Gathers an error with everything that hangs on to it, and the values of its variables that are text."""
        whole = traceback.TracebackException.from_exception(error, capture_locals=True)
        self.errors.append("".join(whole.format()))
        while error is not None:
            assert isinstance(error, QplugError | Crash), repr(error)
            error = error.__cause__ or error.__context__  # type: ignore[assignment]

    def event(self, name: str = "run") -> str:
        return Journal(self.home / name / JOURNAL).unit("unit").event


@pytest.fixture
def desk(ibm: Control, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """With every logger at its most talkative; nothing that is written, logged or raised may hold the token."""
    monkeypatch.setattr("urllib3.util.retry.Retry.sleep", lambda *_: None)  # the client's pauses before it repeats
    made, overheard, root = Desk(tmp_path), Overheard(), logging.getLogger()
    levels = {logger: logger.level for logger in map(logging.getLogger, ("", "qiskit", "stevedore"))}
    for logger in levels:
        logger.setLevel(logging.INFO)  # of circuits there are thousands of lines
    root.setLevel(logging.DEBUG)
    root.addHandler(overheard)
    try:
        yield made
    finally:
        root.removeHandler(overheard)
        for logger, level in levels.items():
            logger.setLevel(level)
    logged = "\n".join(overheard.text)
    assert "http://" in logged
    assert TOKEN not in logged
    assert TOKEN not in "".join(made.errors + made.statuses)
    assert TOKEN.encode() not in Path("/proc/self/cmdline").read_bytes()
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]


# Every write


def test_a_crash_at_any_write_of_the_journal_costs_no_second_job(ibm: Control, desk: Desk) -> None:
    counting = Faulty()
    right = desk.drive("whole", counting).settle(WORK)
    assert isinstance(right, Values)
    assert counting.writes == 4
    for at in range(1, counting.writes + 1):
        for how in HOW:
            name, before = f"{at}-{how}", len(ibm.jobs())
            with pytest.raises(Crash, match=f"{how} write {at}"):
                desk.drive(name, Faulty(at, how)).settle(replace(WORK, tag=name))
            assert desk.values(name, replace(WORK, tag=name)) == [each.tolist() for each in right.expectations], name
            assert len(ibm.jobs()) == before + 1, name


# What goes wrong, by name


def test_a_gateway_that_fails_twice(ibm: Control, desk: Desk) -> None:
    ibm.fault("bad_gateway", times=2)
    for _ in range(2):
        desk.refused(QplugError, r"IBM Quantum failed \(sending the job: status 502\)\. Try again later\.")
        assert desk.event() == "submitting"
    desk.values()
    assert len(ibm.jobs()) == 1


def test_a_gateway_that_fails_after_it_took_the_job(ibm: Control, desk: Desk) -> None:
    ibm.fault("bad_gateway_after_accepting")
    desk.values()
    assert [(job["tags"][0], job["repeats"]) for job in ibm.jobs()] == [("unit-0", 0)]


@pytest.mark.parametrize("fault", ["unauthorised", "wrong_token"])
def test_a_token_that_is_refused_before_and_after_sending(ibm: Control, desk: Desk, fault: str) -> None:
    told = r"IBM Quantum does not accept the token\. Look at QISKIT_IBM_TOKEN"
    ibm.fault(fault, times=None)
    desk.refused(UserError, told)
    assert (ibm.jobs(), desk.event()) == ([], "")
    ibm.clear()
    ibm.queue(held=True)
    desk.drive().settle(WORK, wait=False)
    ibm.fault(fault, times=None)
    desk.refused(UserError, told)
    assert desk.event() == "submitted"
    ibm.clear()
    ibm.release()
    desk.values()
    assert len(ibm.jobs()) == 1


def test_a_token_that_is_wrong(ibm: Control, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("QISKIT_IBM_TOKEN", "an-old-token-0123456789")
        desk.refused(UserError, r"IBM Quantum does not accept the token\. Look at QISKIT_IBM_TOKEN")
        assert "an-old-token-0123456789" not in desk.errors[0].replace("'QISKIT_IBM_TOKEN', 'an-old", "")
    desk.values()
    assert len(ibm.jobs()) == 1


def test_a_job_that_is_lost_for_good_is_sent_anew(ibm: Control, desk: Desk) -> None:
    ibm.queue(held=True)
    desk.drive().settle(WORK, wait=False)
    (lost,) = (job["id"] for job in ibm.jobs())
    ibm.fault("lost_job", times=None, job=lost)
    ibm.queue()
    desk.refused(
        QplugError, f"job {lost}: IBM Quantum knows no job {lost} any more: .* It may succeed when it is sent again"
    )
    desk.values()
    assert [job["tags"][0] for job in ibm.jobs()] == ["unit-0", "unit-1"]


def test_a_job_that_was_out_of_sight_is_not_paid_for_twice(ibm: Control, desk: Desk) -> None:
    ibm.queue(held=True)
    desk.drive().settle(WORK, wait=False)
    ibm.fault("lost_job", times=None)
    desk.refused(QplugError, "IBM Quantum knows no job loopback0+1 any more")
    ibm.clear()
    ibm.release()
    desk.values()
    assert [job["tags"][0] for job in ibm.jobs()] == ["unit-0"]


def test_a_result_after_an_hour(ibm: Control, desk: Desk) -> None:
    ibm.queue(seconds=3600)
    waited: list[float] = []
    desk.sleep = lambda seconds: (waited.append(seconds), ibm.advance(seconds))
    right = desk.values()
    assert 3000 < sum(waited) <= 3660  # a second of the service's own goes by with each request
    assert f"is queued on {SMALL}" in desk.statuses[0]
    assert len(ibm.jobs()) == 1
    assert desk.values() == right


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"name": "cancelled_job"}, r"job loopback0+1: it was cancelled\. It may succeed when it is sent again"),
        ({"name": "failed_job"}, r"job loopback0+1: it failed: .*lost its calibration.* It may succeed when"),
        (
            {"name": "failed_job", "reason": "no such gate", "code": 1517},
            "no such gate.* Sent again as it is, it fails",
        ),
    ],
)
def test_a_job_that_comes_to_nothing(ibm: Control, desk: Desk, fault: dict[str, Any], told: str) -> None:
    ibm.fault(**fault)
    desk.refused(QplugError, told)
    assert Journal(desk.home / "run" / JOURNAL).units()["unit"].event == "failed"
    desk.values()
    assert [(job["tags"][0], job["charged"] > 0) for job in ibm.jobs()] == [("unit-0", False), ("unit-1", True)]


@pytest.mark.parametrize(
    ("state", "error", "told"),
    [
        ("maintenance", UserError, f"{SMALL} takes no jobs now: it is in maintenance. .*another: {MIDDLE}, {LARGE}"),
        ("retired", UnknownName, f"no IBM device of this account is called '{SMALL}'.*It may be retired.*{LARGE}"),
    ],
)  # fmt: skip
def test_a_device_that_is_gone_before_and_after_sending(
    ibm: Control, desk: Desk, state: str, error: type[QplugError], told: str
) -> None:
    ibm.device(SMALL, state=state)
    desk.refused(error, told)
    assert (ibm.jobs(), desk.event()) == ([], "")
    ibm.device(SMALL, state="active")
    with pytest.raises(Crash):  # the job is taken, and nobody was told which it is
        desk.drive(files=Faulty(2, "before")).settle(WORK)
    ibm.device(SMALL, state=state)
    waited: list[float] = []

    def comes_back(seconds: float) -> None:
        waited.append(seconds)
        ibm.device(SMALL, state="active")

    desk.sleep = comes_back
    desk.values()
    assert len(waited) == 1
    assert f"is queued on {SMALL}" in desk.statuses[0]
    assert len(ibm.jobs()) == 1


def test_work_whose_journal_is_gone_is_found_where_it_ran(ibm: Control, desk: Desk) -> None:
    desk.drive(device=None).settle(WORK)
    shutil.rmtree(desk.home / "run")
    ibm.device(LARGE, queue=99)
    found = desk.drive(device=None).settle(WORK)
    assert isinstance(found, Values)
    assert found.facts["device"] == LARGE
    assert [job["device"] for job in ibm.jobs()] == [LARGE]


def test_an_allowance_that_is_used_up_before_and_after_sending(ibm: Control, desk: Desk) -> None:
    ibm.allowance(remaining=0)
    desk.refused(UserError, "the allowance of this IBM Quantum instance is used up: 600 of 600 s are spent")
    assert (ibm.jobs(), desk.event()) == ([], "")
    ibm.allowance(remaining=30)
    with pytest.raises(Crash):
        desk.drive(files=Faulty(2, "before")).settle(WORK)
    ibm.allowance(remaining=0)
    desk.sleep = lambda _: ibm.allowance(remaining=30)
    desk.values()
    assert f"is queued on {SMALL}" in desk.statuses[0]
    assert len(ibm.jobs()) == 1


def test_no_network_before_and_after_sending(ibm: Control, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    desk.sleep = waited.append
    told = r"IBM Quantum cannot be reached \(.*\)\. Look at the network connection; what was sent is not lost"
    with monkeypatch.context() as patch:
        for name, value in without_network().items():
            patch.setenv(name, value)
        desk.refused(QplugError, told)
    assert (ibm.jobs(), desk.event()) == ([], "")
    ibm.queue(held=True)
    desk.drive().settle(WORK, wait=False)
    ibm.fault("unreachable", times=None)
    desk.refused(QplugError, told)
    assert len(waited) == MOST_SILENCES - 1
    assert desk.event() == "submitted"
    ibm.clear()
    ibm.release()
    desk.values()
    assert len(ibm.jobs()) == 1
    assert np.shape(desk.values()) == (1, 2, 2)
