"""The few numbers that are watched after every epoch."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from qplug.lab.config.training import Metric

_N_BINS = 15
"""Bins of the calibration error, as many as in the paper."""


def scores(logits: Tensor, labels: Tensor, monitor: Metric = "cross_entropy") -> dict[str, float]:
    """Cross-entropy, accuracy, balanced accuracy, macro F1 and the monitored metric.

    Averages over classes run over those that occur in ``labels``. The same as scikit-learn's, from one confusion
    matrix, because they are computed after every epoch.

    Args:
        logits: (n, n_classes).
        labels: (n,), classes 0 to n_classes - 1.
        monitor: a metric that is given beside the others; NaN where the cross-entropy is not finite.
    """
    n_classes = logits.shape[1]
    confusion = torch.bincount(labels * n_classes + logits.argmax(dim=1), minlength=n_classes**2)
    confusion = confusion.reshape(n_classes, n_classes).double()
    right, support, chosen = confusion.diagonal(), confusion.sum(dim=1), confusion.sum(dim=0)
    occurs = support > 0
    found = {
        "cross_entropy": float(functional.cross_entropy(logits.double(), labels)),
        "accuracy": float(right.sum() / support.sum()),
        "balanced_accuracy": float((right / support)[occurs].mean()),
        "macro_f1": float((2 * right / (support + chosen))[occurs].mean()),
    }
    if monitor == "precision":
        found["precision"] = float((right / chosen.clamp(min=1))[occurs].mean())
    elif monitor not in found:
        finite = math.isfinite(found["cross_entropy"])
        found[monitor] = _of_probabilities(monitor, logits.cpu(), labels.cpu()) if finite else math.nan
    return found


def _of_probabilities(metric: Metric, logits: Tensor, labels: Tensor) -> float:
    probabilities = torch.softmax(logits.double(), dim=1)
    if metric == "expected_calibration_error":
        return _calibration_error(probabilities, labels)
    from sklearn.metrics import average_precision_score, roc_auc_score  # takes long, and few trainings need it

    of_two_classes = {"roc_auc": roc_auc_score, "average_precision": average_precision_score}
    return float(of_two_classes[metric](labels.numpy(), probabilities[:, 1].numpy()))


def _calibration_error(probabilities: Tensor, labels: Tensor) -> float:
    """Mean distance between confidence and accuracy over bins of equal width.

    **Source:** Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", arXiv:1706.04599,
    equation 3.
    """
    confidence, predicted = probabilities.max(dim=1)
    bins = (confidence * _N_BINS).long().clamp(max=_N_BINS - 1)
    gaps = torch.bincount(bins, weights=(predicted == labels).double() - confidence, minlength=_N_BINS)
    return float(gaps.abs().sum() / len(labels))
