"""How a run ends that does not finish: whose fault it was, and a record of it beside what is kept."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from qplug.catalogue.blame import Blame, Suspect, blamed, fault
from qplug.contract.errors import Interrupted
from qplug.contract.hooks import RunInfo
from qplug.hooks import Hooks
from qplug.lab.pipeline.classifier import Classifier
from qplug.lab.pipeline.suspects import layers_of
from qplug.lab.runner.reporter import Reporter
from qplug.lab.runs.directory import ENDED, RunDirectory
from qplug.lab.stopping import by


class Watch:
    """What a run is busy with, so that its end can be told: a reporter that passes all on.

    Attributes:
        phase: the piece of work that goes on.
        model: the classifier, once it is built.
        begun: whether the hooks were told of the run, and how to tell them of its end.
    """

    def __init__(self, reporter: Reporter, suspects: list[Suspect]) -> None:
        self._reporter = reporter
        self.phase = "preparing"
        self.model: Classifier | None = None
        self.begun: tuple[Hooks, RunInfo] | None = None
        self.suspects = suspects

    def stage(self, text: str) -> None:
        """A new piece of work begins."""
        self.phase = text
        self._reporter.stage(text)

    def progress(self, done: int, total: int) -> None:
        """Passed on."""
        self._reporter.progress(done, total)

    def epoch(self, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        """Passed on."""
        self._reporter.epoch(epoch, epochs, metrics)

    def note(self, text: str) -> None:
        """Passed on."""
        self._reporter.note(text)

    def warn(self, text: str) -> None:
        """Passed on."""
        self._reporter.warn(text)

    def blamed(self, error: BaseException) -> Blame | None:
        """The component whose code, or whose network's, was innermost when the exception was raised; None if none."""
        return blamed(error, self.suspects, self._layers())

    def _layers(self) -> dict[int, Suspect]:
        """Whose each module of the networks is, by its identity."""
        return {} if self.model is None else layers_of(self.model, self.suspects)


@contextlib.contextmanager
def recorded_end(directory: RunDirectory, watch: Watch, *, resumed: bool = False) -> Iterator[None]:
    """Writes down, of a run that does not finish, how it ended, and tells the hooks.

    What a component raised, SystemExit included, becomes a PluginError that names it, its package, the run and the way
    on.

    Args:
        directory: the run.
        watch: what it is busy with.
        resumed: whether the run was there before.

    Raises:
        PluginError: a component raised what is no error of qplug's.
        Interrupted: a signal came.
    """
    (directory.path / ENDED).unlink(missing_ok=True)
    try:
        yield
    except BaseException as error:
        blame, way = watch.blamed(error), way_on(directory, resumed=resumed)
        told = _told(error, blame, watch.phase, way)
        suspect = blame and blame.suspect
        reason = " ".join(str(told).split()) or type(told).__name__
        with contextlib.suppress(OSError):  # the disk may be what failed
            directory.write_json(ENDED, {
                "status": "interrupted" if isinstance(told, Interrupted) else "failed",
                "reason": reason,
                "phase": watch.phase,
                "part": str(suspect or ""),
                "package": suspect.package if suspect else "",
            })  # fmt: skip
        if watch.begun is not None:
            hooks, info = watch.begun
            try:
                hooks.run_failed(info, reason)
            except KeyboardInterrupt:
                hooks.run_failed(info, reason)  # those who were not told yet
        if told is error:
            raise
        raise told from error


def way_on(directory: RunDirectory, *, resumed: bool) -> str:
    """What is left of a run that ends now, and how to go on with it.

    Args:
        directory: the run.
        resumed: whether the run was there before; one that was never goes, one that was not goes without a checkpoint.
    """
    if directory.status == "finished":
        return f"The run itself is complete: {directory.path}."
    again = f"Go on with: qplug resume {directory.path}"
    if any(directory.checkpoints.rglob("last.ckpt")):
        return f"The last finished epoch is kept. {again}"
    if resumed or directory.has_checkpoints:
        return f"No epoch was finished; what {directory.path} holds is kept. {again}"
    return (
        f"No epoch was finished, so {directory.path} is removed; features and embeddings are kept. "
        "Start again with the same command."
    )


def _told(error: BaseException, blame: Blame | None, phase: str, way: str) -> BaseException:
    if isinstance(error, KeyboardInterrupt):
        return Interrupted(f"stopped{by(error)} while {phase}. {way}")
    return fault(error, blame, phase, way)
