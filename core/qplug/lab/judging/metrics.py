"""Numbers that say how good predictions are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from qplug.contract.errors import DataError
from qplug.lab.judging.interval import wilson
from qplug.lab.judging.reliability import reliability


def metrics(labels: Tensor, logits: Tensor, classes: Sequence[str]) -> dict[str, Any]:
    """How well logits (n, n_classes) fit labels (n,); plain numbers, ready for JSON.

    Returns:
        - ``n``: number of samples;
        - ``accuracy``, and ``accuracy_interval``, its 95 % Wilson interval;
        - ``balanced_accuracy`` (unweighted average recall), ``macro_f1``, ``precision``: averages over the classes
          that occur in ``labels``, each class counting the same;
        - ``cross_entropy``: mean of -ln(probability of the true class);
        - ``expected_calibration_error``: mean distance between confidence and accuracy, over 15 bins;
        - ``roc_auc`` and ``average_precision`` of the second of two classes, where both occur in ``labels``;
        - ``per_class``: class → precision, recall, f1, support; a precision with nothing predicted, and a recall
          with no sample, is 0;
        - ``confusion``: counts, one row per true class, one column per predicted class.

    Raises:
        DataError: if shapes or labels do not fit.
    """
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support  # slow, and no part of predicting

    _check(labels, logits, classes)
    truth, predicted = labels.cpu().numpy(), logits.argmax(dim=1).cpu().numpy()
    every = np.arange(len(classes))
    precision, recall, f1, support = precision_recall_fscore_support(truth, predicted, labels=every, zero_division=0)
    occurs = support > 0
    right = int((truth == predicted).sum())
    return {
        "n": len(truth),
        "accuracy": right / len(truth),
        "accuracy_interval": list(wilson(right, len(truth))),
        "balanced_accuracy": float(recall[occurs].mean()),
        "macro_f1": float(f1[occurs].mean()),
        "precision": float(precision[occurs].mean()),
        "cross_entropy": float(functional.cross_entropy(logits.double().cpu(), labels.cpu())),
        "expected_calibration_error": reliability(labels, probabilities(logits)).error,
        **_two_classes(truth, logits),
        "per_class": _per_class(classes, precision, recall, f1, support),
        "confusion": confusion_matrix(truth, predicted, labels=every).tolist(),
    }


def probabilities(logits: Tensor) -> Tensor:
    """Class probabilities (n, n_classes) as float64; each row sums to 1."""
    return torch.softmax(logits.double(), dim=1)


def _two_classes(truth: NDArray[np.int64], logits: Tensor) -> dict[str, float]:
    if logits.shape[1] != 2 or len(np.unique(truth)) < 2:
        return {}
    from sklearn.metrics import average_precision_score, roc_auc_score

    score = probabilities(logits.cpu())[:, 1].numpy()
    return {
        "roc_auc": float(roc_auc_score(truth, score)),
        "average_precision": float(average_precision_score(truth, score)),
    }


def _per_class(classes: Sequence[str], *columns: NDArray[Any]) -> dict[str, dict[str, float]]:
    return {
        name: {"precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)}
        for name, p, r, f, n in zip(classes, *columns, strict=True)
    }


def _check(labels: Tensor, logits: Tensor, classes: Sequence[str]) -> None:
    expected = (len(labels), len(classes))
    if not len(labels) or tuple(logits.shape) != expected:
        raise DataError(f"logits have shape {tuple(logits.shape)}; {expected} (samples, classes) is needed, n > 0.")
    if int(labels.min()) < 0 or int(labels.max()) >= len(classes):
        raise DataError(
            f"labels lie in {int(labels.min())} to {int(labels.max())}; "
            f"{len(classes)} classes are 0 to {len(classes) - 1}."
        )
