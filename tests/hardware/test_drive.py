"""Work for a remote backend, sent once whatever happens."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from toy_remote import FolderQueue, fail, jobs, serve

from qplug.contract.errors import DataError, PluginError, QplugError, UserError
from qplug.contract.interfaces import Forecast, NotYet, Values
from qplug.lab.hardware.drive import MOST_SILENCES, Drive, tag_of
from qplug.lab.hardware.files import Files
from qplug.lab.hardware.journal import JOURNAL, Journal, Unit
from qplug.testing.remote import check_remote, trial_work

WORK = trial_work(100, "unit")


class Crash(BaseException):
    """The process is gone."""


class Faulty(Files):
    """Counts writes, and lets the process end at one of them: before it, in its middle, or right after."""

    def __init__(self, at: int = 0, how: str = "") -> None:
        self.at, self.how, self.writes = at, how, 0

    def append(self, path: Path, content: bytes) -> None:
        self._write(lambda part: super(Faulty, self).append(path, part), content)

    def replace(self, path: Path, content: bytes) -> None:
        # A file that appears in one step has no middle.
        self._write(lambda part: super(Faulty, self).replace(path, content) if part == content else None, content)

    def _write(self, write: object, content: bytes) -> None:
        self.writes += 1
        if self.writes != self.at:
            return write(content)  # type: ignore[operator]
        if self.how != "before":
            write(content if self.how == "after" else content[: len(content) // 2])  # type: ignore[operator]
        raise Crash(f"{self.how} write {self.at}")


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    folder = tmp_path / "queue"
    folder.mkdir()
    return folder


def driven(queue: Path, files: Files | None = None, budget: float = 60, **changes: object) -> Drive:
    home = queue.parent
    settings = {"sleep": lambda _: serve(queue)} | changes
    return Drive(FolderQueue(folder=str(queue)), Journal(home / JOURNAL, files), home / "raw", budget, **settings)  # type: ignore[arg-type]


def values(drive: Drive) -> Values:
    got = drive.settle(WORK)
    assert isinstance(got, Values)
    return got


def test_the_toy_keeps_every_promise_of_a_remote_backend(queue: Path) -> None:
    check_remote(FolderQueue(folder=str(queue)), lambda: serve(queue))


def test_another_process_is_the_device(queue: Path) -> None:
    drive = driven(queue)
    assert drive.settle(WORK, wait=False) == NotYet("queued")
    program = Path(__file__).with_name("toy_remote.py")
    subprocess.run([sys.executable, str(program), str(queue)], check=True, timeout=600)
    got = drive.settle(WORK, wait=False)
    assert isinstance(got, Values)
    assert [each.shape for each in got.expectations] == [(3, 3), (3, 2)]


def test_values_are_fetched_once_and_kept_with_what_the_device_gave(queue: Path) -> None:
    first = values(driven(queue))
    for path in queue.iterdir():
        path.unlink()
    again = values(driven(queue))
    assert [each.tolist() for each in again.expectations] == [each.tolist() for each in first.expectations]
    assert again.raw["ones"].tolist() == first.raw["ones"].tolist()
    assert (again.usage_seconds, again.facts) == (first.usage_seconds, {"device": "folder"})


HOW = ("before", "middle", "after")


def test_a_crash_at_any_write_of_the_journal_costs_no_second_job(tmp_path: Path) -> None:
    whole = tmp_path / "whole" / "queue"
    whole.mkdir(parents=True)
    counting = Faulty()
    right = values(driven(whole, counting))
    assert counting.writes == 4  # about to be sent, sent, the values, collected
    for at in range(1, counting.writes + 1):
        for how in HOW:
            queue = tmp_path / f"{at}-{how}" / "queue"
            queue.mkdir(parents=True)
            with pytest.raises(Crash, match=f"{how} write {at}"):
                driven(queue, Faulty(at, how)).settle(WORK)
            got = values(driven(queue))
            assert len(jobs(queue)) == 1, (at, how)
            assert [each.tolist() for each in got.expectations] == [each.tolist() for each in right.expectations]


def test_crashes_at_any_two_writes_cost_no_second_job(tmp_path: Path) -> None:
    for first in range(1, 5):
        for second in range(1, 5):
            queue = tmp_path / f"{first}-{second}" / "queue"
            queue.mkdir(parents=True)
            for at in (first, second):
                try:
                    driven(queue, Faulty(at, "middle")).settle(WORK)
                except Crash:
                    continue
            values(driven(queue))
            assert len(jobs(queue)) == 1, (first, second)


@pytest.mark.parametrize("accepted", [False, True])
def test_an_answer_that_is_lost_on_its_way_costs_no_second_job(queue: Path, accepted: bool) -> None:
    drive = driven(queue)
    submit = FolderQueue.submit

    def lost(work: object) -> str:
        if accepted:
            submit(drive.backend, work)  # type: ignore[arg-type]
        raise QplugError("502 Bad Gateway")

    drive.backend.submit = lost  # type: ignore[method-assign]
    with pytest.raises(QplugError, match="502 Bad Gateway"):
        drive.settle(WORK)
    assert len(jobs(queue)) == accepted
    values(driven(queue))
    assert len(jobs(queue)) == 1


@pytest.mark.parametrize("point", [1, 2, 3])
def test_a_real_kill_costs_no_second_job(queue: Path, point: int) -> None:
    program = Path(__file__).with_name("kill_remote.py")
    done = subprocess.run([sys.executable, str(program), str(queue.parent), str(point)], check=False, timeout=600)
    assert done.returncode == -9
    home = queue.parent
    values(replace(driven(queue), folder=home))
    assert len(jobs(queue)) == 1


def test_a_failed_job_is_said_and_sent_anew_when_it_is_asked_again(queue: Path) -> None:
    def break_it(_: float) -> None:
        fail(queue, jobs(queue)[0], "the device is in maintenance.")

    with pytest.raises(QplugError, match=r"job [0-9a-f]{32}: the device is in maintenance\. It may succeed"):
        driven(queue, sleep=break_it).settle(WORK)
    values(driven(queue))
    assert len(jobs(queue)) == 2
    events = [line["event"] for line in Journal(queue.parent / JOURNAL).lines()]
    assert events == ["submitting", "submitted", "failed", "submitting", "submitted", "collected"]


def test_cancelled_work_is_stopped_and_what_is_not_there_cannot_be(queue: Path) -> None:
    drive = driven(queue)
    drive.settle(WORK, wait=False)
    drive.cancel("unit")
    assert drive.journal.units()["unit"].event == "cancelled"
    assert "reason" in json.loads(next(queue.glob("*.answer")).read_text("utf-8"))
    with pytest.raises(UserError, match="no work called unit waits"):
        drive.cancel("unit")


def test_silence_is_borne_for_a_while(queue: Path) -> None:
    waited: list[float] = []

    def deaf_for(rounds: int) -> object:
        def sleep(seconds: float) -> None:
            waited.append(seconds)
            (queue / "deaf").touch()
            if len(waited) >= rounds:
                (queue / "deaf").unlink()
                serve(queue)

        return sleep

    values(driven(queue, sleep=deaf_for(MOST_SILENCES)))
    assert waited == [1.0, 1.5, 2.25, 3.375, 5.0625]
    drive = driven(queue, sleep=deaf_for(99))
    waited.clear()
    with pytest.raises(QplugError, match="queue does not answer"):
        drive.settle(replace(WORK, tag="other"))
    assert drive.journal.units()["other"].event == "submitted"


def test_a_result_that_takes_an_hour_is_waited_for_with_growing_pauses(queue: Path) -> None:
    clock = [0.0]

    def sleep(seconds: float) -> None:
        assert seconds <= 60
        clock[0] += seconds
        if clock[0] > 3600:
            serve(queue)

    values(driven(queue, sleep=sleep))
    assert 3600 < clock[0] < 3700


def test_the_budget_is_never_exceeded_and_the_device_told_what_is_left(queue: Path) -> None:
    with pytest.raises(UserError, match=r"would take 1\.3 s .* budget is 1\.2 s\. Nothing was sent"):
        driven(queue, budget=1.2).settle(replace(WORK, tasks=WORK.tasks[:1]))
    assert jobs(queue) == []
    drive = driven(queue, budget=3)
    drive.settle(WORK)
    assert json.loads((queue / f"{jobs(queue)[0]}.job").read_text("utf-8"))["max_seconds"] == 3
    assert math.isclose(drive.journal.spent_seconds(), 1.6)
    with pytest.raises(UserError, match=r"and 1\.6 s are spent"):
        drive.settle(replace(WORK, tag="more"))
    assert len(jobs(queue)) == 1


def test_a_job_sent_before_a_crash_counts_against_the_budget_once(queue: Path) -> None:
    with pytest.raises(Crash):
        driven(queue, Faulty(1, "after"), budget=2).settle(WORK)
    values(driven(queue, budget=2))
    assert math.isclose(Journal(queue.parent / JOURNAL).spent_seconds(), 1.6)


def test_a_damaged_journal_is_refused_with_the_line(queue: Path) -> None:
    values(driven(queue))
    path = queue.parent / JOURNAL
    lines = path.read_bytes().splitlines(keepends=True)
    for damaged in (b"{}\n", lines[1][:40] + b"\n", lines[1].replace(b'"handle"', b'"handel"')):
        path.write_bytes(lines[0] + damaged + b"".join(lines[2:]))
        with pytest.raises(DataError, match=rf"{JOURNAL} is damaged in line 2\."):
            driven(queue).settle(WORK)
    assert len(jobs(queue)) == 1


def test_damaged_values_are_refused(queue: Path) -> None:
    values(driven(queue))
    (kept,) = (queue.parent / "raw").iterdir()
    kept.write_bytes(kept.read_bytes()[:-1])
    with pytest.raises(DataError, match=rf"{kept.name}, what the device gave, is damaged"):
        driven(queue).settle(WORK)


@pytest.mark.parametrize(("wrong", "told"), [
    ((np.zeros((3, 3)), np.zeros((2, 2))), r"promised \[\(3, 3\), \(3, 2\)\] and gave \[\(3, 3\), \(2, 2\)\]"),
    ((np.zeros((3, 3)), np.full((3, 2), np.nan)), r"not in \[-1, 1\]: \[0\.0"),
    ((np.zeros((3, 3)), np.full((3, 2), 1.5)), r"not in \[-1, 1\]: \[0\.0"),
])  # fmt: skip
def test_values_that_cannot_be_are_refused_and_not_kept(queue: Path, wrong: tuple[np.ndarray, ...], told: str) -> None:
    drive = driven(queue)
    drive.backend.collect = lambda _: Values(wrong)  # type: ignore[method-assign]
    with pytest.raises(PluginError, match=told):
        drive.settle(WORK)
    assert drive.journal.units()["unit"].event == "submitted"


def test_a_forecast_that_is_no_number_is_refused(queue: Path) -> None:
    drive = driven(queue)
    drive.backend.forecast = lambda _: Forecast(1, math.nan)  # type: ignore[method-assign]
    with pytest.raises(PluginError, match=r"forecast gave nan seconds"):
        drive.settle(WORK)


def test_a_tag_depends_on_everything_that_is_sent_and_on_nothing_else() -> None:
    task = WORK.tasks[0]
    others = [
        replace(WORK, shots=101),
        replace(WORK, tasks=WORK.tasks[::-1]),
        replace(WORK, tasks=(replace(task, encoding=task.encoding + 1e-9), *WORK.tasks[1:])),
        replace(WORK, tasks=(replace(task, weights=task.weights + 1e-9), *WORK.tasks[1:])),
    ]
    tags = {tag_of(WORK, "run"), tag_of(WORK, "other run"), *(tag_of(other, "run") for other in others)}
    assert len(tags) == 6
    assert tag_of(trial_work(100, "another tag"), "run") == tag_of(WORK, "run")


def test_a_new_journal_knows_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / JOURNAL)
    assert (journal.units(), journal.spent_seconds(), journal.unit("a")) == ({}, 0, Unit("a"))
