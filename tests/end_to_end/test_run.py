"""``qplug run`` as people use it: the numbers, the files it leaves, and how it can be repeated."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qplug.lab.runs.record_file import read_record

TIMES = ("train_seconds",)
QUICK = (
    "--no-figures", "--set", "training.epochs=2", "--set", "backbone.channels=4,4,8", "--set", "backbone.n_features=8",
)  # fmt: skip
"""A run that says nothing about accuracy, in a second or two."""

Qplug = Callable[..., subprocess.CompletedProcess[str]]


def without_times(path: Path) -> dict[str, Any]:
    metrics = read_record(path).metrics()
    return {key: value for key, value in metrics.items() if key not in TIMES}


def test_the_quickstart_gives_what_is_quoted_of_it_and_leaves_every_file(
    qplug: Qplug, tmp_path: Path, benchmark_script: Any
) -> None:
    done = qplug("run", "--json", fresh=True)
    summary = json.loads(done.stdout)
    assert summary["dataset"] == "chirps"
    assert summary["head"] == "pennylane-pqc"
    assert summary["backend"] == "torch"
    assert summary["seed"] == 0
    assert summary["split"] == "official"
    assert summary["n_train"] + summary["n_validation"] + summary["n_test"] > 100
    assert summary["test"]["accuracy"] >= 0.9
    quoted = benchmark_script("quoted").quoted()["quickstart"]
    assert quoted.holds(summary["test"]["accuracy"]), f"README.md quotes {quoted.accuracy}"
    for part in ("test", "validation"):
        assert set(summary[part]) == {"accuracy", "balanced_accuracy", "macro_f1", "precision", "cross_entropy"}
    assert summary["parameters"]["quantum"] == 48
    assert summary["parameters"]["total"] >= summary["parameters"]["trainable"] > 48
    assert summary["train_seconds"] > 0
    assert any("synthetic" in warning for warning in summary["warnings"])
    assert summary["stamps"] == ["SYNTHETIC DATA"]
    run = tmp_path / summary["run"]
    expected = {
        "run.toml", "environment.json", "split.json", "history.csv", "record.json", "predictions.csv",
        "model.safetensors", "circuit.qasm", "circuit.png", "confusion_matrix.png", "curves.png", "checkpoints",
        "calibration.png", "embedding.png", "gradients.png", "misclassified.png", "roc_pr.png", "digests.json",
    }  # fmt: skip
    assert expected == {path.name for path in run.iterdir() if not path.name.startswith(".")}
    assert {path.name for path in (run / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}


def test_a_run_toml_run_again_gives_the_same_numbers(qplug: Qplug, tmp_path: Path) -> None:
    head = ("--head", "pennylane-pqc", "--set", "head.n_qubits=3")
    first = json.loads(qplug("run", "--dataset", "digits", "--seed", 3, *head, *QUICK, "--json").stdout)["run"]
    again = json.loads(qplug("run", "--no-figures", "--config", f"{first}/run.toml", "--json").stdout)["run"]
    assert first != again
    assert without_times(tmp_path / first) == without_times(tmp_path / again)
    assert (tmp_path / first / "run.toml").read_text() == (tmp_path / again / "run.toml").read_text()
    assert (tmp_path / first / "predictions.csv").read_text() == (tmp_path / again / "predictions.csv").read_text()


def test_another_seed_gives_other_numbers(qplug: Qplug, tmp_path: Path) -> None:
    runs = [
        json.loads(qplug("run", "--dataset", "digits", "--head", "linear", "--seed", seed, *QUICK, "--json").stdout)
        for seed in (1, 2)
    ]
    assert runs[0]["test"]["cross_entropy"] != runs[1]["test"]["cross_entropy"]


def test_flags_take_precedence_over_set_and_set_over_the_file(qplug: Qplug, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        'seed = 5\n[dataset]\nname = "digits"\n[head]\nname = "mlp"\n[training]\nepochs = 7\nbatch_size = 64\n'
    )
    words = ("--config", "mine.toml", "--set", "training.epochs=4", "--set", "training.learning_rate=0.02")
    plan = json.loads(qplug("run", *words, "--epochs", 3, "--head", "linear", "--dry-run", "--json").stdout)["config"]
    assert plan["training"]["epochs"] == 3
    assert plan["training"]["learning_rate"] == 0.02
    assert plan["training"]["batch_size"] == 64
    assert plan["seed"] == 5
    assert plan["head"]["name"] == "linear"


def test_a_dry_run_shows_shapes_and_counts_and_writes_nothing(qplug: Qplug, tmp_path: Path) -> None:
    shown = qplug("run", "--dry-run").stdout
    for word in ("mel", "cnn3", "linear", "pennylane-pqc", "48 in circuits", "end to end", "Nothing was computed"):
        assert word in shown
    assert "circuits: trained on torch, evaluated on torch" in shown
    assert list(tmp_path.iterdir()) == []


def test_a_frozen_backbone_is_computed_once_and_reduced_by_pca(qplug: Qplug, tmp_path: Path) -> None:
    words = ("run", "--dataset", "digits", "--head", "pennylane-pqc", "--set", "head.n_qubits=4", *QUICK)
    summary = json.loads(qplug(*words, "--set", "backbone.frozen=true", "--json").stdout)
    counts = summary["parameters"]
    assert counts["trainable"] == 4 * 2 * 3 + 2 * 4 + (4 * 10 + 10)  # circuit, batch norm, linear read-out
    assert 'name = "pca"' in (tmp_path / summary["run"] / "run.toml").read_text()


def test_a_trained_circuit_gives_the_same_answers_on_another_backend(qplug: Qplug, tmp_path: Path) -> None:
    words = ("run", "--dataset", "digits", "--set", "head.n_qubits=3", *QUICK, "--epochs", 1, "--json")
    here = json.loads(qplug(*words).stdout)
    there = json.loads(qplug(*words, "--backend", "default.qubit").stdout)
    assert there["backend"] == "default.qubit"
    assert there["test"]["accuracy"] == pytest.approx(here["test"]["accuracy"], abs=0.02)
    assert there["test"]["cross_entropy"] == pytest.approx(here["test"]["cross_entropy"], abs=1e-2)


def test_every_fold_is_run_and_averaged(qplug: Qplug, tmp_path: Path, tiny_fsdd: Path) -> None:
    words = ("--dataset", "fsdd", "--data-dir", tiny_fsdd, "--split", "speaker", "--head", "linear", *QUICK)
    summary = json.loads(qplug("run", *words, "--fold", "all", "--json").stdout)
    assert [fold["fold"] for fold in summary["folds"]] == [1, 2, 3, 4, 5, 6]
    mean = sum(fold["test"]["accuracy"] for fold in summary["folds"]) / 6
    assert summary["test"]["accuracy"] == pytest.approx(mean)
    assert summary["n_test"] == 120
    assert len(summary["run"]) == 6


def test_prediction_on_a_test_recording_repeats_the_run_s_own_answer(
    qplug: Qplug, tmp_path: Path, tiny_fsdd: Path
) -> None:
    words = ("--dataset", "fsdd", "--data-dir", tiny_fsdd, "--head", "linear", *QUICK)
    run = json.loads(qplug("run", *words, "--json").stdout)["run"]
    lines = (tmp_path / run / "predictions.csv").read_text().splitlines()
    columns = lines[0].split(",")
    row = dict(zip(columns, next(line for line in lines if ",test," in line).split(","), strict=True))
    file = tiny_fsdd / "recordings" / f"{row['id']}.wav"
    (answer,) = json.loads(qplug("predict", run, file, "--json").stdout)
    assert answer["label"] == row["predicted"]
    for name, probability in answer["probabilities"].items():
        assert probability == pytest.approx(float(row[f"p_{name}"]), abs=1e-5)
    assert "probability" in qplug("predict", run, file).stdout
    (tmp_path / "new" / "deep").mkdir(parents=True)
    (tmp_path / "new" / "deep" / "a.wav").write_bytes(file.read_bytes())
    (tmp_path / "new" / "bad.wav").write_text("no recording")
    done = qplug("predict", run, "new", "--out", "answers.csv")
    assert "left out: new/bad.wav: " in done.stderr
    heading, told = (tmp_path / "answers.csv").read_text("utf-8").splitlines()
    assert heading.split(",") == ["file", "label", *(f"p_{name}" for name in answer["probabilities"])]
    assert told.split(",")[:2] == ["new/deep/a.wav", answer["label"]]
    assert "bad.wav" in qplug("predict", run, "new", "--on-bad-file", "refuse", code=2).stderr


def test_past_runs_are_listed_with_their_metrics(qplug: Qplug, tmp_path: Path) -> None:
    assert "There is no run" in qplug("runs").stdout
    summary = json.loads(qplug("run", "--dataset", "digits", "--head", "linear", *QUICK, "--json").stdout)
    (listed,) = json.loads(qplug("runs", "--json").stdout)
    assert tmp_path / listed["path"] == Path(summary["run"])
    assert listed["status"] == "finished"
    assert listed["test"]["accuracy"] == summary["test"]["accuracy"]
    assert Path(summary["run"]).name in qplug("runs").stdout


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.parametrize(("head", "floor"), [("pennylane-pqc", 0.93), ("linear", 0.96), ("mlp", 0.96)])
def test_ten_spoken_digits_are_told_apart_on_the_official_split(
    qplug: Qplug, real_fsdd: Path, head: str, floor: float
) -> None:
    words = ("run", "--no-figures", "--dataset", "fsdd", "--data-dir", real_fsdd, "--head", head)
    quick = ("--epochs", 9, "--set", "training.channels_last=true")
    summary = json.loads(qplug(*words, *quick, "--json").stdout)
    assert summary["n_test"] == 300
    assert summary["test"]["accuracy"] >= floor
