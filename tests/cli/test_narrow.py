"""What stands on a narrow terminal: no address, name or number is cut or broken."""

from __future__ import annotations

import io

import pytest

from qplug.lab.runner.jobs import SentWork
from qplug_cli import blocks
from qplug_cli.commands.check import check
from qplug_cli.commands.jobs import _show
from qplug_cli.words import PlainConsole

ADDRESS = "https://example.org/en/stable/code/api/a_name_that_is_far_too_long_for_what_is_left.html"
RUN = "20260101-120000-fsdd-pennylane-pqc-1a2b3c4d5e6f"


def printed(width: int) -> tuple[PlainConsole, io.StringIO]:
    file = io.StringIO()
    return PlainConsole(file=file, width=width), file


def test_an_address_is_never_broken_and_words_are_never_cut() -> None:
    console, file = printed(60)
    blocks.pairs(
        console, [("read more", ADDRESS), ("about", "words [dim]that[/dim] end between words " * 3), ("no", "")]
    )
    lines = file.getvalue().splitlines()
    assert f"read more       {ADDRESS}" in lines
    assert all(len(line) <= 60 for line in lines if ADDRESS not in line)
    assert " ".join(lines).count("[dim]that[/dim]") == 3
    assert {word for line in lines[1:-1] for word in line.split()} == {
        "about", "words", "[dim]that[/dim]", "end", "between",
    }  # fmt: skip


def test_numbers_are_whole_and_headings_give_way() -> None:
    headings = ("step", "thought before", "95 % interval", "same label")
    rows = [("exact", "0.632", "0.409 to 0.929", "–"), ("modelled noise", "0.559", "0.529 to 0.978", "75.0 %")]
    for width, folds in ((60, False), (50, True), (46, True)):
        console, file = printed(width)
        blocks.numbers(console, headings, rows, n_words=1)
        told = file.getvalue()
        assert all(cell in told for row in rows for cell in row)
        assert ("thought before" in told) is not folds
        assert max(map(len, told.splitlines())) <= width


@pytest.mark.parametrize("width", [64, 200])
def test_names_of_jobs_can_be_copied(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    work = SentWork(
        RUN, "test-ibm-1", {"name": "ibm"}, "with the device", ("d1abcdefghijklmnop0g",), 24, 256, 1, 36.4, None, None,
        None, (1, 2),
    )  # fmt: skip
    monkeypatch.setenv("COLUMNS", str(width))
    _show([work])
    told = capsys.readouterr().out
    for text in (RUN, "d1abcdefghijklmnop0g", "with the device (job 1 of 2)", "36.4 s", "256"):
        assert text in told
    assert max(map(len, told.splitlines())) <= width


def test_checks_are_counted_while_they_are_made(capsys: pytest.CaptureFixture[str]) -> None:
    check("reducer", "linear", only=["declaration", "pickling"], json=False)
    out, err = capsys.readouterr()
    assert "2 passed" in out
    assert "2 checks of linear" in err
