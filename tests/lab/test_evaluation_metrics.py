"""Metrics are right by hand, in the corners too."""

from __future__ import annotations

import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from qplug.contract.errors import DataError
from qplug.lab.judging.interval import wilson
from qplug.lab.judging.metrics import metrics, probabilities


def logits_for(predicted: list[int], n_classes: int) -> Tensor:
    return 2.0 * torch.nn.functional.one_hot(torch.tensor(predicted), n_classes)


def test_metrics_equal_those_worked_out_by_hand() -> None:
    labels = torch.tensor([0, 0, 0, 1, 1, 2])
    result = metrics(labels, logits_for([0, 0, 1, 1, 1, 0], 3), ["a", "b", "c"])
    assert result["n"] == 6
    assert result["confusion"] == [[2, 1, 0], [0, 2, 0], [1, 0, 0]]
    assert result["accuracy"] == pytest.approx(4 / 6)
    assert result["balanced_accuracy"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert result["precision"] == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    assert result["macro_f1"] == pytest.approx((2 / 3 + 4 / 5 + 0) / 3)
    right, wrong = math.log(1 + 2 * math.exp(-2)), math.log(2 + math.exp(2))
    assert result["cross_entropy"] == pytest.approx((4 * right + 2 * wrong) / 6)
    assert result["per_class"]["b"] == pytest.approx({"precision": 2 / 3, "recall": 1.0, "f1": 0.8, "support": 2})
    assert result["per_class"]["c"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}


@pytest.mark.filterwarnings("error")
def test_a_class_without_samples_is_left_out_of_averages() -> None:
    result = metrics(torch.tensor([0, 1]), logits_for([0, 1], 3), ["a", "b", "never"])
    assert result["balanced_accuracy"] == result["macro_f1"] == result["precision"] == 1
    assert result["per_class"]["never"]["support"] == 0


def test_confident_mistakes_stay_finite_and_everything_is_json() -> None:
    result = metrics(torch.tensor([0]), torch.tensor([[-4000.0, 4000.0]]), ["a", "b"])
    assert result["cross_entropy"] == pytest.approx(8000)
    assert json.loads(json.dumps(result, allow_nan=False)) == result


@given(n=st.integers(1, 300), data=st.data())
def test_the_interval_holds_the_share_and_lies_between_zero_and_one(n: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, n))
    low, high = wilson(right, n)
    assert 0 <= low <= right / n + 1e-12
    assert right / n - 1e-12 <= high <= 1
    assert low < high


def test_the_interval_equals_a_published_one() -> None:
    # Newcombe (1998), Statistics in Medicine 17, table I: 81 of 263.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_probabilities_sum_to_one() -> None:
    shares = probabilities(torch.randn(5, 4, generator=torch.Generator().manual_seed(0)))
    assert shares.dtype == torch.float64
    assert torch.allclose(shares.sum(dim=1), torch.ones(5, dtype=torch.float64))


@pytest.mark.parametrize(
    ("labels", "n_classes", "words"),
    [
        ([0, 1], 3, r"logits have shape \(2, 2\); \(2, 3\)"),
        ([0, 1, 1], 2, r"logits have shape \(2, 2\); \(3, 2\)"),
        ([0, 2], 2, "labels lie in 0 to 2; 2 classes are 0 to 1"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(labels: list[int], n_classes: int, words: str) -> None:
    with pytest.raises(DataError, match=words):
        metrics(torch.tensor(labels), torch.zeros(2, 2), [str(k) for k in range(n_classes)])
