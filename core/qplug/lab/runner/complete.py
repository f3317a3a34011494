"""A run as data, and its five stages: examine, prepare, train, judge, record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from qplug import catalogue
from qplug.contract.errors import ConfigError, Interrupted
from qplug.contract.hooks import RunInfo
from qplug.contract.interfaces import Backend
from qplug.lab.config.layers import from_file
from qplug.lab.config.model import RunConfig
from qplug.lab.config.toml import full_hash, to_layer, to_toml
from qplug.lab.pipeline.classifier import Classifier
from qplug.lab.pipeline.suspects import suspects
from qplug.lab.runner.changes import record_of, refuse_changed_data
from qplug.lab.runner.code import refuse_changed_code
from qplug.lab.runner.ending import Watch, recorded_end, way_on
from qplug.lab.runner.examine import Examined, computing_on, examine
from qplug.lab.runner.on_device import Spending
from qplug.lab.runner.prepare import Prepared, prepare
from qplug.lab.runner.reporter import Reporter
from qplug.lab.runner.stepwise import asked_by, course, settle
from qplug.lab.runner.train import Trained, TrainingSession, train
from qplug.lab.runner.workplace import Workplace
from qplug.lab.runs.directory import CONFIG, ENVIRONMENT, SETTINGS, RunDirectory
from qplug.lab.runs.environment import environment
from qplug.lab.runs.record_file import read_record
from qplug.lab.runs.run_record import Environment, RunRecord
from qplug.lab.runs.typed_file import read_typed
from qplug.lab.stopping import by, stop_if_asked
from qplug.lab.training.asking import Asked

SPLIT = "split.json"


@dataclass(frozen=True)
class Cell:
    """One run as data.

    Attributes:
        config: what runs.
        folder: where all of it is kept.
    """

    config: RunConfig
    folder: Path

    @property
    def key(self) -> str:
        """The address of its content: SHA-256 (hex) of the configuration, wherever the data lie."""
        return full_hash(to_layer(self.config))


def complete(cell: Cell, workplace: Workplace, reporter: Reporter) -> RunRecord:
    """Begins a run, goes on with it, or finds it done; however often it was interrupted, the numbers are the same.

    Args:
        cell: the run.
        workplace: where it is worked on.
        reporter: told what goes on.

    Raises:
        UserError: something was asked that cannot be done, or another process works on the cell.
        ConfigError: another run is in the folder, or data or code have changed since it was begun.
        Interrupted: the user stopped it; the message says how to go on.
    """
    with catalogue.without(workplace.disabled):
        if is_done(cell):
            return read_record(cell.folder)
        examined = examine(cell.config, workplace, reporter)
        with RunDirectory.claim(cell.folder) as directory:
            if (directory.path / CONFIG).is_file():
                refuse_another(examined.config, directory)
                if directory.status == "finished":  # meanwhile, by another process
                    return read_record(cell.folder)
                return go_on(examined, directory, reporter)
            return begin(examined, directory, reporter)


def is_done(cell: Cell) -> bool:
    """Whether the cell's folder holds this very run, finished."""
    run = RunDirectory(cell.folder)
    if not (cell.folder / CONFIG).is_file() or run.status != "finished":
        return False
    return full_hash(from_file(cell.folder / CONFIG)) == cell.key


def refuse_another(config: RunConfig, directory: RunDirectory) -> None:
    """Refuses a folder that holds another run.

    Raises:
        ConfigError: its configuration is another.
    """
    if full_hash(from_file(directory.path / CONFIG)) != full_hash(to_layer(config)):
        raise ConfigError(
            f"{directory.path} holds a run of another configuration than is asked for. Choose another folder."
        )


def begin(
    examined: Examined, directory: RunDirectory, reporter: Reporter, spending: Spending | None = None
) -> RunRecord:
    """Runs what was examined in an empty folder, which goes again if nothing comes of it.

    Args:
        examined: the run.
        directory: its folder.
        reporter: told what goes on.
        spending: what a training on a remote backend may cost; None: nothing that costs.
    """
    try:
        write_beginning(examined, directory)
        return _staged(examined, directory, reporter, spending, resume=False)
    except BaseException:
        directory.discard()  # keeps a run that has checkpoints
        raise


def write_beginning(examined: Examined, directory: RunDirectory) -> None:
    """Writes what a run is begun with: its configuration and what it is made with."""
    directory.write_text(CONFIG, to_toml(examined.config))
    directory.write_json(ENVIRONMENT, {**environment(), "code": examined.code})


def go_on(
    examined: Examined, directory: RunDirectory, reporter: Reporter, spending: Spending | None = None
) -> RunRecord:
    """Goes on with an interrupted run; the arguments are those of ``begin``.

    Raises:
        ConfigError: its data, or the code of its components, have changed since.
    """
    check_beginning(examined, directory)
    return _staged(examined, directory, reporter, spending, resume=True)


def check_beginning(examined: Examined, directory: RunDirectory) -> None:
    """Looks at what an interrupted run was begun with, and writes what a kill left out.

    Raises:
        ConfigError: the code of its components has changed since.
    """
    refuse_changed_code(directory, examined.code)
    if not (directory.path / ENVIRONMENT).exists():  # killed right after run.toml
        directory.write_json(ENVIRONMENT, {**environment(), "code": examined.code})
    read_typed(directory, ENVIRONMENT, Environment)  # it is part of the record, so damage is told before the work


def _staged(
    examined: Examined, directory: RunDirectory, reporter: Reporter, spending: Spending | None, *, resume: bool
) -> RunRecord:
    watch = Watch(reporter, suspects(examined.config, examined.components))
    with computing_on(examined.config.threads), recorded_end(directory, watch, resumed=resume):
        return _stages(examined, directory, watch, spending, resume=resume)


def _stages(
    examined: Examined, directory: RunDirectory, reporter: Watch, spending: Spending | None, *, resume: bool
) -> RunRecord:
    asking = _asking(examined, directory, spending, reporter)
    prepared = prepare_in(directory, examined, reporter, resume=resume)
    session = replace(session_of(examined, directory, reporter, resume=resume), asking=asking)
    try:
        trained = train(examined, prepared, session, reporter)
    except KeyboardInterrupt as stop:
        if reporter.phase != "training":
            raise
        way = way_on(directory, resumed=resume)
        raise Interrupted(f"stopped{by(stop)} during training. {way}") from None
    return finish(examined, prepared, trained, directory, reporter)


def prepare_in(directory: RunDirectory, examined: Examined, reporter: Reporter, *, resume: bool) -> Prepared:
    """The second stage, with what it leaves in the run's folder.

    Raises:
        ConfigError: the data are others than those that the run was begun with.
    """
    prepared = prepare(examined, reporter)
    data = record_of(prepared)
    if resume and (directory.path / SPLIT).exists():
        refuse_changed_data(str(directory.path), directory.read_json(SPLIT, whole=True), data)
    directory.write_json(SPLIT, data)
    _copy_settings(examined, directory)
    return prepared


def finish(
    examined: Examined, prepared: Prepared, trained: Trained, directory: RunDirectory, reporter: Reporter
) -> RunRecord:
    """The last two stages: the trained classifier is judged, and everything is recorded."""
    components = examined.components
    if (
        components.training is not None
        and components.backend is not None
        and components.backend is not components.training.backend
    ):
        where = _where(examined.config, components.backend)
        how = (
            "is asked when the run is finished" if components.backend.capabilities.remote else "evaluates the test part"
        )
        reporter.note(f"trained on {components.training.name}; {where} {how}")
    # Matplotlib and scikit-learn take seconds to import.
    from qplug.lab.runner.judge import judge_trained
    from qplug.lab.runner.record import Outcome, record

    judged = judge_trained(examined, prepared, trained, reporter)
    written = record(directory, Outcome(examined, prepared, trained, judged))
    examined.hooks.run_ended(run_info(examined, directory.path), written.metrics())
    return written


def _asking(
    examined: Examined, directory: RunDirectory, spending: Spending | None, reporter: Reporter
) -> Callable[[], Asked] | None:
    """Who is asked for each step of a training that goes step by step; what that may cost is settled here."""
    config = examined.config
    found = course(config, examined.components, examined.model, len(examined.split.parts["train"]))
    if found is None:
        return None
    plan = None if found.remote is None else settle(found, directory.path, spending, reporter)
    return partial(asked_by, found, directory.path, config.seed, plan, spending, reporter)


def run_info(examined: Examined, directory: Path) -> RunInfo:
    """What hooks may know about a run."""
    config = examined.config
    return RunInfo(
        directory=directory,
        config=to_layer(config),
        dataset=config.dataset.name,
        head=config.heads,
        backend=config.backend.name if examined.components.quantum else "",
        seed=config.seed,
        loggers=examined.workplace.loggers,
    )


def _copy_settings(examined: Examined, directory: RunDirectory) -> None:
    for part, component in examined.components.of_the_network.items():
        for name, original in component.settings_files().items():
            directory.write_copy(f"{SETTINGS}/{part}/{name}", original)


def session_of(examined: Examined, directory: RunDirectory, reporter: Watch, *, resume: bool) -> TrainingSession:
    """How a run's training is followed: by its reporter and its hooks."""
    info = run_info(examined, directory.path)
    options, hooks = examined.config.training, examined.hooks

    def on_start(model: Classifier) -> None:
        reporter.model, reporter.begun = model, (hooks, info)
        hooks.run_started(info)

    def on_epoch(epoch: int, row: Mapping[str, float]) -> None:
        reporter.epoch(epoch, options.head_epochs + options.epochs, row)
        hooks.epoch_ended(info, epoch, row)
        stop_if_asked(checkpoint=True)

    return TrainingSession(directory.checkpoints, resume, on_start, on_epoch)


def _where(config: RunConfig, backend: Backend) -> str:
    """The backend with its settings, and whether its noise is a device's or a model's."""
    settings = ", ".join(f"{name} {value}" for name, value in config.backend.parameters.items())
    modelled = backend.capabilities.noise and not backend.capabilities.hardware
    named = f"{config.backend.name} ({settings})" if settings else config.backend.name
    return f"{named}: a simulator with modelled noise, a fake device" if modelled else named
