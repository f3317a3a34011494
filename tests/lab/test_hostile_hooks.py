"""Whatever installed hooks do, a run has the numbers that it has without them."""

from __future__ import annotations

import csv
import json
import logging
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from qplug.lab.config.layers import from_assignments
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import run_once

from . import hostile_hooks


def numbers(run: Path) -> dict[str, Any]:
    """What a run computed, without its times."""
    with (run / "history.csv").open(newline="") as file:
        history = [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]
    record = json.loads((run / "record.json").read_text())
    del record["training"]["seconds"], record["environment"]  # the environment may list what is installed
    return {
        "history": history,
        "record": record,
        "predictions": (run / "predictions.csv").read_text(),
        "files": sorted(path.name for path in run.rglob("*")),
        "modes": {path.name: path.stat().st_mode for path in run.iterdir()},
    }


def test_a_run_with_hostile_hooks_has_the_numbers_of_one_without(
    site: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    layers = [from_assignments(["training.epochs=2"]), {"dataset": {"name": "digits"}, "head": {"name": "linear"}}]
    alone = Path(run_once(layers, tmp_path / "alone", Silent())["run"])
    source = Path(hostile_hooks.__file__).read_text()
    entries = {name: f"hostile_plugins:{name.replace('-', '_')}" for name in hostile_hooks.ACTS}
    assert len(entries) >= 28
    site.add("qplug-hostile", {"qplug.hooks": entries}, {"hostile_plugins": source})
    with caplog.at_level(logging.WARNING, "qplug"):
        among = Path(run_once(layers, tmp_path / "among", Silent())["run"])
    assert set(entries) == sys.modules["hostile_plugins"].ACTED
    assert numbers(among) == numbers(alone)
    weights, others = (load_file(run / "model.safetensors") for run in (alone, among))
    assert weights.keys() == others.keys()
    assert all(torch.equal(weights[name], others[name]) for name in weights)
    for name in ("zeroes-layers", "leaves-the-folder", "exits"):
        assert f"the hook plugin '{name} (qplug-hostile)'" in caplog.text
    assert "\x1b" not in caplog.text
