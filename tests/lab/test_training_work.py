"""Whose samples batch norm sees when several processes share a batch."""

from __future__ import annotations

from typing import Literal

import pytest

from qplug.lab.training.work import normalises_whole_batches


@pytest.mark.parametrize(
    ("device", "n_processes", "whole"), [("cuda", 2, True), ("cuda", 1, False), ("cpu", 2, False), ("cpu", 1, False)]
)
def test_batch_norm_is_over_the_whole_batch_on_several_gpus_alone(
    device: Literal["cpu", "cuda"], n_processes: int, whole: bool
) -> None:
    assert normalises_whole_batches(device, n_processes) is whole
