"""``qplug runs``."""

import json
from pathlib import Path

import pytest

from qplug.lab.measures import LISTED
from qplug_cli.commands.runs import runs


@pytest.mark.parametrize("columns", ["80", "160"])
def test_a_stamp_stands_on_the_line_of_its_run(columns, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for name, stamps in (("leaky", '["LEAKY"]'), ("sound", "[]")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.toml").write_text("seed = 1")
        (tmp_path / name / "metrics.json").write_text(f'{{"test": {{"accuracy": 0.5}}, "stamps": {stamps}}}')
    runs(out=Path(tmp_path))
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "finished LEAKY" in lines["leaky"]
    assert "LEAKY" not in lines["sound"]


@pytest.mark.parametrize("columns", ["80", "160"])
def test_folds_are_told_apart(columns, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for fold in (3, 4):
        (tmp_path / f"run-{fold}").mkdir()
        (tmp_path / f"run-{fold}" / "run.toml").write_text(f"seed = 1\nfold = {fold}")
    runs(out=Path(tmp_path))
    heading, *lines = (line.split() for line in capsys.readouterr().out.splitlines())
    assert [line[heading.index("fold")] for line in lines] == ["4", "3"]


def test_thousands_of_runs_stand_one_on_each_line(tmp_path, capsys) -> None:
    for number in range(501):
        folder = tmp_path / f"run-{number:03}"
        folder.mkdir()
        (folder / "run.toml").write_text(f'seed = {number}\n\n[dataset]\nname = "x"\n')
        (folder / "metrics.json").write_text('{"test": {"accuracy": 0.5}, "stamps": ["LEAKY"]}')
    runs(out=Path(tmp_path))
    heading, first, *_, last = capsys.readouterr().out.splitlines()
    assert heading.split()[:3] == ["run", "status", "backend"]
    assert first.split()[:5] == ["run-500", "finished", "LEAKY", "–", "500"]
    assert last.split()[:5] == ["run-000", "finished", "LEAKY", "–", "0"]


@pytest.mark.parametrize("columns", [80, 120])
def test_nothing_is_folded_within_a_column(columns, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    name, reason = (
        "20261128-150333-digits-pennylane-pqc-6a1bfddd0ee",
        "the disk is full, and 21 batches of the epoch wait",
    )
    for number, (file, content) in enumerate(
        [
            ("ended.json", {"status": "failed", "reason": reason}),
            ("metrics.json", {"test": dict.fromkeys(LISTED, 0.5), "stamps": ["SYNTHETIC DATA"]}),
        ]
    ):
        folder = tmp_path / f"{name}{number}"
        folder.mkdir()
        (folder / "run.toml").write_text("seed = 1")
        (folder / file).write_text(json.dumps(content))
    runs(out=Path(tmp_path))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    *headings, finished, stamp, failed, told = lines
    assert finished.split()[:2] == [f"{name}1", "finished"]
    assert finished.count("0.500") == (4 if columns == 120 else 1)
    assert "…" not in "".join(headings)
    assert stamp == "  SYNTHETIC DATA"
    assert failed.split()[:2] == [f"{name}0", "failed"]
    assert told == f"  {reason}"
