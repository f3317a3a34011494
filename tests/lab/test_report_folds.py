"""A set of folds is reported as one page: mean, spread, each fold, and what was predicted in all of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qplug.contract.errors import DataError, UserError
from qplug.lab.comparison.summary import over_folds
from qplug.lab.report.page import write_report
from qplug.lab.runs.directory import RunDirectory
from qplug.lab.runs.record_file import read_record

from .report_runs import NASTY, Reader, facts, finished_run

LABELS = ["cat"] * 5 + [NASTY] * 5
PREDICTED = ["cat"] * 4 + [NASTY] * 4 + ["cat"] * 2


def fold(folder: Path, number: int, **changes: Any) -> RunDirectory:
    """A fold's run: seven of ten test samples right, and one of validation."""
    run = RunDirectory(finished_run(folder, fold=number, **changes))
    rows = [{"id": f"{number}-{k}", "part": "test", "label": label, "predicted": predicted}
            for k, (label, predicted) in enumerate(zip(LABELS, PREDICTED, strict=True))]  # fmt: skip
    run.write_csv("predictions.csv", [{"id": "v", "part": "validation", "label": "cat", "predicted": NASTY}, *rows])
    return run


def finished_set(folder: Path) -> Path:
    """Three folds with accuracies of 70, 70 and 40 %, the last of them leaky."""
    worse = {**facts()["test"], "accuracy": 0.4}
    runs = {
        1: fold(folder, 1, stamps=[], warnings=["beware"]),
        2: fold(folder, 2, stamps=[], warnings=["beware"]),
        3: fold(folder, 3, stamps=["LEAKY"], warnings=["beware", f"it leaks {NASTY}"], test=worse),
    }
    whole = RunDirectory(folder / "20260101-120000-mine-pqc-abc123-folds")
    whole.path.mkdir()
    names = {str(number): run.name for number, run in runs.items()}
    whole.write_json("folds.json", {"settings": {}, "folds": [1, 2, 3], "runs": names})
    summaries = [read_record(run.path).summary(str(run.path)) for run in runs.values()]
    whole.write_json("metrics.json", over_folds(summaries))
    return whole.path


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    return finished_set(tmp_path)


def read(path: Path) -> tuple[Reader, str]:
    page = write_report(path).read_text(encoding="utf-8")
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return reader, page


def test_the_page_holds_mean_spread_and_every_fold(whole: Path) -> None:
    words = read(whole)[0].words
    for expected in (
        "On mine (split official, all 3 folds, each the test part once), classifiers with head pqc put 60.0 % ± 17.3 % "
        "of the test samples into the right one of 2 classes",
        "accuracy 70.0 % ± 0.0 % 60.0 % ± 17.3 %", "40.0 – 70.0 %", "fold samples accuracy",
        "linear, official split: 71 % (Somebody 2020)", "features mel 1 × 8 × 9 trained n_mels 8", "seed 3",
        "circuits judged on torch", "time of training 12.8 s in all", "2026-01-01 12:00", "epochs 3",
    ):  # fmt: skip
        assert expected in words, expected
    record = json.loads((whole / "folds.json").read_text())
    for number, accuracy in (("1", "70.0 %"), ("2", "70.0 %"), ("3", "40.0 %")):
        assert f"{number} 10 {accuracy} 70.0 %" in words
        assert record["runs"][number] in words


def test_stamps_and_warnings_of_any_fold_stand_on_the_page(whole: Path) -> None:
    reader, page = read(whole)
    assert page.count("<strong>LEAKY</strong>") == 1
    assert "<title>mine · pqc · all folds · LEAKY</title>" in page
    assert f"Before you trust it beware fold 3: it leaks {NASTY}" in reader.words
    assert json.loads((whole / "metrics.json").read_text())["stamps"] == ["LEAKY"]


def test_all_folds_test_samples_stand_in_one_confusion_matrix(whole: Path) -> None:
    (picture,) = read(whole)[0].pictures
    assert picture["alt"] == "Confusion matrix over all folds: 21 of 30 right."
    assert picture["src"].startswith("data:image/png;base64,")


def test_the_page_asks_nothing_of_a_network_and_shows_no_folder(whole: Path) -> None:
    reader, page = read(whole)
    assert all(link.startswith("data:") for link in reader.elsewhere)
    assert "script" not in reader.tags
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page
    assert str(whole.parent) not in page
    assert "secret" not in page
    assert write_report(whole, whole / "again.html").read_text(encoding="utf-8") == page


def test_a_set_that_cannot_be_shown_is_refused_with_a_way_on(whole: Path) -> None:
    record = json.loads((whole / "folds.json").read_text())
    gone = whole.parent / record["runs"]["2"]
    predictions = (gone / "predictions.csv").read_text()
    RunDirectory(gone).write_text("predictions.csv", "\n".join(predictions.splitlines()[:-1]))
    with pytest.raises(DataError, match=r"predictions\.csv has 9 test samples, but metrics\.json counts 10"):
        write_report(whole)
    RunDirectory(gone).write_text("predictions.csv", predictions.replace(",cat,cat", ",cow,cat", 1))
    with pytest.raises(DataError, match=r"name 'cow', which is none of cat, "):
        write_report(whole)
    gone.rename(whole.parent.parent / f"{whole.parent.name}-elsewhere")
    with pytest.raises(UserError, match=rf"has 3 folds, and of their runs 1 are not in {whole.parent} \({gone.name}\)"):
        write_report(whole)
    (whole / "metrics.json").unlink()
    with pytest.raises(
        UserError, match=f"is interrupted, so there is nothing to show. Go on with: qplug resume {whole}"
    ):
        write_report(whole)
