"""The way to an IBM device by command, against a server on this machine and on fake devices.

What goes through the server proves the client's side of the protocol, not that IBM's service takes the job.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from ibm_service.account import TOKEN
from ibm_service.control import Control
from ibm_service.process import own_process

from qplug.lab.capsule.replay import replay
from qplug_audio.crema_d import CremaD

KEYS = {
    "run", "backend", "device", "fake", "shots", "n_samples", "label_agreement", "accuracy", "accuracy_interval",
    "exact_accuracy", "mean_abs_delta_z", "max_abs_delta_z", "expected_shot_noise", "two_qubit_gates", "depth",
    "job_ids", "forecast_seconds", "usage_seconds", "calibration_date",
}  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[Control]:
    with own_process("FakeOslo:9", "FakeTorino:2") as control:
        yield control


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The first command of this project, on generated recordings in the official layout."""
    folder = tmp_path_factory.mktemp("crema-d")
    CremaD().write_example(folder)
    first = ["run", "--dataset", "crema-d", "--head", "pennylane-pqc", "--backend", "ibm"]
    small = ["--set", "features.duration=0.3", "--epochs", "1", "--samples", "12", "--shots", "200", "--no-figures"]
    return [*first, "--data-dir", str(folder), *small]


def environment(folder: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("QISKIT", "IBM"))}
    return {**kept, "QPLUG_CACHE": str(folder / "cache"), "HOME": str(folder), **more}


def test_the_first_command_runs_to_its_end_with_one_job(
    server: Control, command: list[str], forking: Any, tmp_path: Path
) -> None:
    before = len(server.jobs())
    around = environment(tmp_path, **server.environment, QPLUG_DEBUG="1")
    done = forking([*command, "--yes", "--json"], tmp_path, around)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    verified = told["verification"]
    assert verified.keys() >= KEYS
    (job,) = server.jobs()[before:]
    (pub,) = job["pubs"]
    assert (pub["shape"], pub["shots"], job["device"]) == ([12], 200, "ibm_torino")
    assert (verified["n_samples"], verified["device"], verified["fake"]) == (12, "ibm_torino", False)
    assert told["trained_on"] == "torch"
    assert abs(verified["forecast_seconds"] / verified["usage_seconds"] - 1) < 0.2

    run = Path(tmp_path, told["run"])
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert TOKEN.encode() not in path.read_bytes(), path
    assert TOKEN not in done.stdout + done.stderr
    again = forking(["resume", str(run)], tmp_path, around)
    assert again.returncode == 2
    assert "there is nothing to resume" in again.stderr
    assert len(server.jobs()) == before + 1


def test_without_an_account_it_says_what_to_do_before_any_training(
    command: list[str], forking: Any, tmp_path: Path
) -> None:
    done = forking([*command, "--yes"], tmp_path, environment(tmp_path))
    assert done.returncode == 2
    assert "no IBM Quantum account is configured" in done.stderr
    assert "QISKIT_IBM_TOKEN" in done.stderr
    assert "training" not in done.stderr
    assert not (tmp_path / "runs").exists()


def test_on_a_fake_device_it_needs_no_account_and_says_what_it_is(
    command: list[str], forking: Any, tmp_path: Path
) -> None:
    done = forking([*command, "--set", "backend.fake=FakeTorino"], tmp_path, environment(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "on fake device FakeTorino (a simulator with the noise of one day, no device)" in done.stdout
    (run,) = (tmp_path / "runs").iterdir()
    record = json.loads(next(run.glob("evaluations/*/record.json")).read_text("utf-8"))
    assert record["verification"]["fake"] is True
    listed = forking(["jobs", "--json"], tmp_path, environment(tmp_path))
    (job,) = json.loads(listed.stdout)
    assert (job["state"], job["n_samples"], job["shots"]) == ("done", 12, 200)
    found = replay(run)
    assert found.faults == []
    assert "task 0, observable 0, mean of values" in {check.number for check in found.checks}  # from raw counts


def test_a_job_is_left_with_the_device_listed_and_stopped_by_command(
    server: Control, command: list[str], forking: Any, tmp_path: Path
) -> None:
    around = environment(tmp_path, **server.environment)
    before = len(server.jobs())
    server.queue(held=True)
    try:
        left = forking([*command, "--yes", "--no-wait"], tmp_path, around)
        assert left.returncode == 0, left.stderr
        (run,) = (tmp_path / "runs").iterdir()
        assert "are with the device, job" in left.stdout
        stopped = forking(["jobs", "cancel", str(run), "--json"], tmp_path, around)
        assert [job["state"] for job in json.loads(stopped.stdout)] == ["cancelled"]
        assert server.jobs()[before]["status"].lower().startswith("cancelled")
        later = forking(["resume", str(run), "--no-wait"], tmp_path, around)  # a stopped job is sent anew
        assert later.returncode == 0, later.stderr
    finally:
        server.queue()
        server.release()
    fetched = forking(["resume", str(run), "--json"], tmp_path, around)
    assert fetched.returncode == 0, fetched.stderr
    assert json.loads(fetched.stdout)["verification"]["n_samples"] == 12
    assert len(server.jobs()) == before + 2


def test_the_account_is_shown_and_never_its_token(server: Control, forking: Any, tmp_path: Path) -> None:
    shown = forking(["show", "backend", "ibm"], tmp_path, environment(tmp_path, **server.environment))
    assert shown.returncode == 0, shown.stderr
    assert re.search(r"plan +Open", shown.stdout, re.IGNORECASE)
    assert re.search(r"left +\d+ s of the device", shown.stdout)
    assert TOKEN not in shown.stdout + shown.stderr
    without = forking(["show", "backend", "ibm", "--json"], tmp_path, environment(tmp_path))
    assert "no IBM Quantum account is configured" in json.loads(without.stdout)["account"]["not usable"]
