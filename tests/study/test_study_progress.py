"""What a call in Python tells while it goes on."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

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
