"""What is told of work that consists of many pieces."""

from __future__ import annotations

import itertools

import pytest

from qplug.lab.comparison import progress
from qplug.lab.comparison.progress import Progress
from qplug.lab.runner.reporter import Silent


class Notes(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        """Keeps it."""
        self.notes.append(text)


def told(monkeypatch: pytest.MonkeyPatch, *, seconds: float, room: int = 2) -> list[str]:
    """The notes of four pieces that take so long each."""
    clock = itertools.count(0.0, seconds)
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    notes = Notes()
    seen = Progress(notes, n=4, left=4, bar=True, what="cells", room=room)
    for number in range(4):
        seen.told(f"seed {number}", 0.5)
    return notes.notes


def test_long_work_one_by_one_is_told_once_how_to_do_more_of_it_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    notes = told(monkeypatch, seconds=100, room=8)
    hints = [note for note in notes if "at once" in note]
    assert len(hints) == 1
    assert "--jobs 8" in hints[0]
    assert len(notes) == 5


@pytest.mark.parametrize("kept", [{"seconds": 10}, {"seconds": 100, "room": 1}])
def test_no_more_is_offered_where_it_is_short_or_there_is_no_room(
    monkeypatch: pytest.MonkeyPatch, kept: dict[str, int]
) -> None:
    assert not [note for note in told(monkeypatch, **kept) if "at once" in note]
