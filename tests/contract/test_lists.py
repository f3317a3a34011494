"""Lists as users write them."""

from typing import Annotated

import pytest
from pydantic import Field

from qplug import parameters


class Chosen:
    def __init__(self, *, only: Annotated[tuple[str, ...], Field(description="classes")] = ("rock, hard",)) -> None:
        self.only = only


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("a,b", ("a", "b")),
        ("(a, b)", ("a", "b")),
        ("[a, b]", ("a", "b")),
        ("", ()),
        ('["rock, hard", "jazz"]', ("rock, hard", "jazz")),
        ("['rock, hard', 'jazz',]", ("rock, hard", "jazz")),
        ('"rock, hard", "jazz"', ("rock, hard", "jazz")),
        ("['C:\\sounds', 'it''s']", ("C:\\sounds", "it''s")),
        ("(1) one,(2) two", ("(1) one", "(2) two")),
        ("'a',b", ("a", "b")),
        ("[" * 5000 + '"a"', ("[" * 5000 + '"a',)),
    ],
)
def test_an_entry_may_hold_commas_brackets_and_quotes(text, entries) -> None:
    assert parameters.create(Chosen, {"only": text}, "dataset folder").only == entries


@pytest.mark.parametrize(
    "entries", [("a", "b"), ("a, b", "c"), ('"', "'"), ("[x]",), (" a", "b "), (), ("",), ("(1)", "2)")]
)
def test_what_is_told_can_be_written(entries) -> None:
    text = parameters.value_text(entries)
    assert parameters.create(Chosen, {"only": text}, "dataset folder").only == entries
