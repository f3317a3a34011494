"""``qplug export``: its words; what it writes is tested beside the exports themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from qplug.contract.errors import UserError
from qplug.lab.runs.directory import RunDirectory
from qplug.lab.runs.weights import read_weights
from qplug_cli.commands import export as command


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """As much of a finished run as the export of its weights needs."""
    with RunDirectory.create(tmp_path, dataset="digits", head="mlp", short_hash="abc") as directory:
        directory.write_text("run.toml", "format = 1\n")
        directory.write_json("environment.json", {"qplug": "0.1.0"})
        directory.write_weights({"layer.weight": torch.ones(2, 3)}, {"classes": ["a", "b"], "feature_shape": [3]})
        directory.write_json("split.json", {
            "description": "", "official": True, "sizes": {}, "hashes": {}, "shared_groups": [], "left_out": [],
        })  # fmt: skip
        of_class = {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2}
        shares = dict.fromkeys(("accuracy", "balanced_accuracy", "macro_f1", "precision"), 0.5)
        judged = {
            "n": 4, **shares, "accuracy_interval": [0.1, 0.9], "cross_entropy": 0.7, "expected_calibration_error": 0.1,
            "per_class": {"a": of_class, "b": of_class}, "confusion": [[1, 1], [1, 1]],
        }  # fmt: skip
        directory.write_json("metrics.json", {
            "dataset": "digits", "head": "mlp", "backend": None, "trained_on": None, "seed": 0, "split": "official",
            "train_seconds": 1.0, "parameters": {"total": 6, "trainable": 6, "quantum": 0}, "stamps": [],
            "warnings": [], "validation": judged, "test": judged,
        })  # fmt: skip
    return directory.path


def test_files_are_named_with_what_they_hold(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command.export(run, command.Format.safetensors)
    file = run / "export" / "model.safetensors"
    what = "1 tensors, with the run's configuration, classes and test result"
    assert capsys.readouterr().out == f"{file}: {what}\n"
    command.export(run, command.Format.safetensors, out=run.parent / "mine.safetensors", json=True)
    assert json.loads(capsys.readouterr().out) == {
        "format": "safetensors",
        "files": [{"file": str(run.parent / "mine.safetensors"), "what": what}],
    }
    assert read_weights(run.parent / "mine.safetensors")[1] == read_weights(file)[1]


@pytest.mark.parametrize("to", list(command.Format))
def test_every_format_refuses_what_is_no_run(to: command.Format, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"there is no run directory {tmp_path}/nowhere"):
        command.export(tmp_path / "nowhere", to)
