"""What goes wrong, by name.

Each fault is set once and then happens so many times, or until it is cleared. What a name means:

================================  ======================================================================================
``bad_gateway``                   a new job is answered 502, or with ``status``, and was not taken
``bad_gateway_after_accepting``   a new job is answered 502, and was taken; the client's own repeats of this request,
                                  which it makes at once, are answered 502 too, as often as was said, and then with
                                  the first job: the client relies on it that repeating is safe
``answer_lost``                   a new job was taken, and the connection ends in the middle of the answer, after
                                  which the client does not repeat it
``unauthorised``                  401 to everything but the log-in
``refused_job``                   a new job is answered with ``status`` and ``message``
``unreachable``                   the connection ends without an answer, whatever was asked
``lost_job``                      404 for ``job``, or for all jobs, which stand in no list meanwhile
``failed_job``                    a job that starts fails with ``reason`` and ``code``
``cancelled_job``                 a job that starts is cancelled by the service, with ``reason``
``overlong_job``                  a job that starts is ended, since it took too long; without a fault too, where the
                                  rule of charges gives more seconds than the client allowed
``at_request``                    after so many further requests, ``after``, whatever is asked is answered as ``how``
                                  says: ``502``, ``401``, or ``dropped``: the connection ends without an answer
``wrong_token``                   the log-in refuses the right key too
================================  ======================================================================================

The client repeats what was answered 500, 502, 503, 504 or not at all five times by itself, which takes a quarter of a
minute, before it gives up; but not the log-in. With ``status=505`` it gives up at once.

What concerns a device (maintenance, retirement, its queue) and the allowance is state, not a fault: ``Service.device``,
``Service.allowance``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

NAMES = frozenset(
    {
        "bad_gateway",
        "bad_gateway_after_accepting",
        "answer_lost",
        "at_request",
        "unauthorised",
        "refused_job",
        "unreachable",
        "lost_job",
        "failed_job",
        "cancelled_job",
        "overlong_job",
        "wrong_token",
    }
)


@dataclass
class Fault:
    """One fault.

    Attributes:
        name: of those in ``NAMES``.
        times: how often it will happen yet; none: until it is cleared.
        about: what more belongs to it: ``job``, ``reason``, ``code``, ``status``, ``message``.
        happened: how often it did.
    """

    name: str
    times: int | None = 1
    about: dict[str, Any] = field(default_factory=dict)
    happened: int = 0


@dataclass
class Faults:
    """All that were set, in their order."""

    all: list[Fault] = field(default_factory=list)

    def set(self, name: str, times: int | None = 1, **about: Any) -> None:
        """From now on this happens.

        Raises:
            KeyError: there is no such fault.
        """
        if name not in NAMES:
            raise KeyError(f"there is no fault {name!r}; there are {', '.join(sorted(NAMES))}")
        self.all.append(Fault(name, times, about))

    def take(self, name: str, job: str | None = None) -> Fault | None:
        """The fault of that name which happens now, and counts as happened; nothing where none is due."""
        fault = self.due(name, job)
        if fault is not None:
            fault.happened += 1
            fault.times = None if fault.times is None else fault.times - 1
        return fault

    def due(self, name: str, job: str | None = None) -> Fault | None:
        """The fault of that name which would happen now."""
        for fault in self.all:
            if fault.name == name and fault.times != 0 and fault.about.get("job", job) == job:
                return fault
        return None

    def clear(self, name: str | None = None) -> None:
        """Ends all faults, or those of one name."""
        self.all = [fault for fault in self.all if name not in (None, fault.name)]

    def told(self) -> list[dict[str, Any]]:
        """All of them, as JSON."""
        return [asdict(fault) for fault in self.all]
