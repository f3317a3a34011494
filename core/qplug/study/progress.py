"""How a call in Python tells what goes on: bars in a notebook and on a terminal, warnings everywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from qplug.lab.runner.reporter import Reporter


class Bars:
    """One bar per stage.

    Args:
        console: where it is drawn.
        quiet: draw none; warnings are printed all the same.
    """

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self.console = console
        self.draws = not quiet and (console.is_terminal or console.is_jupyter)
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[detail]}", markup=False),
            console=console,
            disable=not self.draws,
        )
        self.task: TaskID | None = None

    def stage(self, text: str) -> None:
        """Starts a new bar."""
        if self.draws:
            self.task = self.bars.add_task(text, total=None, detail="")

    def progress(self, done: int, total: int) -> None:
        """Moves the current bar."""
        if self.task is not None:
            self.bars.update(self.task, completed=done, total=total)

    def epoch(self, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        """Moves the bar and shows the validation accuracy behind it."""
        if self.task is not None:
            detail = f"validation accuracy {metrics['validation_accuracy']:.3f}"
            self.bars.update(self.task, completed=epoch, total=epochs, detail=detail)

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
    told = Bars(Console(stderr=True), quiet=not progress)
    with told.bars:
        yield told
