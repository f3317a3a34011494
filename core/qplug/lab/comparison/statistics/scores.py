"""A score of answers, and how much each sample adds to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from qplug.contract.errors import NotSupported
from qplug.lab.comparison.statistics.answers import Classes

Floats: TypeAlias = NDArray[np.float64]
MetricName: TypeAlias = Literal["accuracy", "balanced_accuracy", "macro_f1"]


@dataclass(frozen=True)
class Additions:
    """A score as a sum over samples.

    Attributes:
        terms: (n_seeds, n), whose sums over the samples are the scores; for macro F1 to first order about the score.
        shares: (n,) how much each sample counts; the sum is 1.
    """

    terms: Floats
    shares: Floats


def score(metric: MetricName, labels: Classes, predicted: Classes, n_classes: int) -> float:
    """A score in [0, 1]; averages go over the classes that occur in the labels, as in the records of runs."""
    return float(additions(metric, labels, predicted[None], n_classes).terms.sum())


def additions(metric: MetricName, labels: Classes, predicted: Classes, n_classes: int) -> Additions:
    """What each sample adds to the score of each seed.

    Args:
        metric: which score.
        labels: (n,).
        predicted: (n_seeds, n).
        n_classes: how many there are.

    Raises:
        NotSupported: the metric is no function of the answers alone.
    """
    right = (predicted == labels).astype(np.float64)
    of_class = np.bincount(labels, minlength=n_classes)
    if metric == "accuracy":
        shares = np.full(len(labels), 1 / len(labels))
        return Additions(right * shares, shares)
    if metric == "balanced_accuracy":
        shares = 1 / (np.count_nonzero(of_class) * of_class[labels])
        return Additions(right * shares, shares)
    if metric == "macro_f1":
        return _of_f1(labels, predicted, right, of_class)
    raise NotSupported(f"Differences of {metric!r} cannot be tested; accuracy, balanced_accuracy and macro_f1 can be.")


def _of_f1(labels: Classes, predicted: Classes, right: Floats, of_class: Classes) -> Additions:
    """Of F1 = 2 hits / (true + answered), the first order in how often each sample counts."""
    n_seeds, n = predicted.shape
    n_classes, seeds = len(of_class), np.arange(n_seeds)[:, None]
    answered = _counts(predicted, np.ones_like(right), n_classes)
    hits = _counts(np.broadcast_to(labels, predicted.shape), right, n_classes)
    occurs = of_class > 0
    size = np.maximum(of_class + answered, 1)
    f1 = 2 * hits / size
    scores = f1[:, occurs].mean(axis=1)
    lost = np.where(occurs, f1 / size, 0)  # what one more true sample, or answer, of the class takes away
    change = 2 * right / size[:, labels] - lost[:, labels] - lost[seeds, predicted]
    shares = np.full(n, 1 / n)
    return Additions(change / np.count_nonzero(occurs) + scores[:, None] * shares, shares)


def _counts(classes: Classes, weights: Floats, n_classes: int) -> Floats:
    """(n_seeds, n_classes) sums of weights by class."""
    n_seeds = len(classes)
    places = classes + n_classes * np.arange(n_seeds)[:, None]
    sums: Floats = np.bincount(places.ravel(), weights.ravel(), n_seeds * n_classes).astype(np.float64)
    return sums.reshape(n_seeds, n_classes)
