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


def test_what_prepares_the_others_is_not_taken_for_what_they_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passes of ten: the first makes features for 100 s, each later one takes 10 s."""
    ends = [0.0, *(100 + 10 * number for number in range(4) for _ in range(10))]
    monkeypatch.setattr(progress.time, "monotonic", lambda: ends.pop(0))
    notes = Notes()
    seen = Progress(notes, n=40, left=40, bar=False, what="cells")
    for number in range(40):
        seen.told(f"seed {number}", 0.5)
    assert not [note for note in notes.notes[:10] if "left" in note]
    assert notes.notes[10].endswith("about 29 s left")
    assert notes.notes[19].endswith("about 20 s left")
    assert notes.notes[29].endswith("about 10 s left")


def test_pieces_that_take_less_than_a_second_have_an_estimate_too(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = [0.0, *(100 + 0.5 * number for number in range(100))]
    monkeypatch.setattr(progress.time, "monotonic", lambda: ends.pop(0))
    notes = Notes()
    seen = Progress(notes, n=100, left=100, bar=False, what="cells")
    for number in range(100):
        seen.told(f"seed {number}", 0.5)
    assert 15 <= int(notes.notes[59].rpartition("about ")[2].split()[0]) <= 25  # 20 s in truth
