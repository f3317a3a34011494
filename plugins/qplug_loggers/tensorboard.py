"""A run's course for TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qplug.contract.hooks import RunInfo, hookimpl
from qplug_loggers.numbers import of_epoch, of_run, settings

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class TensorBoard:
    """Writes the folder ``tensorboard`` in the run directory, where ``QPLUG_LOGGERS`` names it.

    It holds each epoch's numbers, the settings as a table, and in the end validation and test metrics.
    """

    by_name_only = True

    def __init__(self) -> None:
        self._writer: SummaryWriter | None = None

    @hookimpl
    def run_started(self, run: RunInfo) -> None:
        """Opens the folder; a resumed run goes on in it."""
        if "tensorboard" not in run.loggers:
            return
        from torch.utils.tensorboard import SummaryWriter  # takes a second

        self._writer = SummaryWriter(log_dir=str(run.directory / "tensorboard"))
        rows = "".join(f"| {name} | {value} |\n" for name, value in settings(run.config))
        self._writer.add_text("settings", f"| setting | value |\n|---|---|\n{rows}")

    @hookimpl
    def epoch_ended(self, run: RunInfo, epoch: int, metrics: Mapping[str, float]) -> None:
        """Writes the epoch's numbers, to be seen at once."""
        if self._writer is not None:
            for name, value in of_epoch(metrics):
                self._writer.add_scalar(name, value, epoch)
            self._writer.flush()

    @hookimpl
    def run_ended(self, run: RunInfo, metrics: Mapping[str, Any]) -> None:
        """Writes the final numbers at the epoch that was kept, and closes."""
        if self._writer is not None:
            for name, value in of_run(metrics):
                self._writer.add_scalar(name, value, metrics["best_epoch"])
            self._close()

    @hookimpl
    def run_failed(self) -> None:
        """Closes; a resumed run goes on in the same folder."""
        self._close()

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


hooks = TensorBoard
"""What the entry point announces."""
