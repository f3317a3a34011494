"""Runs of a set inside a job of SLURM with several tasks: executors and trainings take no heed of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from qplug.contract.interfaces import Cell
from qplug.lab.comparison.grid import Arm, Grid
from qplug.lab.comparison.local import Local
from qplug.lab.comparison.sets import run_set
from qplug.lab.config.layers import from_assignments
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.workplace import Workplace

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def job(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {
        "JOB_ID": "7", "NTASKS": "4", "PROCID": "3", "LOCALID": "3", "NODEID": "0", "JOB_NAME": "train",
        "NNODES": "2", "JOB_NODELIST": "node[1-2]", "STEP_NUM_TASKS": "4", "ARRAY_TASK_ID": "5", "CPUS_PER_TASK": "9",
    }  # fmt: skip
    for name, value in told.items():
        monkeypatch.setenv(f"SLURM_{name}", value)


def test_the_executor_of_this_machine_carries_out_all_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(HERE)
    cells = [Cell(str(index), json.dumps({})) for index in range(3)]
    done = list(Local(slots=2)("cells_that_act:surroundings", cells))
    told = [json.loads(each.result or "") for each in done]
    assert [each["OMP_NUM_THREADS"] for each in told] == ["1", "1", "1"]
    assert [each["SLURM_PROCID"] for each in told] == ["3", "3", "3"]


def test_a_set_runs_all_its_cells_whatever_task_this_is(tmp_path: Path) -> None:
    layer = from_assignments(["training.epochs=1"])
    chosen = {"dataset": {"name": "digits"}, "backbone": {"name": "identity"}, "head": {"name": "linear"}}
    place = replace(Workplace.from_environment(), figures=False)
    found = run_set(Grid([Arm("", [layer, chosen])], seeds=(0, 1)), tmp_path, Silent(), workplace=place)
    assert [cell["seed"] for cell in found["cells"]] == [0, 1]
