"""What a call in Python tells while it goes on."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from qplug.study.bars import StageBars
from qplug.study.progress import Bars, showing

METRICS = {"validation_accuracy": 0.625, "validation_cross_entropy": 1.25}


def told(console: Console, *, quiet: bool = False) -> str:
    bars = Bars(console, quiet=quiet)
    with bars:
        bars.stage("training [x]")
        bars.progress(3, 7)
        bars.epoch(2, 5, METRICS)
        bars.note("trained on [b]")
        bars.warn("few samples in [c]")
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_bars_are_drawn_where_somebody_sees_them() -> None:
    text = told(Console(file=io.StringIO(), force_terminal=True, width=120))
    for words in ("training [x]", "2/5", "validation accuracy 0.625", "trained on [b]", "warning: few samples in [c]"):
        assert words in text


@pytest.mark.parametrize(("terminal", "quiet"), [(False, False), (True, True)])
def test_elsewhere_warnings_alone_are_told(terminal: bool, quiet: bool) -> None:
    text = told(Console(file=io.StringIO(), force_terminal=terminal, width=120), quiet=quiet)
    assert text.splitlines() == ["warning: few samples in [c]"]


def test_a_call_tells_its_warnings_apart_from_its_results(capsys: pytest.CaptureFixture[str]) -> None:
    with showing(progress=True) as reporter:
        reporter.stage("reading")
        reporter.warn("a file is short")
    captured = capsys.readouterr()
    assert (captured.out, captured.err.strip()) == ("", "warning: a file is short")


def drawn(width: int, *, done: int | None = 3) -> str:
    """A bar of a stage that ran for nine seconds, as it stands on a terminal of this width while it goes on."""
    now = [100.0]
    console = Console(file=io.StringIO(), force_terminal=True, width=width, get_time=lambda: now[0], color_system=None)
    bars = StageBars(console, drawn=True)
    bars.live.get_time = lambda: now[0]
    bars.stage("training the head")
    for step in range(done or 0):
        now[0] += 3.0
        bars.epoch(step + 1, 7, METRICS)
    with console.capture() as shown:
        console.print(bars.live.get_renderable())
    return shown.get()


@pytest.mark.parametrize("width", [60, 80, 140])
def test_a_bar_tells_the_time_that_is_left_at_every_width(width: int) -> None:
    lines = drawn(width).splitlines()
    assert all(len(line.rstrip()) <= width for line in lines)
    told = " ".join(" ".join(lines).split())
    assert "3/7" in told
    assert "0:12 left" in told
    assert "accuracy 0.625" in told
    assert ("loss 1.250" in told) == (width >= 100)
    assert len(lines) == 1 or width < 80


def test_a_stage_that_never_said_how_much_there_was_leaves_its_time_alone() -> None:
    bars = StageBars(Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None), drawn=True)
    bars.stage("reading")
    bars.end()
    with bars.live.console.capture() as shown:
        bars.live.console.print(bars.live.get_renderable())
    assert shown.get().split() == ["reading", "0:00"]
