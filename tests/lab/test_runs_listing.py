"""Past runs are listed whatever state they are in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qplug.lab.config.toml import full_hash
from qplug.lab.runs.directory import RunDirectory
from qplug.lab.runs.glance import _piece, glance
from qplug.lab.runs.listing import list_runs, summarise

CONFIG = """
seed = 7
fold = 2
dataset = { name = "fsdd" }
head = { name = "mlp" }
backend = { name = "torch" }
"""


def run(root: Path, name: str, config: str = CONFIG, metrics: str | None = None) -> Path:
    path = root / name
    path.mkdir(parents=True)
    (path / "run.toml").write_text(config)
    if metrics is not None:
        (path / "metrics.json").write_text(metrics)
    return path


def test_a_finished_run_shows_its_parts_and_numbers(tmp_path: Path) -> None:
    run(tmp_path, "20240501-120000-x", metrics='{"test": {"accuracy": 0.5, "per_class": {}}}')
    (summary,) = list_runs(tmp_path)
    assert (summary.status, summary.started, summary.problem) == ("finished", "20240501-120000", "")
    assert (summary.dataset, summary.head, summary.backend, summary.seed) == ("fsdd", "mlp", "torch", 7)
    assert summary.fold == 2
    assert summary.test == {"accuracy": 0.5}


@pytest.mark.parametrize(
    ("parts", "shown"), [(["dataset", "head-1"], ""), (["head-1", "backend"], "torch"), ([], "torch")]
)
def test_a_run_without_circuits_shows_no_backend(parts: list[str], shown: str, tmp_path: Path) -> None:
    path = run(tmp_path, "20240501-120000-x")
    (path / "environment.json").write_text(json.dumps({"code": {part: {} for part in parts}}))
    assert summarise(path).backend == shown


@pytest.mark.parametrize(
    ("heads", "shown"), [(["linear", "mlp"], ""), (["linear", "qiskit-qnn"], "aer"), (["old", "older"], "torch+aer")]
)
def test_a_set_shows_the_backends_of_its_circuits(heads: list[str], shown: str, tmp_path: Path) -> None:
    about = {"kind": "head", "name": "x", "package": "qplug", "version": "1", "sha256": "0" * 64}
    parts = {"old": [], "older": [], "linear": ["head-1"], "mlp": ["head-1"], "qiskit-qnn": ["head-1", "backend"]}
    arms = [
        {
            "name": head,
            "settings": {"head": {"name": head}, "backend": {"name": backend}},
            "code": dict.fromkeys(parts[head], about),
        }
        for head, backend in zip(heads, ("torch", "aer"), strict=True)
    ]
    cells = [
        {"key": full_hash({**arm["settings"], "seed": 1}), "arm": number, "seed": 1}  # type: ignore[dict-item]
        for number, arm in enumerate(arms)
    ]
    (tmp_path / "set.json").write_text(json.dumps({"version": 1, "dataset": "fsdd", "arms": arms, "cells": cells}))
    summary = summarise(tmp_path)
    assert (summary.problem, summary.backend) == ("", shown)


@pytest.mark.parametrize(("parts", "shown"), [(["head-1"], ""), (["head-1", "backend"], "torch"), (None, "torch")])
def test_a_set_of_folds_of_an_older_version_shows_the_backend_of_its_runs(
    parts: list[str] | None, shown: str, tmp_path: Path
) -> None:
    path = tmp_path / "20240501-120000-x"
    path.mkdir()
    settings = {"dataset": {"name": "fsdd"}, "head": {"name": "linear"}, "backend": {"name": "torch"}}
    runs = {"1": "not-begun", "2": "begun"}
    (path / "folds.json").write_text(json.dumps({"folds": [1, 2], "runs": runs, "settings": settings}))
    if parts is not None:
        (run(tmp_path, "begun") / "environment.json").write_text(json.dumps({"code": {part: {} for part in parts}}))
    assert summarise(path).backend == shown


def test_the_newest_comes_first_and_other_folders_are_no_runs(tmp_path: Path) -> None:
    for name in ("20240501-120000-a", "20250101-000000-b", "20240601-000000-c"):
        run(tmp_path, name)
    (tmp_path / "notes").mkdir()
    (tmp_path / "file.txt").touch()
    assert [summary.path.name[-1] for summary in list_runs(tmp_path)] == ["b", "c", "a"]


def test_no_folder_means_no_runs(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "gone") == []


def test_damaged_runs_say_what_is_damaged_and_hide_no_other(tmp_path: Path) -> None:
    run(tmp_path, "1", config="dataset = [", metrics='{"test": {"accuracy": 1.0}}')
    run(tmp_path, "2", metrics='{"test"')
    run(tmp_path, "3", metrics="[]")
    run(tmp_path, "4", config='dataset = "fsdd"\nbranch = 3\nseed = "x"\n')
    run(tmp_path, "5", metrics='{"test": {"accuracy": 1.0}}')
    five, four, three, two, one = list_runs(tmp_path)
    assert (five.problem, five.test) == ("", {"accuracy": 1.0})
    assert (four.dataset, four.head, four.seed, four.status) == ("", "", None, "interrupted")
    assert three.problem == "metrics.json has no test metrics."
    assert "metrics.json is damaged" in two.problem
    assert "run.toml is damaged" in one.problem
    assert one.test == {"accuracy": 1.0}


def test_the_heads_of_branches_are_joined(tmp_path: Path) -> None:
    config = '[[branch]]\nhead = { name = "linear" }\n[[branch]]\nhead = { name = "pennylane-pqc" }\n'
    assert summarise(run(tmp_path, "1", config=config)).head == "linear+pennylane-pqc"


def test_a_run_in_work_is_running(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path, dataset="d", head="h", short_hash="0") as made:
        made.write_text("run.toml", CONFIG)
        assert [summary.status for summary in list_runs(tmp_path)] == ["running"]
    assert [summary.status for summary in list_runs(tmp_path)] == ["interrupted"]


def test_stamps_stand_beside_the_numbers(tmp_path: Path) -> None:
    run(tmp_path, "1", metrics='{"test": {"accuracy": 1.0}, "stamps": ["LEAKY"]}')
    run(tmp_path, "2", metrics='{"test": {"accuracy": 1.0}, "stamps": 3}')
    assert [summary.stamps for summary in list_runs(tmp_path)] == [(), ("LEAKY",)]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('{"status": "failed", "reason": 7}', "reason is 7"),
        ('{"status": "gone", "reason": "x"}', "status is 'gone'"),
        ('{"status": "failed"}', "it lacks reason"),
        ("[]", "its content is []"),
    ],
)
def test_a_misshapen_record_of_an_end_is_said_to_be_damaged(content: str, problem: str, tmp_path: Path) -> None:
    path = run(tmp_path, "1")
    (path / "ended.json").write_text(content)
    summary = summarise(path)
    assert summary.ended == ""
    assert f"ended.json is damaged: {problem}" in summary.problem


def test_a_table_that_many_runs_share_is_read_once() -> None:
    texts = [f'seed = {seed}\n\n[dataset]\nname = "only here"\n\n[head]\nname = "h"\n' for seed in range(50)]
    before = _piece.cache_info().misses
    found = [glance(text) for text in texts]
    assert _piece.cache_info().misses - before <= 52
    assert found == [{"seed": seed, "dataset": {"name": "only here"}, "head": {"name": "h"}} for seed in range(50)]
    assert len({id(each["head"]) for each in found if each}) == 50


def test_a_folder_called_as_a_file_of_a_run_makes_no_run(tmp_path: Path) -> None:
    (tmp_path / "not-a-run" / "run.toml").mkdir(parents=True)
    (tmp_path / "a-file").write_text("seed = 1\n")
    assert list_runs(tmp_path) == []
