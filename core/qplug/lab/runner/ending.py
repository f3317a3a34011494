"""How a run ends that does not finish: whose fault it was, and a record of it beside what is kept."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import FrameType

from torch import nn

from qplug import catalogue
from qplug.contract.errors import Interrupted, PluginError, QplugError
from qplug.contract.hooks import RunInfo
from qplug.contract.interfaces import Component
from qplug.hooks import Hooks
from qplug.lab.config.model import RunConfig
from qplug.lab.pipeline.classifier import Classifier
from qplug.lab.pipeline.parts import Parts
from qplug.lab.runner.reporter import Reporter
from qplug.lab.runs.directory import ENDED, RunDirectory
from qplug.lab.stopping import by


@dataclass(frozen=True)
class Suspect:
    """A part of a run, and the distribution that brings it."""

    kind: str
    name: str
    component: Component

    @property
    def package(self) -> str:
        """The distribution and its version."""
        entry = catalogue.entry(self.kind, self.name)
        return f"{entry.provider} {entry.version}".strip()

    def __str__(self) -> str:
        return f"{self.kind} {self.name!r}"


def suspects(config: RunConfig, parts: Parts) -> list[Suspect]:
    """The run's parts."""
    found = [
        Suspect("dataset", config.dataset.name, parts.dataset),
        Suspect("features", config.features.name, parts.features),
        Suspect("backbone", config.backbone.name, parts.backbone),
    ]
    for choice, branch in zip(config.branches, parts.branches, strict=True):
        found.append(Suspect("reducer", choice.reducer.name, branch.reducer))
        found.append(Suspect("head", choice.head.name, branch.head))
    if parts.backend is not None:
        found.append(Suspect("backend", config.backend.name, parts.backend))
    return found


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

    def blamed(self, error: BaseException) -> Suspect | None:
        """The part whose code, or whose network's code, was innermost when the exception was raised; None if none."""
        if (at_fault := getattr(error, "at_fault", None)) is not None:
            return self._owners().get(id(at_fault))
        frames, trace = [], error.__traceback__
        while trace is not None:
            frames.append(trace.tb_frame)
            trace = trace.tb_next
        owners = self._owners()
        return next((found for frame in reversed(frames) if (found := self._owner(frame, owners))), None)

    def _owners(self) -> dict[int, Suspect]:
        """Whose object it is, by its identity: components, and all modules of the networks that they made."""
        owners = {id(suspect.component): suspect for suspect in self.suspects}
        if self.model is None:
            return owners
        of_kind = {kind: [each for each in self.suspects if each.kind == kind] for kind in ("reducer", "head")}
        networks: list[tuple[nn.Module, Suspect]] = [
            (self.model.front.backbone, each) for each in self.suspects if each.kind == "backbone"
        ]
        for number, (reducer, head) in enumerate(self.model.branches.pairs()):
            networks += [(reducer, of_kind["reducer"][number]), (head, of_kind["head"][number])]
        return owners | {id(inner): suspect for network, suspect in networks for inner in network.modules()}

    def _owner(self, frame: FrameType, owners: Mapping[int, Suspect]) -> Suspect | None:
        if (suspect := owners.get(id(frame.f_locals.get("self")))) is not None:
            return suspect
        module = str(frame.f_globals.get("__name__", ""))
        return next((each for each in self.suspects if type(each.component).__module__ == module), None)


@contextlib.contextmanager
def recorded_end(directory: RunDirectory, watch: Watch, *, resumed: bool = False) -> Iterator[None]:
    """Writes down, of a run that does not finish, how it ended, and tells the hooks.

    What a part raised, SystemExit included, becomes a PluginError that names the part, its package, the run and the way
    on.

    Args:
        directory: the run.
        watch: what it is busy with.
        resumed: whether the run was there before.

    Raises:
        PluginError: a part raised what is no error of qplug's.
        Interrupted: a signal came.
    """
    (directory.path / ENDED).unlink(missing_ok=True)
    try:
        yield
    except BaseException as error:
        suspect = watch.blamed(error)
        told = _told(error, suspect, watch.phase, way_on(directory, resumed=resumed))
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


def _told(error: BaseException, suspect: Suspect | None, phase: str, way: str) -> BaseException:
    if isinstance(error, KeyboardInterrupt):
        return Interrupted(f"stopped{by(error)} while {phase}. {way}")
    faulty = getattr(error, "at_fault", None) is not None
    if suspect is None or (isinstance(error, QplugError) and not faulty):
        return error
    words = " ".join(str(error).split())
    what = words if faulty else f"it raised {type(error).__name__}{f': {words}' if words else ''}"
    return PluginError(f"{suspect} of {suspect.package} failed while {phase}: {what}. Mend or replace the part. {way}")
