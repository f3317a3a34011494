"""Training inside a job of SLURM with several tasks: one process trains by itself all the same."""

from pathlib import Path

import pytest
import torch
from torch import nn

from qplug.lab.config.training import TrainingOptions
from qplug.lab.training.fit import fit


def test_a_training_takes_no_heed_of_the_tasks_of_a_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = {"JOB_ID": "7", "NTASKS": "4", "PROCID": "0", "LOCALID": "0", "NODEID": "0", "JOB_NAME": "train"}
    for name, value in job.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    part = (torch.randn(8, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1] * 4))
    options = TrainingOptions(epochs=1, batch_size=4)
    fitted = fit(nn.Linear(3, 2), part, part, n_classes=2, options=options, seed=0, checkpoints=tmp_path, device="cpu")
    assert [row["epoch"] for row in fitted.history] == [1]
