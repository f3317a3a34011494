"""One run from start to end, and going on with one that was interrupted."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from qplug import catalogue
from qplug.contract.errors import Interrupted, NotSupported, UserError
from qplug.contract.hooks import RunInfo
from qplug.contract.interfaces import Backend, TrainingPart
from qplug.hooks import Hooks
from qplug.lab.config.layers import Layer, from_file
from qplug.lab.config.model import RunConfig
from qplug.lab.config.resolve import resolve
from qplug.lab.config.toml import short_hash, to_layer, to_toml
from qplug.lab.data.row_source import rows
from qplug.lab.data.training_part import training_part
from qplug.lab.judging.view import View
from qplug.lab.pipeline.classifier import Front, build_classifier
from qplug.lab.pipeline.describe import describe
from qplug.lab.pipeline.memory import refuse_large_batches
from qplug.lab.pipeline.parts import Parts, assemble
from qplug.lab.pipeline.statistics import estimate_statistics
from qplug.lab.runner.changes import record_of, refuse_changed_data
from qplug.lab.runner.code import code_of, refuse_changed_code, warn_of_changed_code
from qplug.lab.runner.ending import Watch, recorded_end, suspects, way_on
from qplug.lab.runner.examine import refuse_small_parts
from qplug.lab.runner.prepare import Prepared, embedded, index, learnt_network, prepare, split_of
from qplug.lab.runner.reporter import Reporter
from qplug.lab.runner.unused import unused_backend
from qplug.lab.runs.directory import ENVIRONMENT, SETTINGS, RunDirectory
from qplug.lab.runs.environment import environment
from qplug.lab.runs.run_record import Environment
from qplug.lab.runs.typed_file import read_typed
from qplug.lab.stopping import by, checkpoints_first, stop_if_asked
from qplug.lab.training.devices import check_devices, per_device
from qplug.lab.training.idle import idle_parts, prints

# Lightning and Matplotlib take seconds to import. They are imported where the work begins, so that a mistake in the
# words, or data that cannot be used, is told at once.
if TYPE_CHECKING:
    from qplug.lab.training.fit import Fitted, HeadFirst

SPLIT = "split.json"
_STATISTICS_ROWS = 64  # samples over which batch norm's statistics are taken at once
THREADS = ((2**20, 1), (2**24, 2))
"""Batches of fewer feature values than the first number are computed on so many threads; larger ones on four."""


def run_once(
    layers: Iterable[Layer],
    out: Path,
    reporter: Reporter,
    *,
    begun: Callable[[RunDirectory], None] | None = None,
    repeated: RunDirectory | None = None,
) -> dict[str, Any]:
    """Runs what the layers describe and gives its summary, as ``qplug run --json`` prints it.

    Args:
        layers: settings by falling precedence, recipe included.
        out: where the run directory is made.
        reporter: told what goes on.
        begun: called with the new run directory once it can be gone on with.
        repeated: the run whose configuration this is; a warning tells which code has changed since.

    Raises:
        UserError: something was asked that cannot be done; nothing is left behind.
        Interrupted: the user stopped it; the message says how to go on.
    """
    layers = list(layers)
    config, parts, network = _checked(resolve(layers), reporter)
    if unused := unused_backend(layers, config, parts):
        reporter.note(unused)
    code = code_of(config, parts)
    if repeated is not None:
        warn_of_changed_code(repeated, code, reporter.warn)
    name, hashed = config.dataset.name, short_hash(config)
    with RunDirectory.create(out, dataset=name, head=config.heads, short_hash=hashed) as directory:
        try:
            directory.write_text("run.toml", to_toml(config))
            directory.write_json(ENVIRONMENT, {**environment(), "code": code})
            if begun is not None:
                begun(directory)
            watch = Watch(reporter, suspects(config, parts))
            with _threads(config.threads), recorded_end(directory, watch):
                return _execute(config, parts, network, directory, watch, resume=False)
        except BaseException:
            directory.discard()  # keeps a run that has checkpoints
            raise


def resume_run(path: Path, reporter: Reporter) -> dict[str, Any]:
    """Goes on with an interrupted run; the numbers are those of an uninterrupted one.

    Raises:
        UserError: there is no run, it is finished, or another process works on it.
        ConfigError: its data, its settings or the code of its parts have changed since.
    """
    with RunDirectory.reopen(path) as directory:
        if directory.status == "finished":
            raise UserError(f"{path} is finished; there is nothing to resume. Look at it with: qplug runs")
        config, parts, network = _checked(resolve([from_file(directory.path / "run.toml")]), reporter)
        code = code_of(config, parts)
        refuse_changed_code(directory, code)
        if not (directory.path / ENVIRONMENT).exists():  # killed right after run.toml
            directory.write_json(ENVIRONMENT, {**environment(), "code": code})
        read_typed(directory, ENVIRONMENT, Environment)  # it is part of the record, so damage is told before the work
        watch = Watch(reporter, suspects(config, parts))
        with _threads(config.threads), recorded_end(directory, watch, resumed=True):
            return _execute(config, parts, network, directory, watch, resume=True)


def _checked(config: RunConfig, reporter: Reporter) -> tuple[RunConfig, Parts, nn.Module]:
    """The configuration with split, fold and folder written out, its parts, and the backbone's learnt network.

    All is checked that can be before work begins; learnt weights are read here, once, and downloaded if need be.
    """
    parts = assemble(config)
    device = check_devices(config.training, config.device)
    refuse_head_first_behind_frozen(config, parts)
    folder, samples = index(config, parts)
    split = split_of(config, parts, samples)
    network = learnt_network(config, parts, reporter)
    description = describe(config, parts, network)  # builds all without data: parts that do not fit are refused here
    refuse_small_parts(config, parts, split, description)
    data_dir = folder.resolve() if parts.dataset.capabilities.needs_folder else None
    threads = config.threads or suitable_threads(config.training.batch_size * math.prod(parts.features.shape))
    batch = per_device(config.training, device, len(split.parts["train"]))
    with _threads(threads):  # each has scratch memory of its own
        refuse_large_batches(parts, description, batch, torch.device(device))
    return replace(config, split=split.name, fold=split.fold, data_dir=data_dir, threads=threads), parts, network


def refuse_head_first_behind_frozen(config: RunConfig, parts: Parts) -> None:
    """Refuses a phase in which the head alone learns where nothing else ever does.

    Raises:
        NotSupported: ``training.head_epochs`` is set and the backbone is frozen.
    """
    if config.training.head_epochs and parts.backbone.frozen:
        raise NotSupported(
            f"training.head_epochs is {config.training.head_epochs}, but backbone {config.backbone.name!r} is frozen, "
            "so the head alone is trained anyway. Leave training.head_epochs out and set training.epochs."
        )


def suitable_threads(batch_values: int) -> int:
    """How many CPU threads suit a batch of that many feature values, whatever machine this is.

    The number is part of a run's configuration, because sums over several threads round differently: a run gives the
    same numbers on a machine with more cores. On small batches a second thread gains little, and on a busy machine it
    costs several times what it gains.
    """
    return next((threads for values, threads in THREADS if batch_values < values), 4)


@contextmanager
def _threads(n_threads: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _execute(
    config: RunConfig, parts: Parts, network: nn.Module, directory: RunDirectory, reporter: Watch, *, resume: bool
) -> dict[str, Any]:
    plugins = catalogue.hooks()
    info = RunInfo(
        directory=directory.path,
        config=to_layer(config),
        dataset=config.dataset.name,
        head=config.heads,
        backend=config.backend.name if parts.quantum else "",
        seed=config.seed,
    )
    prepared = prepare(config, parts, reporter)
    data = record_of(prepared)
    if resume and (directory.path / SPLIT).exists():
        refuse_changed_data(str(directory.path), directory.read_json(SPLIT, whole=True), data)
    directory.write_json(SPLIT, data)
    for part, component in parts.of_the_network.items():
        for name, original in component.settings_files().items():
            directory.write_copy(f"{SETTINGS}/{part}/{name}", original)
    began = time.perf_counter()
    view = _view(config, parts, Front(prepared.normalise, network).eval(), prepared, reporter)
    reporter.model = view.model
    reporter.begun = plugins, info
    plugins.run_started(info)
    job = _Job(config, parts, prepared, view, fit_seconds=time.perf_counter() - began)
    before = prints(view.model)
    fitted = _train(job, directory, info, plugins, reporter, resume=resume)
    idle = idle_parts(config, view.model, before) if fitted.history else []
    if parts.training is not None and parts.backend is not None and parts.backend is not parts.training.backend:
        where = _where(config, parts.backend)
        reporter.note(f"trained on {parts.training.name}; the test part is evaluated on {where}")
    from qplug.lab.runner.record import Outcome, record

    written = record(directory, Outcome(config, parts, prepared, view, fitted, tuple(idle)), reporter)
    reporter.begun = None
    plugins.run_ended(info, written.metrics())
    return written.summary(str(directory.path))


def _where(config: RunConfig, backend: Backend) -> str:
    """The backend with its settings, and whether its noise is a device's or a model's."""
    settings = ", ".join(f"{name} {value}" for name, value in config.backend.parameters.items())
    modelled = backend.capabilities.noise and not backend.capabilities.hardware
    named = f"{config.backend.name} ({settings})" if settings else config.backend.name
    return f"{named}: a simulator with modelled noise, a fake device" if modelled else named


def _view(config: RunConfig, parts: Parts, front: Front, prepared: Prepared, reporter: Reporter) -> View:
    """The untrained classifier, and what it is trained on: features, or the embeddings of a frozen front."""
    shape = parts.features.shape
    values = prepared.features.values
    inputs = embedded(config, parts, front, prepared.features, reporter) if parts.backbone.frozen else values

    @functools.cache  # several branches may be fitted
    def training() -> TrainingPart:
        fitted_on = prepared.split.training(inputs, prepared.features.kept)
        if not parts.backbone.frozen:
            estimate_statistics(front, map(torch.from_numpy, fitted_on.chunks(_STATISTICS_ROWS)))
        return training_part(fitted_on, seed=config.seed, module=None if parts.backbone.frozen else front)

    model = build_classifier(
        parts,
        front,
        shape,
        n_classes=len(prepared.split.classes),
        seed=config.seed,
        learn_weights=config.training.learn_branch_weights,
        training=training,
    )
    return View(model, inputs)


@dataclass(frozen=True)
class _Job:
    """What is trained, on what."""

    config: RunConfig
    parts: Parts
    prepared: Prepared
    view: View
    fit_seconds: float


def _train(
    job: _Job, directory: RunDirectory, info: RunInfo, plugins: Hooks, reporter: Reporter, *, resume: bool
) -> Fitted:
    options = job.config.training

    def on_epoch(epoch: int, row: Mapping[str, float]) -> None:
        reporter.epoch(epoch, options.head_epochs + options.epochs, row)
        plugins.epoch_ended(info, epoch, row)
        stop_if_asked(checkpoint=True)

    from qplug.lab.training.fit import Fitted, fit

    if not any(parameter.requires_grad for parameter in job.view.module.parameters()):
        return Fitted([], best_epoch=0, seconds=job.fit_seconds, stopped_early=False)
    head_first = _head_first(job, reporter) if options.head_epochs else None
    reporter.stage("training")
    try:
        with checkpoints_first():
            return fit(
                job.view.module,
                _labelled(job, "train"),
                _labelled(job, "validation"),
                n_classes=len(job.prepared.split.classes),
                options=options,
                seed=job.config.seed,
                checkpoints=directory.checkpoints,
                device=job.config.device,
                resume=resume,
                head_first=head_first,
                on_epoch=on_epoch,
            )
    except KeyboardInterrupt as stop:
        way = way_on(directory, resumed=resume)
        raise Interrupted(f"stopped{by(stop)} during training. {way}") from None


def _head_first(job: _Job, reporter: Reporter) -> HeadFirst:
    """The head and the embeddings that the backbone, as it is before any training, gives it."""
    from qplug.lab.training.fit import HeadFirst

    values = embedded(job.config, job.parts, job.view.model.front, job.prepared.features, reporter)
    training, validation = (rows(values, job.prepared.rows[part]) for part in ("train", "validation"))
    return HeadFirst(job.view.model.branches, training, validation)


def _labelled(job: _Job, part: Any) -> tuple[Any, torch.Tensor]:
    indices = job.prepared.rows[part]
    return rows(job.view.inputs, indices), torch.from_numpy(job.prepared.labels[indices])
