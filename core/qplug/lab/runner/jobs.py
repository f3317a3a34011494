"""The work that runs have sent to devices: what became of it, and stopping what waits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from qplug import catalogue
from qplug.contract.errors import DataError, UserError
from qplug.contract.interfaces import RemoteBackend
from qplug.lab.hardware.drive import Drive
from qplug.lab.hardware.journal import JOURNAL, Journal, Unit
from qplug.lab.runs.directory import CONFIG, RunDirectory
from qplug.lab.runs.evaluations import EVALUATIONS
from qplug.lab.runs.lock import Lock
from qplug.lab.runs.sent_plan import PLAN, SentPlan, read_plan

STATES = {
    "": "not sent",
    "submitting": "being sent",
    "submitted": "with the device",
    "collected": "done",
    "failed": "failed",
    "cancelled": "cancelled",
}
"""What the last event of a journal means for people."""


@dataclass(frozen=True)
class SentWork:
    """One unit of work that a run has for a device.

    Attributes:
        run: the run directory.
        evaluation: the folder of the evaluation that it belongs to.
        backend: name and parameters.
        state: one of the values of ``STATES``.
        job_ids: the device's names for it.
        n_samples: how many samples.
        shots: of each.
        attempts: how often it was sent.
        forecast_seconds: of the device, for one attempt.
        usage_seconds: charged; None if it is not told.
        time: of the last event, ISO 8601; None before the first.
        reason: why it failed.
    """

    run: str
    evaluation: str
    backend: dict[str, Any]
    state: str
    job_ids: tuple[str, ...]
    n_samples: int
    shots: int
    attempts: int
    forecast_seconds: float | None
    usage_seconds: float | None
    time: str | None
    reason: str | None


def sent_work(place: Path) -> list[SentWork]:
    """All work of a run, or of the runs in a folder, the oldest run first.

    Raises:
        UserError: there is no such folder.
        DataError: a plan or a journal is damaged.
    """
    return [_described(home, read_plan(home)) for home in _homes(place)]


def cancel(run: Path) -> list[SentWork]:
    """Stops all work of a run that is with a device, and gives what was stopped.

    Raises:
        UserError: nothing of it waits, there is no such run, or another process waits for it.
        QplugError: the device cannot be reached.
    """
    homes = [home for home in _homes(RunDirectory.open(run).path) if _unit(home, read_plan(home)).event == "submitted"]
    if not homes:
        raise UserError(f"no work of {run} is with a device. All that was sent: qplug jobs {run}")
    for home in homes:
        _cancel(home)
    return [_described(home, read_plan(home)) for home in homes]


def _cancel(home: Path) -> None:
    plan = read_plan(home)
    settings = plan.backend
    name = settings.pop("name")
    made = catalogue.create("backend", name, settings)
    lock = Lock(home)
    try:
        Drive(cast(RemoteBackend, made), Journal(home / JOURNAL), home, plan.budget_seconds).cancel(plan.tag)
    finally:
        lock.release()


def _homes(place: Path) -> Iterator[Path]:
    if not place.is_dir():
        raise UserError(f"there is no folder {place}. All runs: qplug runs")
    runs = [place] if (place / CONFIG).is_file() else sorted(path for path in place.iterdir() if path.is_dir())
    for run in runs:
        yield from sorted(path.parent for path in run.glob(f"{EVALUATIONS}/*/{PLAN}"))


def _unit(home: Path, plan: SentPlan) -> Unit:
    try:
        return Journal(home / JOURNAL).units().get(plan.tag, Unit(plan.tag))
    except OSError as error:
        raise DataError(f"{home / JOURNAL} cannot be read: {error.strerror or error}.") from error


def _described(home: Path, plan: SentPlan) -> SentWork:
    unit = _unit(home, plan)
    return SentWork(
        run=str(home.parent.parent),
        evaluation=home.name,
        backend=plan.backend,
        state=STATES[unit.event],
        job_ids=tuple(unit.fact("jobs") or ()),
        n_samples=len(plan.samples),
        shots=plan.shots,
        attempts=0 if unit.event in ("", "submitting") else unit.attempt + 1,
        forecast_seconds=plan.forecast_seconds,
        usage_seconds=unit.fact("usage_seconds"),
        time=unit.fact("time"),
        reason=unit.fact("reason"),
    )
