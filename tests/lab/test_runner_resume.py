"""A run that goes on after an interruption, against one that was never interrupted."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from qplug.contract.errors import Interrupted
from qplug.lab.config.layers import from_assignments
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import resume_run, run_once
from qplug.lab.runs.record_file import read_record

from .places import without_figures

AUGMENTED = [
    "dataset.n_samples=120",
    "backbone.channels=2,2,4",
    "backbone.n_features=4",
    "training.epochs=3",
    "augmentation.time_mask=0.3",
    "augmentation.frequency_mask=0.3",
    "augmentation.shift=0.2",
    "augmentation.gain=0.5",
    "augmentation.noise=0.2",
]


class Impatient(Silent):
    """Presses Ctrl-C after the first epoch."""

    def epoch(self, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        if epoch == 1:
            raise KeyboardInterrupt


def layers() -> list[dict[str, Any]]:
    chosen = {"dataset": {"name": "chirps"}, "features": {"name": "mel"}, "head": {"name": "linear"}}
    return [from_assignments(AUGMENTED), chosen]


def history(run: Path) -> list[dict[str, str]]:
    with (run / "history.csv").open() as file:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]


@pytest.mark.slow
def test_varied_inputs_are_the_same_after_an_interruption(tmp_path: Path) -> None:
    whole = run_once(layers(), tmp_path / "whole", Silent(), workplace=without_figures())
    with pytest.raises(Interrupted, match=rf"qplug resume {tmp_path}"):
        run_once(layers(), tmp_path / "torn", Impatient())
    (torn,) = (tmp_path / "torn").iterdir()
    assert not (torn / "record.json").exists()
    resumed = resume_run(torn, Silent(), workplace=without_figures())

    assert resumed["test"] == whole["test"]
    run = Path(whole["run"])
    assert history(torn) == history(run)
    assert (torn / "predictions.csv").read_text() == (run / "predictions.csv").read_text()
    metrics = [read_record(folder).metrics() for folder in (torn, run)]
    assert metrics[0]["test"] == metrics[1]["test"]
