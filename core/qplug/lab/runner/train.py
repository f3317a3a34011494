"""The third stage of a run: fitting what is fitted, and training what is trained."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from qplug.contract.interfaces import Part, TrainingPart
from qplug.lab.data.row_source import rows_at
from qplug.lab.data.training_part import training_part
from qplug.lab.judging.view import View
from qplug.lab.pipeline.classifier import Classifier, embedding_width, fit_branches
from qplug.lab.pipeline.statistics import estimate_statistics
from qplug.lab.runner.examine import Examined
from qplug.lab.runner.prepare import Prepared, embedded
from qplug.lab.runner.reporter import Reporter
from qplug.lab.stopping import checkpoints_first
from qplug.lab.training.idle import idle_parts, prints
from qplug.lab.training.progress import Fitted

# Lightning takes seconds to import. It is imported where training begins, so that data that cannot be used are told
# at once.
if TYPE_CHECKING:
    from qplug.lab.training.asking import Asked
    from qplug.lab.training.fit import HeadFirst

_STATISTICS_ROWS = 64  # samples over which batch norm's statistics are taken at once


@dataclass(frozen=True)
class Trained:
    """A classifier with its best weights.

    Attributes:
        view: the classifier, and what it was trained on.
        fitted: how training went.
        warnings: what a reader of the results should know of that.
    """

    view: View
    fitted: Fitted
    warnings: tuple[str, ...] = ()


def ready_to_train(examined: Examined, prepared: Prepared, reporter: Reporter) -> View:
    """The classifier with its normalisation and all that is fitted, and what it is trained on.

    That is features, or the embeddings of a frozen front.
    """
    config, components, model = examined.config, examined.components, examined.model
    model.front.normalise = prepared.normalise
    model.front.eval()
    found, frozen = prepared.features, model.frozen_front
    cache = examined.workplace.cache
    inputs = embedded(config, components, model.front, found, cache, reporter) if frozen else found.values

    @functools.cache  # several branches may be fitted
    def training() -> TrainingPart:
        fitted_on = prepared.split.training(inputs, found.kept)
        if not frozen:
            estimate_statistics(model.front, map(torch.from_numpy, fitted_on.chunks(_STATISTICS_ROWS)))
        return training_part(fitted_on, seed=config.seed, module=None if frozen else model.front)

    width = int(inputs.shape[1]) if frozen else embedding_width(model.front, found.shape)
    fit_branches(model, components, width, seed=config.seed, training=training)
    return View(model, inputs, found.values)


@dataclass(frozen=True)
class TrainingSession:
    """How a training is followed.

    Attributes:
        checkpoints: where it keeps what it goes on from.
        resume: whether it goes on from there.
        on_start: told that the pipeline stands, with the classifier.
        on_epoch: told each epoch's number and row.
        asking: gives who is asked for the values of each step, where the backend trains step by step; else None.
    """

    checkpoints: Path
    resume: bool
    on_start: Callable[[Classifier], None]
    on_epoch: Callable[[int, Mapping[str, float]], None]
    asking: Callable[[], Asked] | None = None


def train(examined: Examined, prepared: Prepared, session: TrainingSession, reporter: Reporter) -> Trained:
    """Trains what learns by gradients; a classifier of which nothing does is ready once it is fitted.

    Raises:
        KeyboardInterrupt: the user stopped it; the last finished epoch is kept.
    """
    began = time.perf_counter()
    view = ready_to_train(examined, prepared, reporter)
    seconds = time.perf_counter() - began
    session.on_start(view.model)
    if not learns(view):
        return Trained(view, Fitted([], best_epoch=0, seconds=seconds, stopped_early=False))
    return train_by_gradients(examined, prepared, view, session, reporter)


def learns(view: View) -> bool:
    """Whether anything of the classifier learns by gradients."""
    return any(parameter.requires_grad for parameter in view.module.parameters())


def train_by_gradients(
    examined: Examined, prepared: Prepared, view: View, session: TrainingSession, reporter: Reporter
) -> Trained:
    """Trains a classifier in which all that is fitted stands in its place.

    Raises:
        KeyboardInterrupt: the user stopped it; the last finished epoch is kept.
    """
    from qplug.lab.training.fit import fit

    config = examined.config
    head_first = _head_first(examined, prepared, view, reporter) if config.training.head_epochs else None
    asked = None if session.asking is None else session.asking()
    before = prints(view.model)
    reporter.stage("training")
    with checkpoints_first():
        fitted = fit(
            view.module,
            labelled(view, prepared, "train"),
            labelled(view, prepared, "validation"),
            n_classes=len(prepared.split.classes),
            options=config.training,
            seed=config.seed,
            checkpoints=session.checkpoints,
            device=config.device,
            resume=session.resume,
            head_first=head_first,
            asked=asked,
            on_epoch=session.on_epoch,
        )
    ended = [] if asked is None or not asked.steps.ended else [f"the training ended early: {asked.steps.ended}"]
    for told in ended:
        reporter.warn(told)
    return Trained(view, fitted, (*ended, *(idle_parts(config, view.model, before) if fitted.history else ())))


def _head_first(examined: Examined, prepared: Prepared, view: View, reporter: Reporter) -> HeadFirst:
    """The head and the embeddings that the backbone, as it is before any training, gives it."""
    from qplug.lab.training.fit import HeadFirst

    cache = examined.workplace.cache
    values = embedded(examined.config, examined.components, view.model.front, prepared.features, cache, reporter)
    training, validation = (rows_at(values, prepared.positions[part]) for part in ("train", "validation"))
    return HeadFirst(view.model.branches, training, validation)


def labelled(view: View, prepared: Prepared, part: Part) -> tuple[Any, torch.Tensor]:
    """The inputs of a part, and its labels (n,)."""
    indices = prepared.positions[part]
    return rows_at(view.inputs, indices), torch.from_numpy(prepared.labels[indices])
