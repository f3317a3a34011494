"""Logits come in the order of the inputs, whatever the batch size, and are checked."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from qplug.contract.errors import DataError, QplugError
from qplug.lab.judging.logits import predict_logits


def test_logits_do_not_depend_on_the_batch_size_and_dropout_is_off() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.9), nn.Linear(4, 2)).train()
    inputs = torch.randn(11, 3)
    small = predict_logits(model, inputs, batch_size=1)
    assert small.shape == (11, 2)
    assert torch.allclose(small, predict_logits(model, inputs, batch_size=4), atol=1e-6)
    assert not small.requires_grad
    assert not model.training


def test_arrays_do_as_well_as_tensors_and_progress_is_told() -> None:
    model = nn.Linear(3, 2)
    inputs = np.random.default_rng(0).normal(size=(5, 3))
    told: list[tuple[int, int]] = []
    logits = predict_logits(model, inputs, batch_size=2, on_step=lambda done, total: told.append((done, total)))
    assert torch.allclose(logits, model(torch.from_numpy(inputs).float()))
    assert told == [(2, 5), (4, 5), (5, 5)]


def test_logits_that_are_not_finite_are_counted() -> None:
    inputs = torch.zeros(5, 3)
    inputs[1] = torch.nan
    with pytest.raises(QplugError, match="not finite for 1 of 5 samples"):
        predict_logits(nn.Linear(3, 2), inputs)


def test_nothing_to_predict_is_refused() -> None:
    with pytest.raises(DataError, match="the part has 0 samples"):
        predict_logits(nn.Linear(3, 2), torch.zeros(0, 3))
