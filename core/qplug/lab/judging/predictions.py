"""The rows of ``predictions.csv``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from qplug.lab.judging.metrics import probabilities


def prediction_rows(
    part: str,
    ids: Sequence[str],
    groups: Sequence[str | None],
    labels: Tensor,
    logits: Tensor,
    classes: Sequence[str],
) -> list[dict[str, Any]]:
    """One row per sample: ``id``, ``group``, ``part``, ``label``, ``predicted``, and ``p_<class>`` for each class.

    Args:
        part: name of the part, such as ``"test"``.
        ids: the samples' ids (n).
        groups: their groups (n), None where there is none.
        labels: true classes (n,).
        logits: the model's answers (n, n_classes).
        classes: names of the classes.
    """
    shares = probabilities(logits).tolist()
    best = logits.argmax(dim=1).tolist()
    return [
        {
            "id": id_,
            "group": "" if group is None else group,
            "part": part,
            "label": classes[label],
            "predicted": classes[predicted],
            **{f"p_{name}": round(share, 6) for name, share in zip(classes, row, strict=True)},
        }
        for id_, group, label, predicted, row in zip(ids, groups, labels.tolist(), best, shares, strict=True)
    ]
