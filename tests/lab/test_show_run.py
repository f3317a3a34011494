"""``qplug show run``: a finished run with how it was judged again, and what a set came to."""

import json
from pathlib import Path

import pytest

from qplug.contract.errors import UserError
from qplug.lab.runs.directory import RunDirectory
from qplug.lab.runs.evaluations import EVALUATIONS, EvaluationRecord, write_evaluation
from qplug.lab.runs.record_file import read_record
from qplug_cli.commands import predict, show

from .report_runs import finished_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    path = finished_run(tmp_path)
    folder = path / EVALUATIONS / "test-aer-1a2b3c4d"
    folder.mkdir(parents=True)
    judged = read_record(path).judgement("test").model_copy(update={"backend": "aer", "settings": {"shots": 99}})
    record = EvaluationRecord(version=1, name=folder.name, dataset="mine", head="pqc", judgement=judged, exact=False)
    write_evaluation(RunDirectory(folder), record)
    return path


def test_a_run_is_shown_with_its_evaluations(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    show.show("run", str(run))
    told = " ".join(capsys.readouterr().out.split())
    assert "mine · pqc" in told
    assert "test part, aer (shots 99)" in told
    show.show("runs", str(run), json=True)
    document = json.loads(capsys.readouterr().out)
    assert document["run"] == str(run)
    (again,) = document["evaluations"]
    assert (again["backend"], again["settings"], again["part"]) == ("aer", {"shots": 99}, "test")


def test_what_is_no_run_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"there is no run directory {tmp_path / 'none'}"):
        show.show("run", str(tmp_path / "none"))


def test_answers_end_with_what_is_known_of_the_run_and_the_next_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = finished_run(tmp_path)
    predict._show_end(run, None, 3)
    told = capsys.readouterr().out
    sure = "its test accuracy 0.700, 95 % interval 0.397 to 0.892 for other samples like these 10"
    assert sure in " ".join(told.split()), "in as many lines as the terminal is narrow"
    assert f"next: qplug evaluate {run} --dataset folder --data-dir FOLDER, with a folder for each class" in told
    (run / "metrics.json").write_text("{")
    predict._show_end(run, tmp_path / "a.csv", 3)
    assert capsys.readouterr().out.splitlines()[:2] == ["3 answers", f"written to {tmp_path / 'a.csv'}"]
