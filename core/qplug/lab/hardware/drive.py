"""One unit of work from before it is sent until its values are kept, in as many processes as that takes."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from qplug.circuits.json_text import dump
from qplug.circuits.values_file import pack, unpack
from qplug.contract.errors import DataError, PluginError, QplugError, UserError
from qplug.contract.interfaces import Failed, NotYet, RemoteBackend, Values, Work
from qplug.lab.hardware.journal import Journal, Unit

FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds between two questions to the device; each wait is half as long again as the one before."""
_SLACK = 1e-6  # seconds; sums of times are not exact
MOST_SILENCES = 5
"""So many answers in a row may fail to come, as when a laptop wakes up without a network yet."""


def tag_of(work: Work, *salt: str) -> str:
    """A name for the work that depends on its circuits, angles, shots and ``salt``, and on nothing else.

    Args:
        work: what is to be sent.
        salt: what else tells it from other work, such as the run, the backend and its settings.
    """
    digest = hashlib.sha256(json.dumps([work.shots, *salt]).encode())
    for task in work.tasks:
        digest.update(dump(task.circuit).encode())
        for angles in (task.encoding, task.weights):
            plain = np.ascontiguousarray(angles, dtype="<f8")
            digest.update(repr(plain.shape).encode() + plain.tobytes())
    return f"qplug-{digest.hexdigest()[:32]}"


@dataclass
class Drive:
    """Sends work, waits for it, keeps what comes, and picks up what an earlier process left.

    Only one process at a time may drive the work of a journal.

    Attributes:
        backend: the device.
        journal: what was done so far.
        folder: where values are kept.
        budget: seconds of the device that all of the journal's work together may take.
        sleep: waits so many seconds.
        told: told how far the work is.
    """

    backend: RemoteBackend
    journal: Journal
    folder: Path
    budget: float
    sleep: Callable[[float], None] = time.sleep
    told: Callable[[str], None] = lambda _: None

    def settle(self, work: Work, *, wait: bool = True, reserved: float = 0.0) -> Values | NotYet:
        """The values of the work, which is sent only if it never was.

        Args:
            work: with a tag; see ``tag_of``.
            wait: whether to wait for the device; otherwise ``NotYet`` is given where it is not done.
            reserved: seconds of the budget that are kept for work that comes later.

        Raises:
            UserError: the budget does not allow it; nothing was sent.
            QplugError: the device failed or cannot be reached; all that was sent is noted, and the next call goes on.
            DataError: the journal, or the values that were kept, are damaged.
        """
        unit = self._begun(work.tag)
        if unit.event == "collected":
            return self._kept(unit)
        if unit.event != "submitted":
            unit = self._sent(unit, work, reserved)
        return self._awaited(unit, work) if wait else self._asked(unit, work)

    def cancel(self, tag: str) -> None:
        """Stops work that was sent and is not done.

        Raises:
            UserError: nothing of that name waits at the device.
        """
        unit = self.journal.unit(tag)
        if unit.event != "submitted":
            raise UserError(f"no work called {tag} waits at the device; {self.journal.path} says what was sent.")
        self.backend.cancel(unit.fact("handle"))
        self.journal.note(unit, "cancelled")

    def _begun(self, tag: str) -> Unit:
        """What is to be gone on with: a job that seemed lost and is there after all is not sent anew."""
        last = self.journal.units().get(tag, Unit(tag))
        if last.event == "failed" and last.fact("retry"):
            handle = last.fact("handle")
            if not isinstance(self.backend.collect(handle), Failed):
                return self.journal.note(last, "submitted", handle=handle, jobs=last.fact("jobs"))
        return self.journal.unit(tag)

    def _sent(self, unit: Unit, work: Work, reserved: float) -> Unit:
        """The unit with its handle: what was sent already is found, anything else is sent."""
        sent = replace(work, tag=unit.sent_tag)
        handle = self.backend.find(sent) if unit.event == "submitting" else None
        if handle is None:
            forecast = self.backend.forecast(work).seconds
            left = self._left(unit, forecast, reserved)
            if unit.event != "submitting":
                unit = self.journal.note(unit, "submitting", forecast_seconds=forecast, shots=work.shots)
            handle = self.backend.submit(replace(sent, max_seconds=left))
        return self.journal.note(unit, "submitted", handle=handle, jobs=list(self.backend.jobs(handle)))

    def _left(self, unit: Unit, forecast: float, reserved: float) -> float:
        """Seconds that the work may take: whole ones, for devices that stop a job count no fractions of them."""
        counted = float(unit.fact("forecast_seconds") or 0) if unit.event == "submitting" else 0.0
        spent = self.journal.spent_seconds() - counted
        if not math.isfinite(forecast) or forecast < 0:
            raise PluginError(f"{type(self.backend).__name__}.forecast gave {forecast} seconds.")
        left = math.floor(self.budget - spent - reserved + _SLACK)
        if forecast > left:
            later = f", {reserved:.3g} s are for the jobs behind it" if reserved else ""
            raise UserError(
                f"the work would take {forecast:.3g} s of the device{later}, and {spent:.3g} s are spent, but the "
                f"budget is {self.budget:.3g} s. Nothing was sent. Allow a larger budget, or take fewer samples or "
                "shots."
            )
        return left

    def _awaited(self, unit: Unit, work: Work) -> Values:
        pause, silences = FIRST_WAIT, 0
        while True:
            try:
                answer, silences = self._asked(unit, work), 0
            except (UserError, PluginError):
                raise
            except _Lost as error:
                raise QplugError(str(error)) from None
            except QplugError as error:
                silences += 1
                if silences >= MOST_SILENCES:
                    raise
                answer = NotYet(str(error))
            if isinstance(answer, Values):
                return answer
            self.told(answer.status)
            self.sleep(pause)
            pause = min(1.5 * pause, LONGEST_WAIT)

    def _asked(self, unit: Unit, work: Work) -> Values | NotYet:
        answer = self.backend.collect(unit.fact("handle"))
        if isinstance(answer, Failed):
            self.journal.note(unit, "failed", reason=answer.reason, retry=answer.retry)
            way = "It may succeed when it is sent again" if answer.retry else "Sent again as it is, it fails again"
            raise _Lost(f"job {', '.join(self.backend.jobs(unit.fact('handle')))}: {answer.reason} {way}.")
        if isinstance(answer, Values):
            _refuse_misshapen(self.backend, answer, work)
            self._keep(unit, answer)
        return answer

    def _keep(self, unit: Unit, values: Values) -> None:
        content = pack(values)
        name = f"{unit.sent_tag}.npz"
        self.journal.files.replace(self.folder / name, content)
        digest = hashlib.sha256(content).hexdigest()
        usage = {} if values.usage_seconds is None else {"usage_seconds": values.usage_seconds}
        self.journal.note(unit, "collected", file=name, sha256=digest, **usage)

    def _kept(self, unit: Unit) -> Values:
        path = self.folder / unit.fact("file")
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DataError(f"{path}, what the device gave, cannot be read: {error.strerror or error}.") from error
        if hashlib.sha256(content).hexdigest() != unit.fact("sha256"):
            raise DataError(f"{path}, what the device gave, is damaged. Restore it from a copy.")
        return unpack(content)


class _Lost(QplugError):
    """A job that will never be done."""


def _refuse_misshapen(backend: RemoteBackend, values: Values, work: Work) -> None:
    expected = [(len(task.encoding), len(task.circuit.observables)) for task in work.tasks]
    found = [tuple(each.shape) for each in values.expectations]
    if found != expected:
        raise PluginError(f"{type(backend).__name__}.collect promised {expected} and gave {found}.")
    every = np.concatenate([each.ravel() for each in values.expectations])
    if not np.isfinite(every).all() or (np.abs(every).max(initial=0) > 1 and not backend.capabilities.noise):
        raise PluginError(
            f"{type(backend).__name__}.collect gave values that are not in [-1, 1]: {every.tolist()[:5]}…"
        )
