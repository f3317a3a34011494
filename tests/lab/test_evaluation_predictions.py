"""Predictions carry id, group, part, both classes by name and every probability."""

from __future__ import annotations

import pytest
import torch

from qplug.lab.judging.predictions import prediction_rows


def test_a_row_tells_everything_about_one_answer() -> None:
    logits = torch.log(torch.tensor([[0.2, 0.8], [0.75, 0.25]]))
    rows = prediction_rows("test", ["a.wav", "b.wav"], ["anna", None], torch.tensor([1, 1]), logits, ["cat", "dog"])
    assert rows[0] == {
        "id": "a.wav", "group": "anna", "part": "test", "label": "dog", "predicted": "dog", "p_cat": 0.2, "p_dog": 0.8,
    }  # fmt: skip
    assert (rows[1]["group"], rows[1]["label"], rows[1]["predicted"]) == ("", "dog", "cat")


def test_lists_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="argument 2 is longer"):
        prediction_rows("test", ["a"], [None, None], torch.tensor([0, 0]), torch.zeros(2, 2), ["x", "y"])
