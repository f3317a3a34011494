"""``kill -9`` at any moment of a run, then ``qplug resume``: the same numbers, and no file damaged or left over."""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import subprocess
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import soundfile
from PIL import Image
from safetensors.torch import load_file

from qplug.lab.runs.record_file import read_record

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="starts processes by fork"),
    pytest.mark.timeout(600),
]

Qplug = Callable[..., subprocess.CompletedProcess[str]]
SEED = int(os.environ.get("QPLUG_KILL_SEED", "20"))
"""Decides the ten moments; any other draws ten others."""
WORDS = [
    "run", "--dataset", "digits", "--set", "head.n_qubits=3", "--set", "backbone.channels=4,4,8",
    "--set", "backbone.n_features=8", "--set", "training.head_epochs=6", "--epochs", "10",
]  # fmt: skip


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that is empty at first, so that its filling can be interrupted."""
    return tmp_path_factory.mktemp("empty-cache")


class Warm:
    """Starts ``qplug`` commands in one folder, with one log, without waiting for imports."""

    def __init__(self, forking: Any, folder: Path, cache: Path) -> None:
        self.log = folder / "log.txt"
        self._forking = forking
        self._folder = folder
        self._environment = os.environ | {"QPLUG_CACHE": str(cache), "OMP_NUM_THREADS": "1", "QPLUG_WORKERS": "1"}

    def start(self, *words: str) -> Any:
        return self._forking.start(words, self._folder, self._environment, self.log, self.log)


@pytest.fixture
def warm(forking: Any, tmp_path: Path, cache: Path) -> Warm:
    return Warm(forking, tmp_path, cache)


@dataclass
class Moment:
    """When to kill: some time after something has happened that a look at the files shows."""

    what: str
    has_come: Callable[[Path, float], bool]
    delay: float


def newest(folder: Path, pattern: str) -> float:
    """When the last of some files was written; 0 if there is none."""
    times = [0.0]
    for path in folder.glob(pattern):
        try:
            times.append(path.stat().st_mtime)
        except FileNotFoundError:  # written and renamed meanwhile
            continue
    return max(times)


def moments(randomly: random.Random, cache: Path) -> list[Moment]:
    """Ten moments, in the order in which a run comes to them."""

    def written(pattern: str) -> Callable[[Path, float], bool]:
        return lambda run, since: newest(run, pattern) > since

    def cached(kind: str) -> Callable[[Path, float], bool]:
        return lambda run, since: newest(cache / kind, "*/*") > since

    def being_written(pattern: str) -> Callable[[Path, float], bool]:
        return lambda run, since: any(run.glob(pattern))

    final = randomly.sample(
        ["history.csv", "predictions.csv", "model.safetensors", "curves.png", "confusion_matrix.png", "embedding.png"],
        3,
    )
    return [
        Moment("before anything is cached", lambda run, since: True, randomly.uniform(0, 0.1)),
        Moment("while features are cached", cached("features"), randomly.uniform(0, 0.03)),
        Moment("while embeddings are cached", cached("embeddings"), randomly.uniform(0, 0.03)),
        Moment("in an epoch of the head", written("checkpoints/head/last.ckpt"), randomly.uniform(0, 0.6)),
        Moment("in a checkpoint of the head", being_written("checkpoints/head/.*.part"), 0),
        Moment("in an epoch", written("checkpoints/last.ckpt"), randomly.uniform(0, 0.6)),
        Moment("in a checkpoint", being_written("checkpoints/.*.part"), randomly.uniform(0, 0.002)),
        *(Moment(f"after {name}", written(name), randomly.uniform(0, 0.2)) for name in final),
    ]


def kill_at(moment: Moment, run: Path, since: float, command: Any) -> None:
    deadline = time.monotonic() + 120
    while not moment.has_come(run, since):
        assert not command.has_ended(), f"the run ended before the moment {moment.what!r}"
        assert time.monotonic() < deadline, f"the moment {moment.what!r} never came"
        time.sleep(0.0005)
    time.sleep(moment.delay)
    assert not command.has_ended(), f"the run ended {moment.delay:.3f} s after the moment {moment.what!r}"
    command.kill()


def run_folder(folder: Path) -> Path:
    """The one run directory, once it has its ``run.toml``."""
    deadline = time.monotonic() + 60
    while not (found := list(folder.glob("runs/*/run.toml"))):
        assert time.monotonic() < deadline, "no run directory appeared"
        time.sleep(0.0005)
    return found[0].parent


def without_times(metrics: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metrics.items() if name != "train_seconds"}


def history(run: Path) -> list[dict[str, str]]:
    with (run / "history.csv").open() as file:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]


def check_every_file(run: Path) -> set[str]:
    """The names of all files of a run, each read as what it is."""
    names = set()
    for path in run.rglob("*"):
        if path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".toml":
            tomllib.loads(path.read_text())
        elif path.suffix == ".png":
            Image.open(path).verify()
        elif path.suffix == ".safetensors":
            load_file(path)
        names.add(str(path.relative_to(run)))
    return names


def test_ten_kills_change_nothing(tmp_path: Path, cache: Path, warm: Warm, qplug: Qplug) -> None:
    randomly = random.Random(SEED)
    words = WORDS
    killed = []
    for moment in moments(randomly, cache):
        since = time.time()
        command = warm.start(*words)
        run = run_folder(tmp_path)
        kill_at(moment, run, since, command)
        killed.append(moment.what)
        assert not (run / "record.json").exists()
        words = ["resume", str(run)]
    assert len(killed) == 10
    resumed = json.loads(qplug("resume", run, "--json").stdout)

    assert warm.start(*WORDS, "--out", "whole").wait() == 0, warm.log.read_text()
    (whole,) = (tmp_path / "whole").iterdir()
    results, expected = (read_record(folder).metrics() for folder in (run, whole))
    assert without_times(results) == without_times(expected), f"seed {SEED}: killed {killed}"
    assert resumed["test"] == {name: expected["test"][name] for name in resumed["test"]}
    assert history(run) == history(whole)
    assert [row["phase"] for row in history(run)] == ["1"] * 6 + ["2"] * 10
    for name in ("predictions.csv", "split.json", "run.toml"):
        assert (run / name).read_text() == (whole / name).read_text()
    ours, theirs = load_file(run / "model.safetensors"), load_file(whole / "model.safetensors")
    assert all((ours[name] == theirs[name]).all() for name in theirs)
    assert check_every_file(run) == check_every_file(whole)
    left = [path for folder in (tmp_path, cache) for path in folder.rglob("*") if ".part" in path.name]
    assert left == []
    assert "Traceback" not in warm.log.read_text()


def test_a_run_whose_files_changed_meanwhile_says_which(
    tmp_path: Path, warm: Warm, qplug: Qplug, tiny_fsdd: Path
) -> None:
    folder = tmp_path / "fsdd"
    shutil.copytree(tiny_fsdd, folder)
    since = time.time()
    command = warm.start(
        "run", "--dataset", "fsdd", "--data-dir", str(folder), "--head", "linear", "--epochs", "500",
        "--set", "backbone.channels=4,4,8", "--set", "backbone.n_features=8",
    )  # fmt: skip
    run = run_folder(tmp_path)
    first_epoch = Moment("after an epoch", lambda run, since: newest(run, "checkpoints/last.ckpt") > since, 0)
    kill_at(first_epoch, run, since, command)
    recordings = folder / "recordings"
    wave, rate = soundfile.read(recordings / "0_theo_7.wav")
    soundfile.write(recordings / "0_theo_7.wav", wave[::-1], rate, subtype="PCM_16")
    (recordings / "5_lucas_0.wav").rename(recordings / "5_lucas_1.wav")
    said = qplug("resume", run, code=2).stderr
    assert f"{run} cannot go on, because its data have changed since it was started" in said
    assert "1 sample is new (5_lucas_1)" in said
    assert "1 sample is gone (5_lucas_0)" in said
    assert "1 sample is changed (0_theo_7)" in said
