"""How far two judgements of the same samples agree: labels, and the expectation values behind them."""

from __future__ import annotations

from typing import Any

import torch

from qplug.lab.judging.interval import wilson
from qplug.lab.judging.judge import Judgement


def agreement(judgement: Judgement, exact: Judgement) -> dict[str, Any]:
    """What a backend changes.

    Args:
        judgement: the answers on the backend in question.
        exact: the answers to the same samples on another.

    Returns:
        - ``label_agreement``: the share of samples that get the same label, and ``label_agreement_interval``, its 95 %
          Wilson interval;
        - ``accuracy``: of ``exact``;
        - ``mean_abs_delta_z`` and ``max_abs_delta_z``: mean and largest distance between expectation values, in
          [0, 2]; None without a circuit.
    """
    same = int((judgement.predicted == exact.predicted).sum())
    distances = [
        (left.double() - right.double()).abs().flatten()
        for left, right in zip(judgement.expectations, exact.expectations, strict=True)
    ]
    every = torch.cat(distances) if distances else None
    return {
        "label_agreement": same / len(exact.logits),
        "label_agreement_interval": list(wilson(same, len(exact.logits))),
        "accuracy": exact.scores["accuracy"],
        "mean_abs_delta_z": None if every is None else float(every.mean()),
        "max_abs_delta_z": None if every is None else float(every.max()),
    }
