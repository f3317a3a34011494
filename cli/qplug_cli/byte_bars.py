"""Progress in bytes on the terminal: bars on stderr, so that stdout carries results only."""

from __future__ import annotations

from types import TracebackType

from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from qplug_cli.words import PlainConsole


class ByteBars:
    """Called with what is going on and how many bytes of it are done. One bar each; off a terminal one line each."""

    def __init__(self) -> None:
        self.console = PlainConsole(stderr=True)
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=28),
            DownloadColumn(),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self.tasks: dict[str, TaskID] = {}

    def __enter__(self) -> ByteBars:
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """Moves the bar of ``what``, which is made when it is first heard of."""
        if what not in self.tasks:
            self.tasks[what] = self.bars.add_task(what, total=total)
            if not self.console.is_terminal:
                self.console.print(what, soft_wrap=True)
        self.bars.update(self.tasks[what], completed=done, total=total)
