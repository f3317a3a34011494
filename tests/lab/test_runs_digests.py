"""Damage to a run's files is told by name, never taken for numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from qplug.contract.errors import DataError
from qplug.lab.judging.metrics import metrics
from qplug.lab.judging.predictions import prediction_rows
from qplug.lab.runner.verify import verify
from qplug.lab.runs.directory import RunDirectory
from qplug.lab.training.checkpoint import load, save
from qplug_cli import main

from .report_runs import facts

CLASSES = ["cat", "=dog", "a,b"]


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run of 40 samples with weights and a checkpoint."""
    random = torch.Generator().manual_seed(0)
    labels = torch.randint(3, (20,), generator=random)
    logits = 30 * torch.randn(20, 3, generator=random)  # probabilities that are rounded to 0 among them
    ids = [str(number) for number in range(20)]
    with RunDirectory.create(tmp_path, dataset="mine", head="pqc", short_hash="0") as made:
        made.write_text("run.toml", "seed = 3\n")
        made.write_json("environment.json", {"qplug": "0"})
        parts = ("validation", "test")
        rows = [row for part in parts for row in prediction_rows(part, ids, ids, labels, logits, CLASSES)]
        made.write_csv("predictions.csv", rows)
        made.write_weights({"w": torch.randn(100, generator=random)}, {"classes": CLASSES})
        made.checkpoints.mkdir()
        save(made.checkpoints / "last.ckpt", {"model": {"w": torch.randn(100, generator=random)}})
        judged = metrics(labels, logits, CLASSES)
        made.write_json("metrics.json", facts(validation=judged, test=judged))
    return made.path


READERS: dict[str, Callable[[RunDirectory], object]] = {
    "model.safetensors": lambda run: run.read_weights(),
    "predictions.csv": lambda run: run.read_csv("predictions.csv"),
    "metrics.json": lambda run: run.read_json("metrics.json"),
    "checkpoints/last.ckpt": lambda run: load(run.checkpoints / "last.ckpt"),
}


@pytest.mark.parametrize("name", READERS)
def test_a_flipped_bit_is_refused_where_the_file_is_read(run: Path, name: str) -> None:
    READERS[name](RunDirectory.open(run))
    whole = (run / name).read_bytes()
    if name.endswith(".ckpt"):
        at = whole.index(load(run / name)["model"]["w"].numpy().tobytes())
    elif name.endswith(".safetensors"):
        at = len(whole) - 10
    else:  # a digit, so that the text stays what it was in all but one number
        at = whole.index(b"0.", len(whole) // 3) + 2
    flip(run / name, at)
    with pytest.raises(DataError, match=f"{run / name} is damaged"):
        READERS[name](RunDirectory.open(run))
    assert any(name in fault for fault in verify(run).faults)


def test_a_whole_run_is_verified_with_its_metrics(run: Path) -> None:
    verdict = verify(run)
    assert set(verdict.files) == {
        "run.toml", "environment.json", "predictions.csv", "model.safetensors", "checkpoints/last.ckpt", "metrics.json",
    }  # fmt: skip
    assert (verdict.faults, verdict.n_judged) == ([], 2)


@pytest.mark.parametrize(
    ("metric", "value"),
    [("accuracy", 0.5), ("cross_entropy", 0.1), ("confusion", [[1, 0, 0]] * 3), ("macro_f1", None)],
)
def test_metrics_that_do_not_follow_from_the_predictions_are_named(run: Path, metric: str, value: object) -> None:
    directory = RunDirectory(run)
    content = directory.read_json("metrics.json")
    content["test"][metric] = value
    directory.write_json("metrics.json", content)
    assert verify(run).faults == [f"{metric} of the test part in metrics.json do not follow from predictions.csv"]


def test_the_command_names_what_is_wrong_and_ends_with_2(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert CliRunner().invoke(main.app, ["verify", str(run)]).output.startswith("6 files are what the run wrote; the")
    (run / "run.toml").write_text("seed = 4\n")
    (run / "predictions.csv").unlink()
    with pytest.raises(SystemExit) as ended:
        main.run(["verify", str(run)])
    assert ended.value.code == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "predictions.csv is missing; run.toml is damaged" in told
    found = CliRunner().invoke(main.app, ["verify", str(run), "--json"])
    assert json.loads(found.stdout)["files"]["run.toml"] == "damaged"


def test_a_run_without_digests_is_told_apart_from_a_damaged_one(run: Path) -> None:
    (run / "digests.json").unlink()
    RunDirectory.open(run).read_weights()
    with pytest.raises(DataError, match=rf"{run} has no digests\.json"):
        verify(run)


def test_a_damaged_record_of_digests_is_refused(run: Path) -> None:
    (run / "digests.json").write_text("[1]")
    with pytest.raises(DataError, match=f"{run / 'digests.json'} is damaged: it is no table of digests"):
        RunDirectory.open(run).read_weights()
