"""The quick scores after every epoch are the careful metrics of the evaluation."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from qplug.lab.config.training import LOWER_IS_BETTER, OF_TWO_CLASSES, Metric, TrainingOptions
from qplug.lab.judging.metrics import metrics
from qplug.lab.training.scores import scores


@given(seed=st.integers(0, 10_000), n=st.integers(1, 60), n_classes=st.integers(2, 6))
def test_scores_equal_the_metrics(seed: int, n: int, n_classes: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(n, n_classes, generator=generator)
    labels = torch.randint(n_classes, (n,), generator=generator)
    careful = metrics(labels, logits, [str(k) for k in range(n_classes)])
    for name, value in scores(logits, labels).items():
        assert value == pytest.approx(careful[name], abs=1e-9), name


@given(seed=st.integers(0, 10_000), n=st.integers(2, 60), n_classes=st.integers(2, 6), scale=st.sampled_from([0, 1, 9]))
def test_a_monitored_metric_equals_that_of_the_evaluation(seed: int, n: int, n_classes: int, scale: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(n, n_classes, generator=generator)
    labels = torch.cat([torch.tensor([0, 1]), torch.randint(n_classes, (n - 2,), generator=generator)])
    careful = metrics(labels, logits, [str(k) for k in range(n_classes)])
    for monitor in get_args(Metric):
        if n_classes == 2 or monitor not in OF_TWO_CLASSES:
            assert scores(logits, labels, monitor)[monitor] == pytest.approx(careful[monitor], abs=1e-9), monitor


def test_every_number_of_the_evaluation_can_be_monitored() -> None:
    judged = metrics(torch.tensor([0, 1]), torch.eye(2), ["a", "b"])
    assert {name for name, value in judged.items() if isinstance(value, float)} == set(get_args(Metric))


def test_a_perfect_model_has_the_best_value_of_every_metric() -> None:
    labels, generator = torch.tensor([0, 1] * 20), torch.Generator().manual_seed(0)
    perfect, poor = 50.0 * torch.eye(2)[labels], torch.randn(40, 2, generator=generator)
    for monitor in get_args(Metric):
        options = TrainingOptions(monitor=monitor)
        best, worse = (options.goodness(scores(logits, labels, monitor)[monitor]) for logits in (perfect, poor))
        assert best > worse, monitor
        assert (best <= 0) == (monitor in LOWER_IS_BETTER)


@pytest.mark.parametrize("monitor", ["roc_auc", "average_precision", "expected_calibration_error"])
def test_of_a_diverged_model_nothing_is_computed_but_nan(monitor: Metric) -> None:
    diverged = torch.full((4, 2), float("nan"))
    assert math.isnan(scores(diverged, torch.tensor([0, 1, 0, 1]), monitor)[monitor])
