"""``qplug replay`` and ``qplug pack``, as people and scripts see them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FITTED = ("--dataset", "chirps", "--backbone", "identity", "--reducer", "pca", "--head", "logistic", "--no-figures")


@pytest.fixture
def qplug(forking: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    def call(*words: object) -> Any:
        around = os.environ | {"OMP_NUM_THREADS": "1", "QPLUG_CACHE": str(tmp_path / "cache"), "COLUMNS": "200"}
        return forking(words, tmp_path, around)

    return call


def test_a_run_is_packed_handed_over_and_every_change_is_told(qplug: Callable[..., Any], tmp_path: Path) -> None:
    done = qplug("run", *FITTED, "--set", "dataset.n_samples=100", "--set", "reducer.n_outputs=2", "--json")
    assert done.returncode == 0, done.stderr
    run = tmp_path / json.loads(done.stdout)["run"]

    told = json.loads(qplug("pack", run, "--json").stdout)
    capsule = run.with_name(f"{run.name}.capsule.zip")
    assert Path(told["capsule"]) == capsule
    assert told["sha256"] == hashlib.sha256(capsule.read_bytes()).hexdigest()
    assert "predictions.csv" in told["members"]
    assert f"files written to {tmp_path / 'a.zip'}" in qplug("pack", run, "--out", "a.zip").stdout

    opened = qplug("replay", capsule, "--json")
    found = json.loads(opened.stdout)
    assert (opened.returncode, found["holds"], found["n_faults"]) == (0, True, 0)
    assert {"file", "number", "recorded", "derived", "holds", "source", "tolerance"} == found["numbers"][0].keys()
    shown = qplug("replay", run)
    assert (shown.returncode, "numbers of the run hold." in shown.stdout) == (0, True)
    assert "Not exactly (probabilities rounded to 6 digits): validation.cross_entropy" in shown.stdout
    with_data = qplug("replay", run, "--with-data", "--json")
    numbers = {each["number"] for each in json.loads(with_data.stdout)["numbers"]}
    assert (with_data.returncode, "test: equal answers" in numbers) == (0, True)

    record = run / "record.json"
    text = record.read_text()
    at = text.index('"accuracy": ') + len('"accuracy": 0.')
    record.write_text(text[:at] + ("1" if text[at] != "1" else "2") + text[at + 1 :])
    changed = qplug("replay", run)
    assert changed.returncode == 1
    lines = [line.split() for line in changed.stdout.splitlines() if line.endswith("NO")]
    assert [line[:2] for line in lines] == [["record.json", "SHA-256"], ["record.json", "validation.accuracy"]]
    refused = qplug("pack", run)
    assert refused.returncode == 2
    assert "not all of its numbers hold (record.json: SHA-256, record.json: validation.accuracy)" in refused.stderr
    missing = qplug("replay", tmp_path / "nowhere")
    assert (missing.returncode, f"there is no folder {tmp_path / 'nowhere'}" in missing.stderr) == (2, True)
