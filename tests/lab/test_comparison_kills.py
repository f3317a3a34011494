"""A set whose worker is killed, then its whole command: nothing runs on, and going on ends with the same table."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qplug.lab.comparison.grid import Arm, Grid
from qplug.lab.comparison.sets import resume, run_set
from qplug.lab.config.branches import from_head
from qplug.lab.config.layers import from_flags, from_names
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.workplace import Workplace

from .processes import below, is_alive, wait_for, workers

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc"),
    pytest.mark.timeout(900),
]

SEED = int(os.environ.get("QPLUG_KILL_SEED", "20"))
"""Decides the moments; any other draws others."""
HEADS = ("linear", "mlp")
OPTIONS = ["--set", "training.epochs=3"]
PARTS = {"dataset": "digits", "backbone": "identity"}


def whole(folder: Path, place: Workplace) -> dict[str, Any]:
    """The set that nobody kills, one run after the other."""
    arms = [
        Arm(head, [from_flags(from_names(PARTS) | from_head(head), ["training.epochs=3", "device=cpu"])])
        for head in HEADS
    ]
    return run_set(Grid(arms, seeds=(0, 1, 2)), folder, Silent(), workplace=place)


def command(out: Path, cache: Path) -> subprocess.Popen[bytes]:
    words = ["run", "--dataset", "digits", "--backbone", "identity", *OPTIONS, "--device", "cpu", "--seed", "0-2"]
    heads = [word for head in HEADS for word in ("--head", head)]
    jobs = ["--jobs", "2", "--no-figures", "--out", str(out)]
    return subprocess.Popen(
        [sys.executable, "-m", "qplug_cli", *words, *heads, *jobs],
        env=os.environ | {"QPLUG_CACHE": str(cache)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def test_neither_a_killed_worker_nor_a_killed_command_costs_more_than_what_was_under_way(tmp_path: Path) -> None:
    randomly = random.Random(SEED)
    place = Workplace(cache=tmp_path / "cache", figures=False)
    expected = whole(tmp_path / "whole", place)
    process = command(tmp_path / "torn", place.cache)

    def finished() -> list[Path]:
        return list(tmp_path.glob("torn/*/cells/*/record.json"))

    wait_for(finished)
    time.sleep(randomly.uniform(0, 0.5))
    os.kill(randomly.choice(workers(process.pid)), signal.SIGKILL)
    wait_for(lambda: len(finished()) >= 2)
    time.sleep(randomly.uniform(0, 0.5))
    started = below(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert started  # one worker at least; the other may be on its way to be replaced
    wait_for(lambda: not any(map(is_alive, started)), 60)

    (torn,) = (tmp_path / "torn").iterdir()
    done = {path: path.read_bytes() for path in finished()}
    assert 2 <= len(done) < 6
    resumed = resume(torn, Silent(), workplace=replace(place))
    assert all(path.read_bytes() == content for path, content in done.items())
    for name in ("test", "validation"):
        assert [cell[name] for cell in resumed["cells"]] == [cell[name] for cell in expected["cells"]]
    assert _table(resumed) == _table(expected)
    assert len(list(torn.glob("cells/*"))) == 6
    assert not list(torn.rglob("*.partial"))


def _table(summary: dict[str, Any]) -> str:
    kept = ("name", "n_runs", "test", "test_sd", "validation", "validation_sd", "parameters")
    return json.dumps([{key: arm[key] for key in kept} for arm in summary["arms"]])
