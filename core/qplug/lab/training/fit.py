"""Training a classifier on inputs in memory or in a memory-mapped file."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from torch import nn

from qplug.atomic import remove_partial_files, storage_error
from qplug.contract.errors import ParameterError
from qplug.lab.config.training import TrainingOptions
from qplug.lab.data.row_source import Device, Rows
from qplug.lab.pipeline.fitting import refuse_single_samples
from qplug.lab.training import checkpoint
from qplug.lab.training.asking import Asked
from qplug.lab.training.batches import Batches, Part
from qplug.lab.training.checkpoint import State
from qplug.lab.training.devices import check_devices
from qplug.lab.training.optimiser import quantum_parameters as find_quantum_parameters
from qplug.lab.training.optimiser import trainable
from qplug.lab.training.processes import train_in_processes
from qplug.lab.training.progress import Fitted, OnEpoch, OnStep, class_weights, out_of_patience
from qplug.lab.training.work import Work, train

HEAD = "head"
"""Folder, inside that of the checkpoints, for those of the phase in which only the head learns."""


@dataclass(frozen=True)
class HeadFirst:
    """What ``head_epochs`` needs: the component of a model that learns first, on embeddings computed once.

    Attributes:
        head: a component of the model: embeddings (batch, n_features) → logits (batch, n_classes).
        training: embeddings (n, n_features) of the training part, from the rest of the model as it is at the start.
        validation: the same for the validation part.
    """

    head: nn.Module
    training: Rows
    validation: Rows


def fit(
    model: nn.Module,
    training: tuple[Rows, Rows],
    validation: tuple[Rows, Rows],
    *,
    n_classes: int,
    options: TrainingOptions,
    seed: int,
    checkpoints: Path,
    device: Device = "auto",
    resume: bool = False,
    quantum_parameters: Collection[str] | None = None,
    head_first: HeadFirst | None = None,
    asked: Asked | None = None,
    on_epoch: OnEpoch | None = None,
    on_step: OnStep | None = None,
) -> Fitted:
    """Train a model; in the end it has the best weights, on the CPU, in evaluation mode.

    Data order and dropout depend on ``seed`` and the epoch alone, and the caller's random state is left as it was.
    On one CPU with one number of threads the numbers are the same, bit for bit, also after an interruption.

    With ``options.head_epochs`` the head learns first, until its best epoch; from there on, with a schedule and
    optimiser of its own, everything that may be trained is trained ``options.epochs`` epochs, and the best of these is
    kept. With ``options.devices`` above 1, that many processes share each batch. Batch norm is then over the whole
    batch on GPUs (torch's SyncBatchNorm, which needs CUDA) and over each process's share of it on the CPU.

    Args:
        model: inputs (batch, …) → logits (batch, n_classes). Components with ``requires_grad=False`` stay as they are.
        training: inputs (n, …) float32, as a tensor, an array or anything that gives the rows of an index array, and
            labels (n,), classes 0 to n_classes - 1.
        validation: the same for the part that chooses the best epoch.
        n_classes: number of classes.
        options: how it is trained.
        seed: decides data order and dropout.
        checkpoints: folder for ``best.ckpt`` and ``last.ckpt``; made if it is missing.
        device: where it is trained; ``"auto"`` is CUDA where there is one.
        resume: go on after the last epoch in ``checkpoints``; from the start if no epoch was finished.
        quantum_parameters: names of parameters, or of modules, that are trained with ``quantum_learning_rate``;
            by default those of every quantum module.
        head_first: the head and its embeddings; needed if ``options.head_epochs`` is above 0. Its checkpoints are in
            the folder ``head`` inside ``checkpoints``.
        asked: how circuits get their values and gradients, step by step, where a forward pass gives none; it may end
            the training early.
        on_epoch: called after every epoch, once its checkpoint is written, with its number and its row.
        on_step: called after every step with the number of steps done and of all steps.

    Raises:
        DataError: if a part is too small, labels do not fit, the validation part lacks a class without which the
            monitored metric is not defined, or a checkpoint is damaged.
        ConfigError: if ``resume`` finds a training that was started with other data or options.
        ParameterError: if a batch is too small, or ``head_epochs`` is set without ``head_first``.
        NotSupported: if nothing can be trained, the monitored metric is for another number of classes, or the machine
            has not what the options ask.
        UserError: if ``checkpoints`` cannot be written to, or memory runs out.
        QplugError: if the training diverges.
        KeyboardInterrupt: if the user stops it; the last finished epoch is kept.
    """
    quantum = find_quantum_parameters(model) if quantum_parameters is None else quantum_parameters
    settings: _Settings = {
        "n_classes": n_classes, "seed": seed, "device": device, "resume": resume, "asked": asked
    }  # fmt: skip
    if not options.head_epochs:
        return _fit_phase(model, training, validation, quantum, options, checkpoints, on_epoch, on_step, **settings)
    if head_first is None:
        raise ParameterError(
            f"training.head_epochs is {options.head_epochs}, but there is no head by itself here. Set it to 0."
        )
    if not resume:
        _clear(checkpoints)  # the second phase's: it begins only when the first is done
    n_batches = len(Batches(Part.of("training", training, n_classes), options.batch_size, n_ranks=options.devices))
    first_steps, all_steps = n_batches * options.head_epochs, n_batches * (options.head_epochs + options.epochs)
    first = _fit_phase(
        head_first.head,
        (head_first.training, training[1]),
        (head_first.validation, validation[1]),
        _names_in(head_first.head, model, quantum),
        options.model_copy(update={"epochs": options.head_epochs, "head_epochs": 0}),
        checkpoints / HEAD,
        _epochs_counted_on(on_epoch, phase=1, after=0),
        _steps_counted_on(on_step, after=0, of=all_steps),
        **settings,
    )
    n_first = len(first.history)
    on_epoch = _epochs_counted_on(on_epoch, phase=2, after=n_first)
    on_step = _steps_counted_on(on_step, after=first_steps, of=all_steps)
    second = _fit_phase(model, training, validation, quantum, options, checkpoints, on_epoch, on_step, **settings)
    return Fitted(
        [_in_phase(row, 1, 0) for row in first.history] + [_in_phase(row, 2, n_first) for row in second.history],
        best_epoch=n_first + second.best_epoch,
        seconds=first.seconds + second.seconds,
        stopped_early=second.stopped_early,
    )


class _Settings(TypedDict):
    n_classes: int
    seed: int
    device: Device
    resume: bool
    asked: Asked | None


def _fit_phase(
    model: nn.Module,
    training: tuple[Rows, Rows],
    validation: tuple[Rows, Rows],
    quantum: Collection[str],
    options: TrainingOptions,
    checkpoints: Path,
    on_epoch: OnEpoch | None,
    on_step: OnStep | None,
    *,
    n_classes: int,
    seed: int,
    device: Device,
    resume: bool,
    asked: Asked | None,
) -> Fitted:
    """Train a model ``options.epochs`` epochs, in one process or several."""
    least = 2 * options.devices  # samples, so that every process has two of every batch
    parts = (
        Part.of("training", training, n_classes, at_least=least),
        Part.of("validation", validation, n_classes, at_least=1 if options.devices == 1 else least),
    )
    options.refuse_unsuited_monitor(n_classes, parts[1].labels.tolist())
    trainable(model, quantum)  # refuses a model that cannot be trained
    refuse_single_samples(model, options.batch_size)
    accelerator = check_devices(options, device)
    if not resume:
        _clear(checkpoints)  # after a kill in the first epoch they could be taken for this training's own
    fingerprint = _fingerprint(model, parts, n_classes, options, seed)
    state = _open(checkpoints, fingerprint)
    if state.epoch:
        model.load_state_dict(state.model)
    if state.epoch < options.epochs and not out_of_patience(state, options):
        weights = class_weights(parts[0].labels, n_classes) if options.class_weights else None
        work = Work(model, *parts, options, seed, quantum, weights, checkpoints, accelerator, asked)
        if options.devices == 1:
            train(work, state, on_epoch=on_epoch, on_step=on_step)
        else:
            train_in_processes(work, fingerprint, on_epoch=on_epoch, on_step=on_step)
            state = _open(checkpoints, fingerprint)
    model.load_state_dict(checkpoint.load_best(checkpoints, state.best_epoch))
    model.zero_grad(set_to_none=True)
    model.cpu().eval()
    return Fitted(state.history, state.best_epoch, state.seconds, state.epoch < options.epochs)


def _names_in(head: nn.Module, model: nn.Module, quantum: Collection[str]) -> list[str]:
    """The names that the quantum parameters of the model have in its head."""
    _, chosen = trainable(model, quantum)
    quantum_ids = {id(parameter) for parameter in chosen}
    return [name for name, parameter in head.named_parameters() if id(parameter) in quantum_ids]


def _in_phase(row: Mapping[str, float], phase: int, after: int) -> dict[str, float]:
    return {"epoch": row["epoch"] + after, "phase": phase, **{name: row[name] for name in row if name != "epoch"}}


def _epochs_counted_on(on_epoch: OnEpoch | None, *, phase: int, after: int) -> OnEpoch | None:
    return on_epoch and (lambda epoch, row: on_epoch(epoch + after, _in_phase(row, phase, after)))


def _steps_counted_on(on_step: OnStep | None, *, after: int, of: int) -> OnStep | None:
    return on_step and (lambda done, total: on_step(done + after, of))


def _clear(folder: Path) -> None:
    """Remove checkpoints of an earlier training."""
    try:
        for name in (checkpoint.BEST, checkpoint.LAST):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(folder, error) from error


def _open(folder: Path, fingerprint: dict[str, Any]) -> State:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_partial_files(folder)
    except OSError as error:
        raise storage_error(folder, error) from error
    return checkpoint.load_state(folder, fingerprint)


def _fingerprint(
    model: nn.Module, parts: tuple[Part, Part], n_classes: int, options: TrainingOptions, seed: int
) -> dict[str, Any]:
    shapes = repr([(name, tuple(value.shape)) for name, value in model.state_dict().items()])
    return {
        "model": hashlib.sha256(shapes.encode()).hexdigest()[:16],
        "training part": parts[0].fingerprint()[:16],
        "validation part": parts[1].fingerprint()[:16],
        "n_classes": n_classes,
        "seed": seed,
        **{f"training.{name}": value for name, value in options.model_dump().items()},
    }
