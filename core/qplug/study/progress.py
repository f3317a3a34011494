"""How a call in Python tells what goes on: bars in a notebook and on a terminal, warnings everywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from qplug.lab.runner.reporter import Reporter
from qplug.study.bars import Drawing, StageBars


class Bars(Drawing):
    """One bar per stage.

    Args:
        console: where it is drawn.
        quiet: draw none; warnings are printed all the same.
    """

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self.console = console
        self.draws = not quiet and (console.is_terminal or console.is_jupyter)
        self.bars = StageBars(console, drawn=self.draws)

    def stage(self, text: str) -> None:
        """Starts a new bar."""
        if self.draws:
            self.bars.stage(text)

    def epoch(self, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        """Moves the bar and shows the validation accuracy behind it."""
        if self.draws:
            self.bars.epoch(epoch, epochs, metrics)

    def note(self, text: str) -> None:
        """Prints a line where bars are drawn."""
        if self.draws:
            self.console.print(Text(text, style="dim"))

    def warn(self, text: str) -> None:
        """Prints a warning."""
        self.console.print(Text(f"warning: {text}"))


@contextmanager
def showing(progress: bool) -> Iterator[Reporter]:
    """A reporter for the time of a call.

    Args:
        progress: whether bars are drawn, where somebody sees them.
    """
    with Bars(Console(stderr=True), quiet=not progress) as told:
        yield told
