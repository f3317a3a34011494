"""A run's progress on the terminal: bars and notes on stderr, so that stdout carries results only."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext

from qplug.study.bars import Drawing, StageBars
from qplug_cli import garbage
from qplug_cli.words import PlainConsole, styled


@contextmanager
def loading() -> Iterator[None]:
    """Says on a terminal what the first seconds go into; stands around imports of large packages."""
    console = PlainConsole(stderr=True)
    with console.status("loading packages …") if console.is_terminal else nullcontext(), uncollected():
        yield


@contextmanager
def uncollected() -> Iterator[None]:
    """Looks for no garbage meanwhile: modules that load leave hardly any, and each look goes through all of them."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            garbage.look()


class TerminalReporter(Drawing):
    """Draws one bar per stage; off a terminal it prints one line per stage and every tenth of the epochs.

    Args:
        warnings_only: print warnings only.
    """

    def __init__(self, *, warnings_only: bool = False) -> None:
        self.console = PlainConsole(stderr=True)
        self.warnings_only = warnings_only
        self.draws = self.console.is_terminal and not warnings_only
        self.bars = StageBars(self.console, drawn=self.draws)

    def stage(self, text: str) -> None:
        """Starts a new bar."""
        if self.draws:
            self.bars.stage(text)
        elif not self.warnings_only:
            self.console.print(text)

    def epoch(self, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        """Moves the bar and shows the validation accuracy behind it."""
        if self.draws:
            self.bars.epoch(epoch, epochs, metrics)
        elif not self.warnings_only and (epoch % max(1, epochs // 10) == 0 or epoch == epochs):
            accuracy, loss = metrics["validation_accuracy"], metrics["validation_cross_entropy"]
            self.console.print(f"  epoch {epoch}/{epochs}: validation accuracy {accuracy:.3f}, loss {loss:.3f}")

    def note(self, text: str) -> None:
        """Prints a line."""
        if not self.warnings_only:
            self.console.print(text, style="dim")

    def warn(self, text: str) -> None:
        """Prints a warning."""
        self.console.print(styled(("warning:", "yellow"), f" {text}"))
