"""How a training goes, epoch by epoch, whoever carries it out: what it came to, which epoch was best, when it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from qplug.lab.config.training import TrainingOptions
from qplug.lab.training.checkpoint import State

OnEpoch = Callable[[int, Mapping[str, float]], None]
OnStep = Callable[[int, int], None]


@dataclass(frozen=True)
class Fitted:
    """What a training gave; the model itself was changed in place.

    Attributes:
        history: one row per epoch: ``epoch`` (from 1), ``train_cross_entropy``, ``train_accuracy``,
            ``validation_`` cross_entropy, accuracy, balanced_accuracy, macro_f1 and the monitored metric,
            ``learning_rate`` of the classical parameters at the epoch's end, ``gradient_norm_classical`` and
            ``gradient_norm_quantum`` (means over the steps, before clipping, where there are such parameters),
            ``seconds``. With ``head_epochs`` also ``phase``: 1 where the head alone learnt, then 2; epochs are
            counted on.
        best_epoch: the epoch, from 1, whose weights the model now has.
        seconds: time spent in epochs, before and after an interruption.
        stopped_early: whether it ended because the monitored metric became no better for ``patience`` epochs.
    """

    history: list[dict[str, float]]
    best_epoch: int
    seconds: float
    stopped_early: bool


def add_epoch(state: State, row: dict[str, float], options: TrainingOptions) -> None:
    """Notes a finished epoch, and whether it is the best so far."""
    state.epoch += 1
    state.seconds += row["seconds"]
    state.history.append(row)
    reached = rank(row, options)
    if not state.best_epoch or reached > state.best_rank:
        state.best_epoch, state.best_rank = state.epoch, reached


def out_of_patience(state: State, options: TrainingOptions) -> bool:
    """Whether the last ``patience`` epochs brought no better value of the monitored metric; an equal one is none.

    The best epoch may be a later one: among equal values it is that of the lowest cross-entropy.
    """
    if not options.patience or not state.history:
        return False
    values = [rank(row, options)[0] for row in state.history]
    return state.epoch - (values.index(max(values)) + 1) >= options.patience


def rank(row: Mapping[str, float], options: TrainingOptions) -> list[float]:
    """How good an epoch was, by its row of the history; higher is better, in this order."""
    # Shares are often equal on a small validation part; then the lower cross-entropy is the better model.
    return [options.goodness(row[f"validation_{options.monitor}"]), -row["validation_cross_entropy"]]


def class_weights(labels: Tensor, n_classes: int) -> Tensor:
    """Weights (n_classes,) inverse to the classes' shares, 1 on average over the samples; 0 for a missing class."""
    counts = torch.bincount(labels, minlength=n_classes).double()
    weights = len(labels) / (counts * int((counts > 0).sum()))
    return torch.where(counts > 0, weights, 0.0).float()
