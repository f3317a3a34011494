"""A test's own line to the service, in whichever process it runs."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any

from .account import environment

CONTROLS = (
    "advance",
    "allowance",
    "clear",
    "device",
    "end_job",
    "fault",
    "queue",
    "release",
    "seen",
)
"""Methods of ``Service``, each of which has a private route: ``/_seen`` and so on."""


@dataclass(frozen=True)
class Control:
    """Asks and changes the service behind a port, not as its client but as its owner.

    Args:
        port: of the server, on this machine.
    """

    port: int

    @property
    def environment(self) -> dict[str, str]:
        """What points the client at this server."""
        return environment(self.port)

    def __call__(self, call: str, /, **about: Any) -> Any:
        """Calls a method of ``Service`` by its name.

        Raises:
            ValueError: the service refuses; its words are in it.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        try:
            connection.request("POST", f"/_{call}", json.dumps(about))
            answer = connection.getresponse()
            told = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status != 200:
            raise ValueError(told)
        return told

    def seen(self) -> dict[str, Any]:
        """All that came in: jobs, counted requests, sessions, faults, seconds."""
        told: dict[str, Any] = self("seen")
        return told

    def jobs(self) -> list[dict[str, Any]]:
        """The jobs that were taken, the oldest first."""
        told: list[dict[str, Any]] = self.seen()["jobs"]
        return told

    def requests(self, name: str) -> int:
        """How often something was asked, such as ``POST /jobs`` or ``GET /jobs/*/results``."""
        return int(self.seen()["requests"].get(name, 0))

    def fault(self, name: str, times: int | None = 1, **about: Any) -> None:
        """From now on this goes wrong, so many times, or until it is cleared; the names stand in ``faults``."""
        self("fault", name=name, times=times, **about)

    def clear(self, name: str | None = None) -> None:
        """Ends all faults, or those of a name."""
        self("clear", name=name)

    def queue(self, polls: int = 0, seconds: float = 0.0, held: bool = False) -> None:
        """How long jobs wait: so many questions, so many of the service's own seconds, or until they are released."""
        self("queue", polls=polls, seconds=seconds, held=held)

    def release(self, job: str | None = None) -> None:
        """Lets a held job start, or all."""
        self("release", job=job)

    def advance(self, seconds: float) -> None:
        """Lets the service's own time go by."""
        self("advance", seconds=seconds)

    def device(self, name: str, state: str | None = None, queue: int | None = None) -> None:
        """Puts a device into ``maintenance``, ``retired``, ``broken`` or ``active``, or changes its queue."""
        self("device", name=name, state=state, queue=queue)

    def allowance(self, remaining: float) -> None:
        """Sets how many seconds the account has left."""
        self("allowance", remaining=remaining)

    def end_job(self, job: str, status: str = "Cancelled", reason: str | None = None, code: int | None = None) -> None:
        """Ends a job from the side of the service, as ``Cancelled`` or ``Failed``."""
        self("end_job", job=job, status=status, reason=reason, code=code)
