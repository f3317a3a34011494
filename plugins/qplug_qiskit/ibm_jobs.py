"""Jobs at IBM Quantum: sent once, found by their tags, fetched, cancelled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from qplug.contract.errors import QplugError, UserError
from qplug.contract.interfaces import Failed, NotYet, Values

from .ibm_account import Account
from .ibm_errors import asked, redacted
from .ibm_primitives import Generation, run_primitive
from .ibm_results import read_results
from .ibm_work import Handle, Part, parts_of

_TOO_LONG = 1305
"""The service's code for a job that took longer than it was allowed to."""
_LONGEST_SECONDS = 3 * 3600


@dataclass(frozen=True)
class Sender:
    """How jobs are sent.

    Attributes:
        account: the connection.
        device: where they run.
        generation: which primitives of the client.
        mode: job, batch or session.
    """

    account: Account
    device: Any
    generation: Generation
    mode: str

    def send(
        self,
        parts: Sequence[Part],
        pubs: Sequence[Sequence[tuple[Any, ...]]],
        options: Sequence[dict[str, Any]],
        tag: str,
        sent: Mapping[int, str],
    ) -> list[str]:
        """Sends those parts that were not sent yet, and gives the job of every part.

        Args:
            parts: of the work.
            pubs: of each part.
            options: of each part.
            tag: of the work.
            sent: the jobs of parts that were sent before.

        Raises:
            UserError: the service refuses.
            QplugError: the service cannot be reached, or failed; what it accepted all the same the next call finds.
        """
        jobs = dict(sent)
        missing = [number for number in range(len(parts)) if number not in jobs]
        if missing:
            self.account.send_once()
            with self._opened(len(parts)) as place:
                for number in missing:
                    what = {**options[number], "environment": {"job_tags": tags_of(tag, number)}}
                    jobs[number] = self._sent(place, parts[number], pubs[number], what, tag, number)
        return [jobs[number] for number in range(len(parts))]

    def _sent(
        self, place: Any, part: Part, pubs: Sequence[tuple[Any, ...]], options: dict[str, Any], tag: str, number: int
    ) -> str:
        try:
            job = asked("sending the job", run_primitive, self.generation, part.kind, place, pubs, options)
            return str(job.job_id())
        except UserError:
            raise
        except QplugError as error:
            problem = str(error)
        # The answer may have been lost behind a job that was taken.
        accepted = sent_jobs(self.account, tag)
        if number in accepted:
            return accepted[number]
        raise QplugError(f"{problem} IBM Quantum lists no job of this work, so none was taken.")

    @contextmanager
    def _opened(self, n_jobs: int) -> Iterator[Any]:
        from qiskit_ibm_runtime import Batch, Session

        if self.mode == "job" and n_jobs == 1:
            yield self.device
            return
        kind = Session if self.mode == "session" else Batch
        opened = asked(f"opening a {kind.__name__.lower()}", kind, self.device)
        try:
            yield opened
        finally:
            # Jobs that were sent run to their end; a session that stays open would be paid for.
            asked(f"closing the {kind.__name__.lower()}", opened.close)


def tags_of(tag: str, number: int) -> list[str]:
    """The tags of a part of work."""
    return [tag, f"qplug-part-{number}"]


def sent_jobs(account: Account, tag: str) -> dict[int, str]:
    """The job of each part of the work with this tag that the service knows."""
    found: dict[int, str] = {}
    for instance in account.instances() if tag else []:
        jobs = asked("looking for jobs that were sent", _tagged, account, tag, instance)
        for job in jobs:
            tags = list(job.tags or [])
            part = next((each for each in tags if each.startswith("qplug-part-")), None)
            if tag in tags and part is not None:
                found.setdefault(int(part.removeprefix("qplug-part-")), str(job.job_id()))
    return found


def device_of(account: Account, job: str) -> str:
    """The name of the device that a job was sent to."""
    backend = asked("asking for the job", _backend_of, account, job)
    return str(backend.name)


def collect_jobs(account: Account, handle: Handle, facts: dict[str, Any]) -> Values | NotYet | Failed:
    """What came of sent work."""
    jobs, states = [], []
    for number in handle.jobs:
        job = asked("asking for the job", _job, account, number)
        if job is None:
            return Failed(
                f"IBM Quantum knows no job {number} any more: it was deleted, or belongs to another account.",
                retry=True,
            )
        jobs.append(job)
        states.append(asked("asking for the job", job.status))
    for job, state in zip(jobs, states, strict=True):
        if failed := _failure(job, str(state)):
            return failed
    waiting = [(job, state) for job, state in zip(jobs, states, strict=True) if state != "DONE"]
    if waiting:
        return NotYet("; ".join(_progress(job, str(state), handle.device) for job, state in waiting))
    results = [asked("fetching the result", job.result) for job in jobs]
    if any(result is None for result in results):
        return NotYet(f"job {handle.jobs[0]} is done, and its result is not there yet")
    expectations, raw = read_results(handle.shapes, parts_of(handle.shapes, handle.shots), results)
    usage, ran = _usage(jobs)
    facts = {**facts, "device": handle.device, "fake": False, "job_ids": list(handle.jobs), "ran": ran}
    bounded = tuple(np.asarray(each, dtype=np.float64) for each in expectations)
    return Values(bounded, usage, raw, facts)


def cancel_jobs(account: Account, handle: Handle) -> None:
    """Cancels what is not done."""
    for number in handle.jobs:
        job = asked("asking for the job", _job, account, number)
        if job is not None and asked("asking for the job", job.status) not in ("DONE", "CANCELLED", "ERROR"):
            asked("cancelling the job", _cancelled, job)


def _tagged(account: Account, tag: str, instance: str | None) -> list[Any]:
    return list(account.service.jobs(limit=None, job_tags=[tag], instance=instance, descending=False))


def _backend_of(account: Account, job: str) -> Any:
    return account.service.job(job).backend()


def _job(account: Account, number: str) -> Any | None:
    from qiskit_ibm_runtime.exceptions import RuntimeJobNotFound

    try:
        return account.service.job(number)
    except RuntimeJobNotFound:
        return None


def _cancelled(job: Any) -> None:
    from qiskit_ibm_runtime.exceptions import RuntimeInvalidStateError

    try:
        job.cancel()
    except RuntimeInvalidStateError:
        return  # it was done in the meantime


def _failure(job: Any, state: str) -> Failed | None:
    if state == "CANCELLED":
        return Failed("it was cancelled.", retry=True)
    if state != "ERROR":
        return None
    said = redacted(" ".join(str(asked("asking for the job", job.error_message) or "no reason was given").split()))[
        :800
    ]
    code = getattr(job, "_reason_code", None)
    if code == _TOO_LONG:
        return Failed(
            f"it took longer than it was allowed to ({said}). Allow a larger budget, or take fewer samples or shots.",
            retry=False,
        )
    internal = code is None or 9000 <= int(code) < 10_000
    return Failed(f"it failed: {said}.", retry=internal)


def _progress(job: Any, state: str, device: str) -> str:
    words = {"QUEUED": "queued", "RUNNING": "running", "INITIALIZING": "being prepared"}.get(state, state.lower())
    told = f"job {job.job_id()} is {words} on {device}"
    if state != "QUEUED":
        return told
    try:
        metrics = asked("asking for the queue", job.metrics)
    except QplugError:
        return told
    position, start = metrics.get("position_in_queue"), metrics.get("estimated_start_time")
    told += f", at position {position}" if position is not None else ""
    return told + (f", about to start at {start}" if start else "")


def _usage(jobs: Sequence[Any]) -> tuple[float | None, list[str | None]]:
    """Seconds that were charged, None while that is not told; and when each job began to run."""
    seconds: list[float] = []
    ran: list[str | None] = []
    for job in jobs:
        metrics = asked("asking for the usage", job.metrics)
        told = metrics.get("usage") or {}
        known = told.get("qpu_charge_time_seconds", told.get("quantum_seconds"))
        if known is not None and told.get("status") != "pending":
            seconds.append(float(known))
        ran.append((metrics.get("timestamps") or {}).get("running"))
    return (sum(seconds) if len(seconds) == len(jobs) else None), ran


def allowed_seconds(seconds: float | None, share: float) -> int | None:
    """The most whole seconds that a job may take, as its share of what all may take."""
    if seconds is None:
        return None
    return min(_LONGEST_SECONDS, max(1, int(seconds * share)))
