"""Bars on a terminal and in a notebook: one a stage, with what is done of it and how long the rest will take."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

_WIDE = 100
_LONG = 36_000.0


class StageBars:
    """One bar per stage, on any width of 60 columns or more without a cut word.

    Args:
        console: where they are drawn.
        drawn: whether they are.
    """

    def __init__(self, console: Console, *, drawn: bool) -> None:
        self._console = console
        self._wide = console.width >= _WIDE
        whole = Column(no_wrap=True)
        self.live = Progress(
            TextColumn("{task.description}", markup=False),
            _Bar(bar_width=28 if self._wide else 8),
            _Count(table_column=whole),
            _Time(table_column=whole),
            TextColumn("{task.fields[detail]}", markup=False),
            console=console,
            disable=not drawn,
            speed_estimate_period=_LONG,
        )
        self._task: TaskID | None = None

    def stage(self, text: str) -> None:
        """Starts a new bar; that of the stage before stands still."""
        self.end()
        self._task = self.live.add_task(text, total=None, detail="")

    def progress(self, done: int, total: int) -> None:
        """Moves the current bar."""
        if self._task is not None:
            self.live.update(self._task, completed=done, total=total)

    def epoch(self, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        """Moves the current bar and shows behind it how well the validation part is told apart."""
        if self._task is not None:
            detail = f"validation accuracy {metrics['validation_accuracy']:.3f}"
            if self._wide:
                detail += f", loss {metrics['validation_cross_entropy']:.3f}"
            self.live.update(self._task, completed=epoch, total=epochs, detail=detail)

    def end(self) -> None:
        """The current bar stands still."""
        if self._task is not None:
            self.live.stop_task(self._task)
        self._task = None


class Drawing:
    """What command and notebook have in common of telling how work goes: bars, drawn inside ``with``."""

    bars: StageBars
    draws: bool

    def __enter__(self) -> Self:
        self.bars.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.end()
        self.bars.live.stop()

    def progress(self, done: int, total: int) -> None:
        """Moves the current bar."""
        if self.draws:
            self.bars.progress(done, total)


class _Bar(BarColumn):
    """No bar is left of a stage that is over and never said how much there was to do."""

    def render(self, task: Task) -> RenderableType:  # type: ignore[override]
        return Text() if task.total is None and task.stop_time is not None else super().render(task)


class _Count(ProgressColumn):
    """How much of how much is done, where the stage said so."""

    def render(self, task: Task) -> Text:
        told = "" if task.total is None else f"{int(task.completed)}/{int(task.total)}"
        return Text(told, style="progress.download", justify="right")


class _Time(ProgressColumn):
    """How long the stage has taken; while it goes on and tells how far it is, how long the rest will take."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        taken = task.finished_time if task.finished else task.elapsed
        if task.finished or task.stop_time is not None or not task.time_remaining:
            return Text(_clock(taken or 0.0), style="progress.elapsed", justify="right")
        return Text(f"{_clock(task.time_remaining)} left", style="progress.remaining", justify="right")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
