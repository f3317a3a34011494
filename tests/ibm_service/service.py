"""The state of the service: devices, jobs, sessions, a clock of its own, and what goes wrong."""

from __future__ import annotations

import itertools
import json
import math
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from . import programs
from .account import Account
from .devices import Device
from .faults import Fault, Faults

FINAL = ("Completed", "Failed", "Cancelled")
TOO_LONG = 1305
"""The code by which the client knows that a job took longer than was allowed."""


@dataclass
class Queue:
    """When a job leaves the queue: all of it must hold.

    Attributes:
        polls: after it was asked for so many times.
        seconds: once so much of the service's own time has gone by since it was sent.
        held: not before it is released.
    """

    polls: int = 0
    seconds: float = 0.0
    held: bool = False


@dataclass
class Job:
    """One job, from the request on which it was taken."""

    id: str
    device: str
    program: str
    params: dict[str, Any]
    tags: list[str]
    session: str | None
    most_seconds: int | None
    load: programs.Load
    created: datetime
    held: bool
    status: str = "Queued"
    polls: int = 0
    repeats: int = 0
    fetched: int = 0
    started: datetime | None = None
    ended: datetime | None = None
    reason: str | None = None
    code: int | None = None
    result: str | None = None
    log: str = ""

    @property
    def charged(self) -> float:
        """Seconds that were used: none by what failed or was cancelled, all that was allowed by what was cut short."""
        if self.status == "Completed":
            return self.load.seconds
        return min(self.load.seconds, self.most_seconds or math.inf) if self.code == TOO_LONG else 0.0

    def end(self, status: str, now: datetime, reason: str | None = None, code: int | None = None) -> None:
        self.status, self.ended, self.reason, self.code = status, now, reason, code

    def told(self) -> dict[str, Any]:
        """What tests are told of it."""
        names = ("id", "device", "program", "tags", "session", "most_seconds", "status", "polls", "repeats", "fetched")
        return {name: getattr(self, name) for name in (*names, "reason", "log")} | {
            "created": self.created.isoformat(),
            "pubs": [asdict(pub) for pub in self.load.pubs],
            "executions": sum(pub.circuits * pub.shots for pub in self.load.pubs),
            "seconds": self.load.seconds,
            "charged": self.charged,
            "options": self.params.get("options") or {},
            "resilience_level": self.params.get("resilience_level"),
        }


class Service:
    """All that the service knows; one for each server.

    Args:
        devices: those it offers.
        noise: whether jobs run with the noise of their device.
        seed: of the shots of each job.
    """

    def __init__(self, devices: Sequence[Device], *, noise: bool = True, seed: int = 1) -> None:
        self.devices = list(devices)
        self.noise = noise
        self.seed = seed
        self.account = Account()
        self.faults = Faults()
        self.jobs: dict[str, Job] = {}
        self.sessions: dict[str, dict[str, Any]] = {}
        self.requests: Counter[str] = Counter()
        self.waiting = Queue()
        self.began = datetime.now(UTC)
        self.passed = timedelta()
        self.lock = threading.RLock()
        self._running = threading.Lock()
        self._numbers = itertools.count(1)

    @property
    def now(self) -> datetime:
        """Time that goes by when a test says so, and a second with each request: no two jobs are of one moment."""
        with self.lock:
            return self.began + self.passed + timedelta(seconds=self.requests.total())

    def find(self, name: str) -> Device | None:
        """The device of that name, unless it was retired."""
        return next((each for each in self.devices if each.name == name and each.state != "retired"), None)

    def used(self) -> float:
        """Seconds that all jobs here were charged with."""
        with self.lock:
            return sum(job.charged for job in self.jobs.values())

    # What clients do

    def accept(self, sent: dict[str, Any]) -> Job:
        """Takes a job."""
        number = next(self._numbers)
        job = Job(
            id=f"loopback{number:012d}",
            device=sent["backend"],
            program=sent["program_id"],
            params=sent["params"],
            tags=sent.get("tags") or [],
            session=sent.get("session_id"),
            most_seconds=sent.get("cost"),
            load=programs.load(sent["program_id"], sent["params"]),
            created=self.now,
            held=self.waiting.held,
        )
        self.jobs[job.id] = job
        return job

    def open_session(self, sent: dict[str, Any]) -> dict[str, Any]:
        """Opens a session or a batch."""
        name = f"session{next(self._numbers):012d}"
        self.sessions[name] = {
            "id": name,
            "backend_name": sent.get("backend"),
            "mode": sent.get("mode"),
            "max_ttl": sent.get("max_ttl"),
            "state": "open",
            "accepting_jobs": True,
        }
        return self.sessions[name]

    def spent_in(self, session: str) -> float:
        """Seconds that the jobs of a session were charged with."""
        with self.lock:
            return sum(job.charged for job in self.jobs.values() if job.session == session)

    def poll(self, job: Job) -> None:
        """A client asks how the job is; where it may start, it is run now, so that no test depends on how fast."""
        with self.lock:
            job.polls += 1
            if job.status != "Queued" or not self._may_start(job):
                return
            job.status, job.started = "Running", self.now
            fault = self._fault(job)
        if fault is None:
            with self._running:
                self._run(job)
        else:
            self._go_wrong(job, fault)

    def cancel(self, job: Job) -> bool:
        """Whether it could be cancelled."""
        with self.lock:
            if job.status in FINAL:
                return False
            job.end("Cancelled", self.now)
            return True

    def _may_start(self, job: Job) -> bool:
        device = self.find(job.device)
        return (
            not job.held
            and job.polls > self.waiting.polls
            and (self.now - job.created).total_seconds() >= self.waiting.seconds
            and device is not None
            and device.works
            and self.account.spent + self.used() < self.account.limit
        )

    def _fault(self, job: Job) -> Fault | None:
        for kind in ("failed_job", "cancelled_job", "overlong_job"):
            if fault := self.faults.take(kind, job.id):
                return fault
        overlong = job.most_seconds is not None and job.load.seconds > job.most_seconds
        return Fault("overlong_job") if overlong else None

    def _go_wrong(self, job: Job, fault: Fault) -> None:
        about = fault.about
        if fault.name == "failed_job":
            reason = about.get("reason", "The device lost its calibration.")
            job.end("Failed", self.now, reason, about.get("code", 9999))
        elif fault.name == "cancelled_job":
            job.end("Cancelled", self.now, about.get("reason", "Cancelled by the operator."), about.get("code"))
        else:
            job.end("Cancelled", self.now, about.get("reason", "The job ran longer than was allowed."), TOO_LONG)

    def _run(self, job: Job) -> None:
        device = self.find(job.device)
        assert device is not None
        try:
            result = programs.run(job.program, job.params, device.model.target, noise=self.noise, seed=self.seed)
        except Exception as error:  # whatever a job brings along must not end the server
            job.log = f"{type(error).__name__}: {error}"
            job.end("Failed", self.now, job.log, 9998)
            return
        with self.lock:
            if job.status == "Running":  # and was not cancelled meanwhile
                job.result = result
                job.end("Completed", self.now)

    # What tests do

    def fault(self, name: str, times: int | None = 1, **about: Any) -> None:
        """From now on this goes wrong, so many times; the names stand in ``faults``."""
        self.faults.set(name, times, **about)

    def clear(self, name: str | None = None) -> None:
        """Ends all faults, or those of a name."""
        self.faults.clear(name)

    def queue(self, polls: int = 0, seconds: float = 0.0, held: bool = False) -> None:
        """How long jobs wait; those that were held before stay held."""
        self.waiting = Queue(polls, seconds, held)

    def release(self, job: str | None = None) -> None:
        """Lets this job start, or all; those that come later are held no more, where all are released."""
        for each in self.jobs.values():
            each.held = each.held and job not in (None, each.id)
        self.waiting.held = self.waiting.held and job is not None

    def advance(self, seconds: float) -> None:
        """Lets the service's own time go by."""
        self.passed += timedelta(seconds=seconds)

    def device(self, name: str, state: str | None = None, queue: int | None = None) -> None:
        """Changes the state of a device (see ``Device``) or how many jobs wait there."""
        device = next(each for each in self.devices if each.name == name)
        device.state = device.state if state is None else state
        device.queue = device.queue if queue is None else queue

    def allowance(self, remaining: float) -> None:
        """Sets how many seconds the account has left."""
        self.account.spent = self.account.limit - remaining - self.used()

    def end_job(self, job: str, status: str = "Cancelled", reason: str | None = None, code: int | None = None) -> None:
        """Ends a job from the side of the service."""
        self.jobs[job].end(status, self.now, reason, code)

    def seen(self) -> dict[str, Any]:
        """All that came in, as JSON."""
        told = {
            "jobs": [job.told() for job in self.jobs.values()],
            "requests": dict(self.requests),
            "sessions": list(self.sessions.values()),
            "faults": self.faults.told(),
            "used_seconds": self.used(),
            "remaining_seconds": self.account.limit - self.account.spent - self.used(),
            "now": self.now.isoformat(),
        }
        plain: dict[str, Any] = json.loads(json.dumps(told))
        return plain
