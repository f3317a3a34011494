"""A trained run whose head is a circuit behind those of its backbone, once for all tests that copy it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from test_backbones_on_device import pipeline

from qplug.lab.runner.complete import Cell, complete
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.workplace import Workplace


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Workplace]:
    folder = tmp_path_factory.mktemp("runs")
    place = Workplace(cache=folder / "cache", data=folder, workers=1, threads=1, figures=False)
    complete(Cell(pipeline("head.n_qubits=2", head="pennylane-pqc"), folder / "run"), place, Silent())
    return folder / "run", place


@pytest.fixture
def place(trained: tuple[Path, Workplace]) -> Workplace:
    return trained[1]


@pytest.fixture
def queue(tmp_path: Path, site: Any) -> Path:
    site.add("toy-device", {"qplug.backends": {"folder-queue": "toy_remote:FolderQueue"}})
    (tmp_path / "queue").mkdir()
    return tmp_path / "queue"


@pytest.fixture
def run(trained: tuple[Path, Workplace], tmp_path: Path) -> Path:
    shutil.copytree(trained[0], tmp_path / "run")
    return tmp_path / "run"
