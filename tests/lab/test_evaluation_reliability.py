"""Calibration is measured as the paper says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from qplug.lab.judging.metrics import metrics
from qplug.lab.judging.reliability import reliability


def two(confidences: list[float]) -> torch.Tensor:
    """Probabilities of two classes of which the first is predicted."""
    highest = torch.tensor(confidences, dtype=torch.float64)
    return torch.stack([highest, 1 - highest], dim=1)


def test_the_error_equals_one_worked_out_by_hand() -> None:
    # Bins of a tenth. [.9, 1]: .94 and .96, one right; [.6, .7): .64, right.
    found = reliability(torch.tensor([0, 1, 0]), two([0.94, 0.96, 0.64]), n_bins=10)
    assert found.counts.tolist() == [0, 0, 0, 0, 0, 0, 1, 0, 0, 2]
    assert found.accuracy[9] == 0.5
    assert found.confidence[9] == pytest.approx(0.95)
    assert found.error == pytest.approx((2 * 0.45 + 0.36) / 3)
    assert np.isnan(found.accuracy[0])


def test_full_confidence_belongs_to_the_last_bin() -> None:
    found = reliability(torch.tensor([0, 0]), two([1.0, 1.0]))
    assert found.counts[-1] == 2
    assert found.error == 0


def test_a_model_that_keeps_its_word_has_almost_no_error_and_a_boastful_one_has() -> None:
    chance = torch.Generator().manual_seed(0)
    share = 0.5 + 0.5 * torch.rand(40_000, generator=chance, dtype=torch.float64)
    labels = (torch.rand(len(share), generator=chance, dtype=torch.float64) >= share).long()
    honest = reliability(labels, two(share.tolist())).error
    boastful = reliability(labels, two((0.5 + share / 2).tolist())).error
    assert honest < 0.01
    assert boastful == pytest.approx(0.125, abs=0.01)


def test_metrics_hold_the_error_and_for_two_classes_the_areas() -> None:
    logits = two([0.9, 0.8, 0.7, 0.4]).log()
    both = metrics(torch.tensor([0, 1, 0, 1]), logits, ["a", "b"])
    assert both["roc_auc"] == pytest.approx(0.75)
    assert both["expected_calibration_error"] == pytest.approx(
        reliability(torch.tensor([0, 1, 0, 1]), logits.softmax(1)).error
    )
    assert 0 < both["average_precision"] <= 1
    one = metrics(torch.tensor([0, 0, 0, 0]), logits, ["a", "b"])
    assert "roc_auc" not in one
