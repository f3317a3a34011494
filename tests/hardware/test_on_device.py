"""A finished run judged by a device that is sent work once and answers later."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from toy_remote import fail, jobs, serve

from qplug.contract.errors import QplugError, UserError
from qplug.lab.hardware import drive
from qplug.lab.hardware.journal import JOURNAL, Journal
from qplug.lab.runner.evaluate import Asked, evaluate
from qplug.lab.runner.on_device import Spending
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import run_once
from qplug.lab.runs.evaluations import read_evaluation
from qplug.lab.runs.record_file import read_record
from qplug.lab.runs.sent_plan import ANGLES, PLAN, read_sent

PIPELINE: dict[str, Any] = {
    "dataset": {"name": "digits"},
    "backbone": {"name": "cnn3", "channels": [4, 4, 8], "n_features": 6},
    "training": {"epochs": 1},
    "branches": [
        {"head": {"name": "pennylane-pqc", "n_layers": 1, "n_qubits": 3}, "reducer": {"name": "dense"}},
        {"head": {"name": "linear"}, "weight": 0.5},
        {"head": {"name": "qiskit-qnn"}, "weight": 0.5},
    ],
}
FREELY = Spending(allow=lambda _: True)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QPLUG_CACHE", str(folder / "cache"))
        yield Path(run_once([PIPELINE], folder, Silent())["run"])
