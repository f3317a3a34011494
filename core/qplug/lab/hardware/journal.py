"""``jobs.jsonl``: what was sent to a device, what came back, and what became of it; a line for each event."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from qplug.contract.errors import DataError
from qplug.lab.hardware.files import Files

JOURNAL = "jobs.jsonl"
EVENTS = ("submitting", "submitted", "collected", "failed", "cancelled")
"""What can stand in a line: about to be sent; sent; fetched and kept; lost for good; stopped by the user."""
CUT_SHORT = b" <cut short>"
"""Ends a line that was never written whole, so that it is told from one that was and is damaged."""
_NEEDED = {"submitted": ("handle",), "collected": ("file", "sha256"), "failed": ("reason",)}


@dataclass(frozen=True)
class Unit:
    """What the journal knows of one unit of work.

    Attributes:
        tag: names the work.
        event: the last event; empty if there was none.
        attempt: how often it was sent before and failed or was cancelled; the first time is 0.
        facts: all that was noted of this attempt.
    """

    tag: str
    event: str = ""
    attempt: int = 0
    facts: Mapping[str, Any] | None = None

    @property
    def sent_tag(self) -> str:
        """The tag of this attempt at the device: work that failed is not found again in place of its successor."""
        return f"{self.tag}-{self.attempt}"

    def fact(self, name: str) -> Any:
        """Something that was noted of this attempt; None if it was not."""
        return (self.facts or {}).get(name)


class Journal:
    """The journal of a run.

    A line is on the disk before ``note`` returns. A line without an end, as a kill or a full disk leaves it, was never
    noted: it is passed over, and marked before the next one begins.

    Args:
        path: the file; it need not exist.
        files: the disk.
        now: the time, for the lines.
    """

    def __init__(self, path: Path, files: Files | None = None, now: Callable[[], datetime] | None = None) -> None:
        self.path = path
        self.files = files or Files()
        self._now = now or (lambda: datetime.now(UTC))

    def note(self, unit: Unit, event: str, **facts: Any) -> Unit:
        """Writes what happened to an attempt and gives what is known of it now.

        Raises:
            QplugError: it cannot be written; then nothing may be done that relies on it.
        """
        time = self._now().isoformat(timespec="seconds")
        line = {"event": event, "unit": unit.tag, "attempt": unit.attempt, "time": time, **facts}
        start = CUT_SHORT + b"\n" if self._cut_short() else b""
        self.files.append(self.path, start + json.dumps(line, ensure_ascii=False).encode() + b"\n")
        return Unit(unit.tag, event, unit.attempt, {**(unit.facts or {}), **facts})

    def units(self) -> dict[str, Unit]:
        """What is known of each unit of work, in the order in which they were first sent.

        Raises:
            DataError: a line that was written whole is damaged.
        """
        found: dict[str, Unit] = {}
        for line in self.lines():
            before = found.get(line["unit"])
            facts = dict(before.facts or {}) if before and before.attempt == line["attempt"] else {}
            known = {key: value for key, value in line.items() if key not in ("event", "unit", "attempt")}
            found[line["unit"]] = Unit(line["unit"], line["event"], line["attempt"], {**facts, **known})
        return found

    def unit(self, tag: str) -> Unit:
        """The attempt that is to be carried on with: after one that failed or was cancelled, the next."""
        last = self.units().get(tag, Unit(tag))
        return Unit(tag, attempt=last.attempt + 1) if last.event in ("failed", "cancelled") else last

    def spent_seconds(self) -> float:
        """Time of the device that all attempts took: as charged, or as forecast where that was not told.

        What is about to be sent counts too: it may have been.
        """
        spent: dict[tuple[str, int], float] = {}
        for line in self.lines():
            key = (line["unit"], line["attempt"])
            told = line.get("usage_seconds", line.get("forecast_seconds"))
            if told is not None:
                spent[key] = float(told)
        return sum(spent.values())

    def lines(self) -> Iterator[dict[str, Any]]:
        """Every event, the oldest first.

        Raises:
            DataError: a line is damaged that was once written whole.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise DataError(f"{self.path} cannot be read: {error.strerror or error}.") from error
        for number, text in enumerate(content.split(b"\n")[:-1], start=1):  # behind the last newline nothing is whole
            if text.endswith(CUT_SHORT):
                continue
            if (line := _parsed(text)) is None:
                raise DataError(
                    f"{self.path} is damaged in line {number}. It says what was sent to the device and paid for; "
                    "restore it from a copy, or remove that line if you know what was sent."
                )
            yield line

    def _cut_short(self) -> bool:
        try:
            with self.path.open("rb") as file:
                if file.seek(0, 2) == 0:
                    return False
                file.seek(-1, 2)
                return file.read(1) != b"\n"
        except FileNotFoundError:
            return False


def _parsed(text: bytes) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    if not isinstance(line, dict) or line.get("event") not in EVENTS:
        return None
    typed = isinstance(line.get("unit"), str) and isinstance(line.get("attempt"), int)
    whole = all(isinstance(line.get(name), str) for name in _NEEDED.get(line["event"], ()))
    return line if typed and whole else None
