"""A run directory is made before any work or not at all, and its files are whole."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure
from torch import nn

from qplug.contract.errors import DataError, QplugError, UserError
from qplug.lab.runs.directory import RunDirectory
from qplug.lab.runs.weights import load_weights

NOON = datetime(2024, 5, 1, 12, 0, 0)


def create(root: Path) -> RunDirectory:
    return RunDirectory.create(root, dataset="fsdd", head="pennylane-pqc", short_hash="ab12cd", time=NOON)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_name_tells_time_data_set_head_and_hash(tmp_path: Path) -> None:
    run = create(tmp_path / "deep" / "runs")
    assert run.path == tmp_path / "deep" / "runs" / "20240501-120000-fsdd-pennylane-pqc-ab12cd"
    assert names(run.path) == [".lock"]


def test_two_runs_in_one_second_have_two_folders(tmp_path: Path) -> None:
    runs = [create(tmp_path) for _ in range(3)]
    assert [run.name[-8:] for run in runs] == ["c-ab12cd", "ab12cd-2", "ab12cd-3"]


def test_a_name_that_is_no_file_name_is_made_one(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, dataset="a/b:c", head="linear+pqc", short_hash="0", time=NOON)
    assert run.name == "20240501-120000-a_b_c-linear+pqc-0"


def test_everything_written_can_be_read_back(tmp_path: Path) -> None:
    run = create(tmp_path)
    run.write_text("run.toml", "seed = 1  # ⟨Z⟩\n")
    run.write_json("metrics.json", {"accuracy": torch.tensor(0.5), "loss": float("nan"), "sizes": (1, 2)})
    run.write_csv("history.csv", [{"epoch": 1, "loss": 0.1}, {"epoch": 2, "loss": 0.30000000000000004, "note": 'a,"b'}])
    run.write_weights({"w": torch.arange(6.0).reshape(2, 3).T}, {"classes": ["a", "b"], "n": 2})
    run.write_figure("curves.png", Figure())
    back = RunDirectory.open(run.path)
    assert back.read_text("run.toml") == "seed = 1  # ⟨Z⟩\n"
    assert back.read_json("metrics.json") == {"accuracy": 0.5, "loss": None, "sizes": [1, 2]}
    assert back.read_csv("history.csv") == [
        {"epoch": "1", "loss": "0.1", "note": ""},
        {"epoch": "2", "loss": "0.30000000000000004", "note": 'a,"b'},
    ]
    weights, metadata = back.read_weights()
    assert torch.equal(weights["w"], torch.arange(6.0).reshape(2, 3).T)
    assert metadata == {"classes": ["a", "b"], "n": 2}
    assert (run.path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert names(run.path) == [
        ".lock", "curves.png", "digests.json", "history.csv", "metrics.json", "model.safetensors", "run.toml",
    ]  # fmt: skip


def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(tmp_path: Path) -> None:
    run = create(tmp_path)
    run.write_text("history.csv", "old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(UserError, match=r"history\.csv cannot be written"):
            run.write_csv("history.csv", [{"epoch": 10**50}] * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert run.read_text("history.csv") == "old"
    assert names(run.path) == [".lock", "history.csv"]


def test_a_root_that_is_a_file_is_the_users_mistake(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(UserError, match=r"/runs is a file, not a folder.*--out"):
        create(tmp_path / "runs")
    with pytest.raises(UserError, match=r"/runs/deeper cannot be written: a part of its path is a file.*--out"):
        create(tmp_path / "runs" / "deeper")


@pytest.mark.skipif(os.geteuid() == 0, reason="the administrator may write anywhere")
def test_a_read_only_root_is_the_users_mistake(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(UserError, match=r"/runs cannot be written: you may not write there.*--out"):
            create(tmp_path / "runs")
    finally:
        tmp_path.chmod(0o755)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a folder that even the administrator may not write to")
def test_a_folder_that_nobody_may_write_to_is_the_users_mistake() -> None:
    with pytest.raises(UserError, match=r"/sys/runs cannot be written: .*--out"):
        create(Path("/sys/runs"))


def test_a_folder_that_cannot_be_filled_is_noticed_before_any_work_and_removed(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(UserError, match="cannot be written"):
            create(tmp_path / "a" / "runs")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert names(tmp_path) == []


def test_nothing_pointing_nowhere_is_opened(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no run directory .*/gone"):
        RunDirectory.open(tmp_path / "gone")
    with pytest.raises(UserError, match=r"is not a run directory: it has no run\.toml"):
        RunDirectory.open(tmp_path)


def test_missing_and_damaged_files_are_named(tmp_path: Path) -> None:
    run = create(tmp_path)
    run.write_text("metrics.json", '{"accuracy": 0.')
    with pytest.raises(DataError, match=r"metrics\.json is damaged"):
        run.read_json("metrics.json")
    with pytest.raises(DataError, match=r"has no split\.json; it is finished"):
        run.read_json("split.json")
    (run.path / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(DataError, match=r"model\.safetensors is damaged"):
        run.read_weights()
    with pytest.raises(DataError, match=r"there is no weights file .*final\.safetensors"):
        run.read_weights("final.safetensors")


def test_a_table_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at least one row"):
        create(tmp_path).write_csv("history.csv", [])


def test_the_status_follows_lock_and_metrics(tmp_path: Path) -> None:
    with create(tmp_path) as run:
        run.write_text("run.toml", "")
        assert run.status == RunDirectory.open(run.path).status == "running"
    assert RunDirectory.open(run.path).status == "interrupted"
    run.write_json("metrics.json", {})
    assert RunDirectory.open(run.path).status == "finished"


def test_a_run_of_a_killed_process_is_interrupted_and_can_be_taken_over(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from qplug.lab.runs.directory import RunDirectory as R\n"
        "run = R.create(Path(sys.argv[1]), dataset='d', head='h', short_hash='0'); run.write_text('run.toml', '')\n"
        "(run.path / '.history.csv.0.part').touch(); print(run.path, flush=True); input()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    path = Path(process.stdout.readline().strip())
    assert RunDirectory.open(path).status == "running"
    with pytest.raises(UserError, match=f"another process works in {path}"):
        RunDirectory.reopen(path)
    process.kill()
    process.communicate()
    assert RunDirectory.open(path).status == "interrupted"
    with RunDirectory.reopen(path) as run:
        assert run.status == "running"
        assert names(path) == [".lock", "run.toml"]


def test_a_run_that_came_to_nothing_is_removed_but_never_one_with_results(tmp_path: Path) -> None:
    empty, trained, finished = (create(tmp_path) for _ in range(3))
    trained.checkpoints.mkdir()
    (trained.checkpoints / "last.ckpt").touch()
    finished.write_json("metrics.json", {})
    for run in (empty, trained, finished):
        run.discard()
    assert [run.path.exists() for run in (empty, trained, finished)] == [False, True, True]


def test_weights_that_do_not_fit_are_refused_by_key_and_change_nothing() -> None:
    model = nn.Linear(3, 2)
    before = model.weight.clone()
    wrong = {"weight": torch.zeros(2, 4), "scale": torch.zeros(1)}
    with pytest.raises(DataError) as caught:
        load_weights(model, wrong)
    for words in ("bias is missing", "scale is unknown", "weight has shape (2, 4), the model needs (2, 3)"):
        assert words in str(caught.value)
    assert torch.equal(model.weight, before)
    load_weights(model, {"weight": torch.ones(2, 3), "bias": torch.zeros(2)})
    assert torch.equal(model.weight, torch.ones(2, 3))


def test_tied_weights_can_be_written(tmp_path: Path) -> None:
    run = create(tmp_path)
    shared = torch.ones(2)
    run.write_weights({"a": shared, "b": shared}, {})
    assert sorted(run.read_weights()[0]) == ["a", "b"]


def test_reading_runs_needs_no_torch() -> None:
    code = "import sys, qplug.lab.runs.directory, qplug.lab.runs.listing; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_another_kind_of_failure_is_not_the_users(tmp_path: Path) -> None:
    run = create(tmp_path)
    (run.path / "history.csv").mkdir()
    with pytest.raises(QplugError, match=r"history\.csv cannot be written: Is a directory"):
        run.write_text("history.csv", "x")


def test_no_text_of_a_table_is_a_formula(tmp_path: Path) -> None:
    texts = ["=1+1", "@sum", "-a", "+b", "'=quoted", "'quoted", "line\nbreak", "plain"]
    with create(tmp_path) as run:
        path = run.write_csv("table.csv", [{"id": text, "value": -1.5} for text in texts])
        assert [row["id"] for row in run.read_csv("table.csv")] == texts
    lines = path.read_text().splitlines()
    assert lines[1] == "'=1+1,-1.5"
    assert not any(line.startswith(("=", "@", "+", "-")) for line in lines)


def test_no_text_of_a_figure_is_mathematics(tmp_path: Path) -> None:
    figure = Figure()
    axes = figure.add_subplot(title="$\\frac{$")
    axes.plot(["$a_{$", "$b^$"], [0, 1], label="$\\x$")
    axes.legend()
    with create(tmp_path) as run:
        assert run.write_figure("figure.png", figure).stat().st_size > 0
