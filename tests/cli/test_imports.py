"""What a command loads: no library that it does not need, since most of a short command's time are imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from qplug.lab.config.layers import from_assignments
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import run_once

COMMANDS = """
import contextlib, gc, io, json, sys
from qplug_cli.main import run

class Watch:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "torch.nn":
            assert not gc.isenabled(), "garbage is looked for while torch is loaded"

sys.meta_path.insert(0, Watch)
told = []
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            run(words)
        except SystemExit as end:
            told.append([end.code, sorted({*sys.modules, *(name.partition('.')[0] for name in sys.modules)})])
json.dump(told, sys.stdout)
"""
"""Runs commands one after the other in one process, and tells the exit code and all that is loaded after each."""

NEVER = {"sympy", "torch._dynamo", "torch._inductor", "torch.fx.experimental.symbolic_shapes", "lightning"}
"""torch's compiler with what it needs, which takes as long to load as torch itself."""
JUDGING = {"sklearn", "scipy", "matplotlib"}
CIRCUITS = {"pennylane", "qiskit", "numba", "qplug_pennylane", "qplug_qiskit"}


def loaded_after(*commands: list[str], cache: Path, code: int = 0) -> list[set[str]]:
    """The modules that are loaded after each of some commands in one process, all of which end with that exit code."""
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, json.dumps(commands)],
        env=os.environ | {"QPLUG_CACHE": str(cache)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert [each for each, _ in told] == [code] * len(commands), done.stderr
    return [set(modules) for _, modules in told]


def test_listing_runs_and_predicting_load_what_they_need(write_sound: Callable[..., Path], tmp_path: Path) -> None:
    chosen = {"dataset": {"name": "chirps"}, "backbone": {"name": "cnn3"}, "head": {"name": "linear"}}
    small = from_assignments(["dataset.n_samples=100", "training.epochs=1"])
    run = run_once([small, chosen], tmp_path / "runs", Silent())["run"]
    sound = str(write_sound(tmp_path / "new.wav", seconds=1.0, rate=16_000))
    offered, _, claimed, listed, exported, predicted, shown = loaded_after(
        ["list"], ["cards"], ["show", "card", "hur-2022"],
        ["runs", "--out", str(tmp_path / "runs")], ["export", run, "--to", "safetensors"],
        ["predict", run, sound], ["show", "head", "linear"],
        cache=tmp_path,
    )  # fmt: skip
    assert offered & {"pydantic", "rich", "torch", "numpy", *NEVER, *JUDGING, *CIRCUITS} == set()
    assert exported & {"torch", *NEVER, *JUDGING, *CIRCUITS} == set()
    assert listed & {"torch", "numpy", *NEVER, *JUDGING, *CIRCUITS} == set()
    assert claimed & {"torch", "numpy", *NEVER, *JUDGING, *CIRCUITS} == set()
    assert shown & {*NEVER, *JUDGING, *CIRCUITS} == set()
    assert predicted & {*NEVER, *JUDGING, *CIRCUITS} == set()
    assert "torch" in predicted


def test_circuits_are_shown_without_torch_s_compiler_and_that_of_pqc_without_pennylane(tmp_path: Path) -> None:
    pqc, ring = loaded_after(*(["show", "head", f"pennylane-{name}"] for name in ("pqc", "ry-rz-ring")), cache=tmp_path)
    assert pqc & {*NEVER, *JUDGING, "pennylane"} == set()
    assert ring & NEVER == set()
    assert "pennylane" in ring


def test_what_is_not_there_is_refused_before_torch_is_loaded(tmp_path: Path) -> None:
    missing = str(tmp_path / "no-run")
    *_, loaded = loaded_after(
        ["run", "--head", "pennylane-pqq"], ["run", "--head", "linear+pennylane-pqq"], ["run", "--dataset", "chirpz"],
        ["compare", "--dataset", "digits", "--heads", "liner"], ["diagnose", "--head", "nope"],
        ["predict", missing, "new.wav"], ["evaluate", missing], ["resume", missing],
        cache=tmp_path, code=2,
    )  # fmt: skip
    assert loaded & {"torch", *NEVER, *JUDGING, *CIRCUITS} == set()
