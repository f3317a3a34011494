"""Whose samples batch norm sees when several processes share a batch, and how weights lie in memory meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
import torch
from torch import nn

from qplug.lab.config.training import TrainingOptions
from qplug.lab.training.fit import fit
from qplug.lab.training.work import normalises_whole_batches


@pytest.mark.parametrize(
    ("device", "n_processes", "whole"), [("cuda", 2, True), ("cuda", 1, False), ("cpu", 2, False), ("cpu", 1, False)]
)
def test_batch_norm_is_over_the_whole_batch_on_several_gpus_alone(
    device: Literal["cpu", "cuda"], n_processes: int, whole: bool
) -> None:
    assert normalises_whole_batches(device, n_processes) is whole


def test_channels_lie_side_by_side_while_training_alone_and_change_no_more_than_rounding(tmp_path: Path) -> None:
    inputs, labels = torch.randn(40, 2, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 2
    found = []
    for channels_last in (False, True):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(36, 2))
        side_by_side: list[bool] = []
        model[0].register_forward_hook(
            lambda _layer, _given, values, kept=side_by_side: kept.append(
                values.is_contiguous(memory_format=torch.channels_last)
            )
        )
        options = TrainingOptions(epochs=3, batch_size=8, learning_rate=0.02, channels_last=channels_last)
        part = (inputs, labels)
        fitted = fit(
            model, part, part, n_classes=2, options=options, seed=0, checkpoints=tmp_path / str(channels_last),
            device="cpu",
        )  # fmt: skip
        assert set(side_by_side) == {channels_last}
        assert all(value.is_contiguous() for value in model.state_dict().values())
        found.append([row["validation_cross_entropy"] for row in fitted.history])
    assert found[1] == pytest.approx(found[0], rel=1e-3)
