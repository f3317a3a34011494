"""The work that runs have sent to devices: what became of it, and stopping what waits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from qplug import catalogue
from qplug.contract.errors import DataError, UserError
from qplug.contract.interfaces import RemoteBackend
from qplug.lab.config.layers import from_file
from qplug.lab.hardware.drive import Drive
from qplug.lab.hardware.journal import JOURNAL, Journal, Unit
from qplug.lab.runs.directory import CONFIG, TRAINING, RunDirectory
from qplug.lab.runs.evaluations import EVALUATIONS
from qplug.lab.runs.lock import Lock
from qplug.lab.runs.sent_plan import PLAN, read_plan, read_tags
from qplug.lab.runs.sent_training import SentTraining, read_training

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
    """What a run has for a device: one unit of work of an evaluation, or all steps of a training.

    Attributes:
        run: the run directory.
        evaluation: the folder of the evaluation that it belongs to; ``training`` for the steps of a training.
        backend: name and parameters.
        state: one of the values of ``STATES``.
        job_ids: the device's names for it.
        n_samples: how many samples; None for a training, each step of which has its own.
        shots: of each.
        attempts: how often it was sent; of a training, how often any step was.
        forecast_seconds: of the device, for one attempt, or for all steps.
        usage_seconds: charged; None if it is not told.
        time: of the last event, ISO 8601; None before the first.
        reason: why it failed.
        stage: which of the jobs of an evaluation that sends several, one made of the other's values, and of how many;
            None: there is one.
    """

    run: str
    evaluation: str
    backend: dict[str, Any]
    state: str
    job_ids: tuple[str, ...]
    n_samples: int | None
    shots: int
    attempts: int
    forecast_seconds: float | None
    usage_seconds: float | None
    time: str | None
    reason: str | None
    stage: tuple[int, int] | None = None


def sent_work(place: Path) -> list[SentWork]:
    """All work of a run, or of the runs in a folder, the oldest run first.

    Raises:
        UserError: there is no such folder.
        DataError: a plan or a journal is damaged.
    """
    return [each for home in _homes(place) for each in _described(home)]


def cancel(run: Path) -> list[SentWork]:
    """Stops all work of a run that is with a device, and gives what was stopped.

    Raises:
        UserError: nothing of it waits, there is no such run, or another process waits for it.
        QplugError: the device cannot be reached.
    """
    homes = [home for home in _homes(RunDirectory.open(run).path) if _waiting(home)]
    if not homes:
        raise UserError(f"no work of {run} is with a device. All that was sent: qplug jobs {run}")
    stopped = [tag for home in homes for tag in _cancel(home)]
    return [each for home in homes for each in _described(home, stopped)]


def _cancel(home: Path) -> list[str]:
    """Stops what waits, and gives its tags."""
    settings = _backend(home)
    made = cast(RemoteBackend, catalogue.create("backend", settings.pop("name"), settings))
    lock = Lock(home)
    try:
        tags = _waiting(home)
        for tag in tags:
            Drive(made, Journal(home / JOURNAL), home, 0).cancel(tag)
        return tags
    finally:
        lock.release()


def _homes(place: Path) -> Iterator[Path]:
    if not place.is_dir():
        raise UserError(f"there is no folder {place}. All runs: qplug runs")
    runs = [place] if (place / CONFIG).is_file() else sorted(path for path in place.iterdir() if path.is_dir())
    for run in runs:
        if (run / TRAINING / PLAN).is_file():
            yield run / TRAINING
        yield from sorted(path.parent for path in run.glob(f"{EVALUATIONS}/*/{PLAN}"))


def _is_training(home: Path) -> bool:
    return home.name == TRAINING


def _backend(home: Path) -> dict[str, Any]:
    """Name and parameters; a training takes those of the run where it names the same backend."""
    if not _is_training(home):
        return read_plan(home).backend
    name, of_the_run = _training(home).backend, from_file(home.parent / CONFIG).get("backend", {})
    return dict(of_the_run) if of_the_run.get("name") == name else {"name": name}


def _training(home: Path) -> SentTraining:
    plan = read_training(home)
    assert plan is not None  # or it were no home
    return plan


def _units(home: Path) -> list[Unit]:
    try:
        units = Journal(home / JOURNAL).units()
    except OSError as error:
        raise DataError(f"{home / JOURNAL} cannot be read: {error.strerror or error}.") from error
    if _is_training(home):
        return list(units.values())
    return [units.get(tag, Unit(tag)) for tag in read_tags(home)]


def _waiting(home: Path) -> list[str]:
    return [unit.tag for unit in _units(home) if unit.event == "submitted"]


def _described(home: Path, tags: Sequence[str] | None = None) -> Iterator[SentWork]:
    """The steps of a training in one, and each job of an evaluation; of some tags alone, if they are given."""
    units = _units(home)
    if _is_training(home):
        training = _training(home)
        yield _work(home, units, training.shots, training.forecast_seconds)
        return
    plan = read_plan(home)
    for stage, unit in enumerate(units, start=1):
        if tags is None or unit.tag in tags:
            several: dict[str, Any] = {}
            if plan.stages:
                several = {"forecast_seconds": plan.stage_seconds[stage - 1], "stage": (stage, plan.n_stages)}
            found = _work(home, [unit], plan.shots, plan.forecast_seconds)
            yield replace(found, n_samples=len(plan.samples), **several)


def _work(home: Path, units: Sequence[Unit], shots: int, forecast: float | None) -> SentWork:
    # Steps go one after the other, so the last tells how all of them fare.
    units = units or [Unit("")]
    last, charged = units[-1], [unit.fact("usage_seconds") for unit in units]
    return SentWork(
        run=str(home.parent if _is_training(home) else home.parent.parent),
        evaluation=home.name,
        backend=_backend(home),
        state=STATES[last.event],
        job_ids=tuple(job for unit in units for job in unit.fact("jobs") or ()),
        n_samples=None,
        shots=shots,
        attempts=sum(0 if unit.event in ("", "submitting") else unit.attempt + 1 for unit in units),
        forecast_seconds=forecast,
        usage_seconds=None if set(charged) == {None} else sum(each or 0.0 for each in charged),
        time=last.fact("time"),
        reason=last.fact("reason"),
    )
