"""What a person gets wrong is told in one paragraph, with exit code 2, and leaves nothing half written."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

Qplug = Callable[..., subprocess.CompletedProcess[str]]
QUICK = (
    "--no-figures", "--set", "training.epochs=2", "--set", "backbone.channels=4,4,8", "--set", "backbone.n_features=8",
)  # fmt: skip
MANILA = ("--backend", "aer", "--set", "backend.noise=FakeManilaV2")


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The one paragraph on stderr that begins with the program's name."""
    (paragraph,) = [line for line in done.stderr.splitlines() if line.startswith("qplug: ")]
    assert done.stdout == ""
    return paragraph


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--dataset", "digts"], "no dataset is called 'digts'. Did you mean 'digits'"),
        (["--head", "penylane-pqc"], "no head is called 'penylane-pqc'. Did you mean 'pennylane-pqc'"),
        (["--recipe", "quikstart"], "no recipe is called 'quikstart'. Did you mean 'quickstart'"),
        (["--set", "head.n_layer=3"], "Did you mean 'n_layers'"),
        (["--set", "head.n_layers=three"], "n_layers"),
        (["--set", "head.n_layers=0"], "n_layers"),
        (["--set", "training.epoch=3"], "Did you mean 'epochs'"),
        (["--set", "training.learning_rate=-1"], "learning_rate"),
        (["--dataset", "digits", "--fold", "11"], "fold 11"),
        (["--dataset", "digits", "--fold", "x"], "fold"),
        (["--dataset", "digits", "--fold", "all"], "has no folds"),
        (["--dataset", "digits", "--split", "oficial"], "no split is called 'oficial'"),
        (["--dataset", "digits", "--features", "mel"], "features 'mel' are extracted from audio"),
        (["--dataset", "fsdd", "--data-dir", "nowhere"], "recordings/{digit}_{speaker}_{index}.wav"),
        (["--config", "absent.toml"], "there is no file"),
        (["--set", "reducer.n_outputs=5"], "n_outputs=5, but the head takes 8"),
        (["--set", "head.n_qubits=40"], "n_qubits"),
        (["--dataset", "digits", *MANILA], "the circuit has 8 qubits, but Aer runs at most 5"),
        (["--dataset", "digits", *MANILA[:-1], "backend.noise=FakeManilla"], "Did you mean 'FakeManilaV2'"),
        (["--dataset", "digits", "--head", "linear + mlp", "--set", "head.hidden=4"], "Say which one is meant"),
        (["--dataset", "digits", "--head", "linear + nan*mlp"], "weight nan of branch 2"),
    ],
)
def test_a_mistake_in_words_is_refused(qplug: Qplug, tmp_path: Path, words: list[str], said: str) -> None:
    assert said in refusal(qplug("run", *words, code=2))
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_key_in_a_configuration_is_refused_with_a_near_one(qplug: Qplug, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[dataset]\nname = "digits"\n[trainig]\nepochs = 3\n')
    assert "'trainig'. Did you mean 'training'" in refusal(qplug("run", "--config", "mine.toml", code=2))


def test_an_unknown_option_exits_with_2(qplug: Qplug) -> None:
    assert "--heed" in qplug("run", "--heed", "mlp", code=2).stderr


@pytest.fixture
def damaged(tmp_path: Path, tiny_fsdd: Path) -> Path:
    folder = tmp_path / "fsdd"
    shutil.copytree(tiny_fsdd, folder)
    recordings = folder / "recordings"
    whole = (recordings / "0_theo_7.wav").read_bytes()
    (recordings / "0_theo_7.wav").write_bytes(whole[: len(whole) // 2])
    (recordings / "1_theo_7.wav").write_bytes(b"")
    (recordings / "2_theo_7.wav").write_text("this is no sound\n")
    bad = np.full(2400, np.nan, np.float32)
    soundfile.write(recordings / "3_theo_7.wav", bad, 8000, subtype="FLOAT")
    return folder


def test_all_damaged_files_are_named_at_once_and_nothing_is_left(qplug: Qplug, tmp_path: Path, damaged: Path) -> None:
    words = ("run", "--dataset", "fsdd", "--data-dir", damaged, "--head", "linear", *QUICK)
    said = refusal(qplug(*words, code=2))
    assert "4 of 120 files" in said
    for name in ("0_theo_7.wav", "1_theo_7.wav", "2_theo_7.wav", "3_theo_7.wav"):
        assert name in said
    assert "--on-bad-file skip" in said
    assert not list((tmp_path / "runs").glob("*"))


def test_damaged_files_can_be_skipped_and_the_run_says_so(qplug: Qplug, damaged: Path) -> None:
    words = ("run", "--dataset", "fsdd", "--data-dir", damaged, "--head", "linear", *QUICK, "--on-bad-file", "skip")
    summary = json.loads(qplug(*words, "--json").stdout)
    assert summary["n_train"] + summary["n_validation"] + summary["n_test"] == 116
    assert any("4 of 120 samples were skipped" in warning for warning in summary["warnings"])


def test_stereo_and_other_rates_just_work(qplug: Qplug, tmp_path: Path, tiny_fsdd: Path) -> None:
    folder = tmp_path / "fsdd"
    shutil.copytree(tiny_fsdd, folder)
    tone = 0.3 * np.sin(np.arange(14_400) / 20)
    soundfile.write(folder / "recordings" / "0_theo_7.wav", np.stack([tone, tone], 1), 48_000, subtype="PCM_24")
    words = ("run", "--dataset", "fsdd", "--data-dir", folder, "--head", "linear", *QUICK, "--json")
    assert json.loads(qplug(*words).stdout)["warnings"] == []


def test_an_output_folder_that_cannot_be_written_is_refused(qplug: Qplug, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    said = refusal(qplug("run", "--dataset", "digits", *QUICK, "--out", "file/runs", code=2))
    assert "file/runs" in said
    # A kernel's own folder refuses new entries, to root as well.
    said = refusal(qplug("run", "--dataset", "digits", *QUICK, "--out", "/proc/qplug-runs", code=2))
    assert "/proc/qplug-runs" in said


def test_resuming_what_is_no_run_or_finished_is_refused(qplug: Qplug, tmp_path: Path) -> None:
    assert "nowhere" in refusal(qplug("resume", "nowhere", code=2))
    run = json.loads(qplug("run", "--dataset", "digits", "--head", "linear", *QUICK, "--json").stdout)["run"]
    assert "is finished" in refusal(qplug("resume", run, code=2))


def test_predicting_on_files_that_cannot_be_used_names_them_all(qplug: Qplug, tmp_path: Path) -> None:
    run = json.loads(qplug("run", "--dataset", "digits", "--head", "linear", *QUICK, "--json").stdout)["run"]
    (tmp_path / "note.png").write_text("no picture")
    said = refusal(qplug("predict", run, "note.png", "absent.png", code=2))
    assert "2 of 2 files" in said
    assert "note.png" in said
    assert "absent.png" in said


def test_ctrl_c_keeps_the_last_checkpoint_and_resume_gives_the_same_numbers(
    qplug: Qplug, tmp_path: Path, cache: Path, forking: Any
) -> None:
    words = ["run", "--dataset", "digits", "--set", "head.n_qubits=3", *QUICK, "--set", "training.schedule=constant"]
    environment = os.environ | {"QPLUG_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
    told = [tmp_path / name for name in ("told.txt", "said.txt")]
    process = forking.start([*words, "--epochs", "6", "--out", "cut"], tmp_path, environment, *told)
    deadline = time.monotonic() + 300  # a busy machine may need minutes to come to the first epoch
    while not (kept := list(tmp_path.glob("cut/*/checkpoints/last.ckpt"))) and time.monotonic() < deadline:
        assert not process.has_ended(within=0.01), told[1].read_text()
    os.kill(process.pid, signal.SIGINT)
    assert process.has_ended(within=120)
    code, said = process.wait(), told[1].read_text()
    assert kept, said
    assert code == 130, said
    assert "Traceback" not in said
    (run,) = (tmp_path / "cut").iterdir()
    assert f"qplug resume {run}" in said
    assert not (run / "record.json").exists()
    resumed = json.loads(qplug("resume", f"cut/{run.name}", "--no-figures", "--json").stdout)
    whole = json.loads(qplug(*words, "--epochs", "6", "--json").stdout)
    assert resumed["test"] == whole["test"]
    assert resumed["validation"] == whole["validation"]
