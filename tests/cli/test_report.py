"""``qplug report``, and the lines of Python that it shows."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

QUICK = ("--set", "training.epochs=1", "--set", "backbone.channels=4,4,8", "--set", "backbone.n_features=4")


Qplug = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def qplug(forking: Callable[..., subprocess.CompletedProcess[str]]) -> Qplug:
    def call(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"OMP_NUM_THREADS": "1", "QPLUG_CACHE": str(folder / "cache")}
        return forking(words, folder, environment)

    return call


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, qplug: Qplug) -> Path:
    """A finished run on images, as small as one can be."""
    folder = tmp_path_factory.mktemp("runs")
    done = qplug(folder, "run", "--dataset", "digits", "--set", "head.n_qubits=2", *QUICK, "--json", "--out", ".")
    assert done.returncode == 0, done.stderr
    return Path(json.loads(done.stdout)["run"])


def test_the_report_is_written_where_it_is_said(run: Path, qplug: Qplug) -> None:
    done = qplug(run.parent, "report", run.name)
    assert done.returncode == 0, done.stderr
    assert f"written to {run / 'report.html'}" in done.stdout
    asked = qplug(run.parent, "report", run, "--out", "mine.html", "--json")
    told = json.loads(asked.stdout)
    assert told == {"report": str(run.parent / "mine.html"), "bytes": (run / "report.html").stat().st_size}


def test_the_python_that_the_report_shows_loads_the_model_and_classifies(run: Path, qplug: Qplug) -> None:
    assert qplug(run.parent, "report", run.name).returncode == 0
    page = (run / "report.html").read_text()
    shown = re.search(r'<pre id="loading"><code>(.*?)</code>', page, re.DOTALL)
    assert shown is not None
    lines = html.unescape(shown[1]).strip()
    assert len([line for line in lines.splitlines() if line]) == 5
    Image.fromarray(np.full((8, 8), 90, np.uint8)).save(run.parent / "new.png")
    done = qplug(run.parent, "-c", lines)
    assert done.returncode == 0, done.stderr
    assert "('0', '1', '2', '3', '4', '5', '6', '7', '8', '9') Classifier(" in done.stdout
    answer = re.search(r"^new\.png (\d) \{'0': ", done.stdout, re.MULTILINE)
    assert answer is not None
    predicted = qplug(run.parent, "predict", run.name, "new.png", "--json")
    assert json.loads(predicted.stdout)[0]["label"] == answer[1]


def test_a_folder_that_is_no_run_or_a_place_that_cannot_be_written_is_told(run: Path, qplug: Qplug) -> None:
    done = qplug(run.parent, "report", "nowhere")
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no run directory nowhere" in done.stderr
    done = qplug(run.parent, "report", run.name, "--out", "no/such/folder/r.html")
    assert done.returncode == 2
    assert "no/such/folder/r.html cannot be written: its folder does not exist" in done.stderr
