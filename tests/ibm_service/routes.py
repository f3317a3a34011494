"""The REST interface of the service: a request to an answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from .account import found, plan
from .faults import Fault
from .service import FINAL, Job, Service


@dataclass(frozen=True)
class Request:
    """One request of a client, which has the server as its proxy: its address names a host.

    Attributes:
        method: in capitals.
        url: whole.
        body: as it came.
        authorization: the header of that name.
    """

    method: str
    url: str
    body: bytes = b""
    authorization: str | None = None

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.url).path)

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.url).query)

    def one(self, name: str, default: str = "") -> str:
        """The first value of a name in the query."""
        return self.query.get(name, [default])[0]


@dataclass(frozen=True)
class Answer:
    """What is sent back.

    Attributes:
        code: of HTTP; 0: the connection ends without a word.
        body: JSON, as a rule.
        cut: the connection ends before the whole body was sent.
    """

    code: int = 200
    body: bytes = b""
    cut: bool = False

    @classmethod
    def of(cls, told: Any, code: int = 200) -> Answer:
        return cls(code, json.dumps(told).encode())

    @classmethod
    def problem(cls, code: int, number: int, message: str) -> Answer:
        """An error, with its number in IBM's list of errors."""
        error = {"code": number, "message": message, "solution": "", "more_info": ""}
        return cls.of({"errors": [error], "trace": "loopback"}, code)


EMPTY = Answer(204)
SILENCE = Answer(0)
HALF = Answer(200, b'{"id": "', cut=True)
UNAUTHORISED = Answer.problem(401, 1218, "Unable to authenticate. Your authorization token is not valid.")


def _not_found(what: str, number: int) -> Answer:
    return Answer.problem(404, number, f"{what} not found")


@dataclass
class Routes:
    """Answers requests out of the state of a service."""

    service: Service
    _unanswered: tuple[bytes, Job] | None = field(default=None, init=False)
    """A job that was taken and whose sender was not told so, and the request that it came with."""

    def answer(self, request: Request) -> Answer:
        """What this request is answered with; it is counted."""
        method, path = request.method, re.sub(r"^/api/v1", "", request.path)
        with self.service.lock:
            self.service.requests[f"{method} {_kind(path)}"] += 1
            early = self._before(request, path)
        if early is not None:
            return early
        if (method, path) != ("POST", "/jobs"):
            self._unanswered = None
        for its_method, pattern, reply in ROUTES:
            if method == its_method and (match := re.fullmatch(pattern, path)):
                return reply(self, request, *match.groups())
        return Answer.problem(404, 1000, f"the loopback server has no route {method} {path}")

    def _before(self, request: Request, path: str) -> Answer | None:
        """What every request meets first: no network, the log-in, and whether it may come in."""
        faults = self.service.faults
        if (due := faults.due("at_request")) is not None and due.about["after"] > 0:
            due.about["after"] -= 1
        elif (due := faults.take("at_request")) is not None:
            return {"502": _gateway(due), "401": UNAUTHORISED, "dropped": SILENCE}[due.about["how"]]
        if faults.take("unreachable"):
            return SILENCE
        if path.endswith("/identity/token"):
            given = self.service.account.log_in(parse_qs(request.body.decode()))
            if given is None or faults.take("wrong_token"):
                wrong = {"errorCode": "BXNIM0415E", "errorMessage": "Provided API key could not be found."}
                return Answer.of(wrong, 400)
            return Answer.of(given)
        if faults.take("unauthorised") or not self.service.account.lets_in(request.authorization):
            return UNAUTHORISED
        return None

    # Account

    def search(self, request: Request) -> Answer:
        return Answer.of(found([each.name for each in self.service.devices]))

    def catalogue(self, request: Request) -> Answer:
        return Answer.of(plan())

    def usage(self, request: Request) -> Answer:
        return Answer.of(self.service.account.usage(self.service.used()))

    # Devices

    def backends(self, request: Request) -> Answer:
        return Answer.of({"devices": [each.line() for each in self.service.devices if each.state != "retired"]})

    def backend(self, request: Request, name: str, what: str) -> Answer:
        device = self.service.find(name)
        if device is None or device.state == "broken":
            return _not_found(f"Backend {name}", 1007)
        return Answer.of(getattr(device, what)())

    # Jobs

    def submit(self, request: Request) -> Answer:
        with self.service.lock:
            faults = self.service.faults
            if fault := faults.take("bad_gateway"):
                return _gateway(fault)
            if fault := faults.take("refused_job"):
                message = str(fault.about.get("message", "The job was refused."))
                return Answer.problem(fault.about.get("status", 400), fault.about.get("code", 1000), message)
            sent = json.loads(request.body)
            if problem := self._refusal(sent):
                return problem
            job = self._repeated(request.body) or self.service.accept(sent)
            self._unanswered = None
            for name, reply in (("answer_lost", lambda _: HALF), ("bad_gateway_after_accepting", _gateway)):
                if fault := faults.take(name):
                    self._unanswered = (request.body, job)
                    return reply(fault)
            return Answer.of({"id": job.id, "backend": job.device, "private": False})

    def _refusal(self, sent: dict[str, Any]) -> Answer | None:
        if self.service.find(sent["backend"]) is None:
            return _not_found(f"Backend {sent['backend']}", 1007)
        session = self.service.sessions.get(sent.get("session_id", ""))
        if session is not None and not session["accepting_jobs"]:
            return Answer.problem(409, 1217, "The session does not accept jobs")
        return None

    def _repeated(self, body: bytes) -> Job | None:
        """The job of this very request, where its sender was not told that it was taken, and repeats it at once."""
        if self._unanswered is None or self._unanswered[0] != body:
            return None
        self._unanswered[1].repeats += 1
        return self._unanswered[1]

    def jobs(self, request: Request) -> Answer:
        with self.service.lock:
            chosen = [job for job in self.service.jobs.values() if _asked_for(job, request) and not self._lost(job)]
        if request.one("sort") != "ASC":
            chosen.reverse()
        start, most = int(request.one("offset", "0")), int(request.one("limit", "20"))
        page = [_view(job) for job in chosen[start : start + most]]
        return Answer.of({"jobs": page, "count": len(chosen), "limit": most, "offset": start})

    def job(self, request: Request, name: str) -> Answer:
        job = self._job(name)
        if job is None:
            return _not_found(f"Job {name}", 1291)
        self.service.poll(job)
        return Answer.of(_view(job) | ({} if request.one("exclude_params") else {"params": job.params}))

    def results(self, request: Request, name: str) -> Answer:
        job = self._job(name)
        if job is None:
            return _not_found(f"Job {name}", 1291)
        job.fetched += 1
        return Answer(200, job.result.encode()) if job.result is not None else Answer(204)

    def metrics(self, request: Request, name: str) -> Answer:
        job = self._job(name)
        return _not_found(f"Job {name}", 1291) if job is None else Answer.of(_metrics(job))

    def logs(self, request: Request, name: str) -> Answer:
        job = self._job(name)
        return _not_found(f"Job {name}", 1291) if job is None else Answer(200, job.log.encode())

    def cancel(self, request: Request, name: str) -> Answer:
        job = self._job(name)
        if job is None:
            return _not_found(f"Job {name}", 1291)
        return EMPTY if self.service.cancel(job) else Answer.problem(409, 1305, f"Job {name} has ended: {job.status}")

    def delete(self, request: Request, name: str) -> Answer:
        job = self._job(name)
        if job is None:
            return _not_found(f"Job {name}", 1291)
        del self.service.jobs[name]
        return EMPTY

    def tags(self, request: Request, name: str) -> Answer:
        job = self._job(name)
        if job is None:
            return _not_found(f"Job {name}", 1291)
        job.tags = json.loads(request.body)["tags"]
        return EMPTY

    def _lost(self, job: Job) -> bool:
        return self.service.faults.due("lost_job", job.id) is not None

    def _job(self, name: str) -> Job | None:
        return None if self.service.faults.take("lost_job", name) else self.service.jobs.get(name)

    # Sessions

    def open(self, request: Request) -> Answer:
        return Answer.of(self.service.open_session(json.loads(request.body)))

    def session(self, request: Request, name: str) -> Answer:
        session = self.service.sessions.get(name)
        if session is None:
            return _not_found(f"Session {name}", 1217)
        return Answer.of(session | {"elapsed_time": self.service.spent_in(name)})

    def close(self, request: Request, name: str) -> Answer:
        if name not in self.service.sessions:
            return _not_found(f"Session {name}", 1217)
        self.service.sessions[name] |= {"accepting_jobs": False, "state": "closed"}
        return EMPTY

    def cancel_session(self, request: Request, name: str) -> Answer:
        for job in self.service.jobs.values():
            if job.session == name:
                self.service.cancel(job)
        return self.close(request, name)


JOB = r"/jobs/([^/]+)"
SESSION = r"/sessions/([^/]+)"
ROUTES: tuple[tuple[str, str, Callable[..., Answer]], ...] = (
    ("GET", r".*/resources/search", Routes.search),
    ("POST", r".*/resources/search", Routes.search),
    ("GET", r".*/plan-open", Routes.catalogue),
    ("GET", r"/instances/usage", Routes.usage),
    ("GET", r"/backends", Routes.backends),
    ("GET", r"/backends/([^/]+)/(configuration|properties|status)", Routes.backend),
    ("POST", r"/jobs", Routes.submit),
    ("GET", r"/jobs", Routes.jobs),
    ("GET", JOB, Routes.job),
    ("DELETE", JOB, Routes.delete),
    ("GET", JOB + "/results", Routes.results),
    ("GET", JOB + "/metrics", Routes.metrics),
    ("GET", JOB + "/logs", Routes.logs),
    ("POST", JOB + "/cancel", Routes.cancel),
    ("PUT", JOB + "/tags", Routes.tags),
    ("POST", r"/sessions", Routes.open),
    ("GET", SESSION, Routes.session),
    ("PATCH", SESSION, Routes.close),
    ("DELETE", SESSION + "/close", Routes.cancel_session),
)


def _kind(path: str) -> str:
    """The path with stars for names, by which requests are counted."""
    return re.sub(r"^/(jobs|sessions|backends)/[^/]+", r"/\1/*", path)


def _gateway(fault: Fault) -> Answer:
    code = fault.about.get("status", 502)
    return Answer.of({"error": {"message": "the gateway got no answer", "code": code}}, code)


def _asked_for(job: Job, request: Request) -> bool:
    """Whether the job is of those that a list of jobs was asked for."""
    query = request.query
    wanted = {"backend": job.device, "program": job.program, "session_id": job.session}
    since, until = request.one("created_after"), request.one("created_before")
    return (
        all(request.one(name, str(value)) == str(value) for name, value in wanted.items())
        and set(query.get("tags", [])) <= set(job.tags)
        and request.one("pending") != ("true" if job.status in FINAL else "false")
        and (not since or job.created >= datetime.fromisoformat(since))
        and (not until or job.created <= datetime.fromisoformat(until))
    )


def _view(job: Job) -> dict[str, Any]:
    state = {"status": job.status} | ({"reason": job.reason, "reason_code": job.code} if job.reason else {})
    return {
        "id": job.id,
        "backend": job.device,
        "status": job.status,
        "state": state,
        "program": {"id": job.program},
        "created": job.created.isoformat().replace("+00:00", "Z"),
        "tags": job.tags,
        "session_id": job.session,
        "runtime": "",
        "private": False,
        "cost": job.most_seconds,
        "estimated_running_time_seconds": job.load.seconds,
    }


def _metrics(job: Job) -> dict[str, Any]:
    times = {"created": job.created, "running": job.started, "finished": job.ended}
    complete = "complete" if job.status in FINAL else "pending"
    return {
        "timestamps": {name: time and time.isoformat().replace("+00:00", "Z") for name, time in times.items()},
        "usage": {"qpu_charge_time_seconds": job.charged, "status": complete},
        "num_circuits": sum(pub.circuits for pub in job.load.pubs),
    }
