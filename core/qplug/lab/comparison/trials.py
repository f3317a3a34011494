"""A seeded search for hyper-parameters inside a cell: every arm gets as many trials, judged on its validation part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from qplug.lab.config.training import LOWER_IS_BETTER
from qplug.lab.runs.run_record import JudgementRecord

FACTOR = 5.0
"""Step sizes are drawn between a fifth and five times that of the settings."""
DECAYS = (0.0, 1e-4, 1e-3, 1e-2, 5e-2)


def trial_settings(settings: Mapping[str, Any], n_trials: int) -> Iterator[dict[str, Any]]:
    """The settings that a cell tries: its own first, then with step sizes and weight decays that its seed draws.

    All arms of one seed draw the same factors and decays. Step sizes are log-uniform between ``1 / FACTOR`` and
    ``FACTOR`` times those of the settings, one factor for all of them; decays are drawn from ``DECAYS``.

    Args:
        settings: the tables of the cell's run.
        n_trials: how many, at least 1.
    """
    generator = np.random.default_rng([int(settings["seed"]), 0x7121A15])
    for number in range(n_trials):
        if number == 0:
            yield dict(settings)
            continue
        factor = float(FACTOR ** generator.uniform(-1, 1))
        decay = float(generator.choice(DECAYS))
        training = {**settings["training"], "weight_decay": decay}
        for name in ("learning_rate", "backbone_learning_rate", "quantum_learning_rate"):
            if training.get(name) is not None:
                training[name] = float(f"{training[name] * factor:.6g}")
        yield {**settings, "training": training}


def goodness(validation: JudgementRecord, settings: Mapping[str, Any]) -> float:
    """How good a trial is: the monitored metric of the validation part, turned so that more is better."""
    monitor = str(settings["training"].get("monitor", "cross_entropy"))
    value = getattr(validation.scores, monitor)
    if value is None:
        return float("-inf")
    return -float(value) if monitor in LOWER_IS_BETTER else float(value)
