"""Ways to train, from the command line: two processes, mixed precision, the head first."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from qplug.lab.runs.record_file import read_record

Qplug = Callable[..., subprocess.CompletedProcess[str]]
QUICK = ("--dataset", "digits", "--set", "backbone.channels=4,4,8", "--set", "backbone.n_features=8")


@pytest.mark.slow
def test_two_processes_train_a_circuit_and_only_the_result_is_on_stdout(qplug: Qplug, tmp_path: Path) -> None:
    words = ("run", *QUICK, "--set", "head.n_qubits=3", "--set", "training.learning_rate=0.02", "--epochs", 6)
    done = qplug(*words, "--no-figures", "--devices", 2, "--json")
    summary = json.loads(done.stdout)
    assert "devices = 2" in (tmp_path / summary["run"] / "run.toml").read_text()
    assert summary["test"]["accuracy"] > 0.4, "chance is 0.1"
    assert "epoch 6/6" in done.stderr
    assert "Warning" not in done.stderr
    assert "Gloo" not in done.stderr
    with (tmp_path / summary["run"] / "history.csv").open() as file:
        assert [float(row["epoch"]) for row in csv.DictReader(file)] == [1, 2, 3, 4, 5, 6]


def test_learnt_factors_of_branches_and_the_angles_of_each_are_recorded(qplug: Qplug, tmp_path: Path) -> None:
    pqc, sizes = "linear:pennylane-pqc", [f"branch{number}.head.n_qubits={number}" for number in (2, 3)]
    words = ("run", *QUICK, "--head", f"linear + 0.5*{pqc} + 0.25*{pqc}", "--epochs", 1)
    sets = [word for one in (*sizes, "training.learn_branch_weights=true") for word in ("--set", one)]
    run = tmp_path / json.loads(qplug(*words, *sets, "--json").stdout)["run"]
    metrics = read_record(run).metrics()
    assert metrics["branch_weights"] == pytest.approx([1.0, 0.5, 0.25], abs=0.2)
    assert all(now != start for now, start in zip(metrics["branch_weights"], [1.0, 0.5, 0.25], strict=True))
    assert list(metrics["angles"]) == ["pennylane-pqc, branch 2", "pennylane-pqc, branch 3"]
    qplug("report", run)
    assert "learnt factors of the branches" in (run / "report.html").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(
            ("--set", "training.mixed_precision=true"),
            "training.mixed_precision is true, but the training would run on the CPU",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here"),
        ),
        (("--set", "training.mixed_precision=true", "--device", "cpu"), "Set it to false, or train on CUDA"),
        (("--devices", 20, "--device", "cpu"), "batch_size is 32, too few for training.devices=20"),
        (
            ("--set", "training.head_epochs=4", "--set", "backbone.frozen=true"),
            "training.head_epochs is 4, but backbone 'cnn3' is frozen",
        ),
    ],
)
def test_training_that_cannot_be_is_refused_before_any_work(
    qplug: Qplug, tmp_path: Path, words: tuple[object, ...], said: str
) -> None:
    assert said in qplug("run", *QUICK, "--head", "linear", *words, code=2).stderr
    assert list(tmp_path.iterdir()) == []
