"""A report says what the run's files say, needs nothing else, and lets nothing from outside act as markup."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from qplug.contract.errors import DataError, UserError
from qplug.lab.report.page import write_figures, write_report
from qplug.lab.runs.directory import RunDirectory
from qplug.lab.runs.files import pdf_bytes
from qplug.lab.runs.listing import summarise

from .report_runs import NASTY, Reader, facts, finished_run


def read(folder: Path, **changes: Any) -> tuple[Reader, str]:
    page = write_report(finished_run(folder, **changes)).read_text(encoding="utf-8")
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return reader, page


def test_the_page_holds_what_the_files_hold(tmp_path: Path) -> None:
    words = read(tmp_path)[0].words
    for expected in (
        "On mine (split official, fold 2), a classifier with head pqc (circuit of 2 qubits) puts 70.0 % of 10 test "
        "samples into the right one of 2 classes (95 % interval 39.7 % to 89.2 %).",
        "SYNTHETIC DATA", "LEAKY", "linear, official split: 71 % (Somebody 2020)", "cat 0.667 0.800 0.727 5",
        "always the same class: 50.0 %", "expected calibration error", "area under ROC",
        "3; number 2 was kept", "1,234 parameters, of which 1,200 were trained and 1 stand in circuits",
        "qubits 2 depth 3 gates 4 on one qubit 3 on two qubits 1 encoding angles 2 weight angles 1 observables 1",
        "ry 2", "cx 1", "rz 1", "fold 2", "1 stand in more than one part", "a" * 64, "b" * 64, "numpy 2.0.0",
        "The circuit was simulated on an ordinary computer, on torch; no quantum device took part.",
        "Training took 4.2 s.",
        "features mel 1 × 8 × 9 trained n_mels 8", "frozen true",
    ):  # fmt: skip
        assert expected in words, expected


def test_what_came_of_judging_a_run_again_stands_in_its_report_and_in_the_list(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    assert "Judged again" not in told(run)
    again = run / "evaluations" / "test-aer-0a1b2c3d"
    again.mkdir(parents=True)
    scores = {**facts()["test"], "n": 1500, "accuracy": 0.8, "accuracy_interval": [0.71, 0.87]}
    against = {"label_agreement": 0.955, "label_agreement_interval": [0.94, 0.97], "accuracy": 0.8,
               "mean_abs_delta_z": 0.0123, "max_abs_delta_z": 0.25}  # fmt: skip
    content = {"name": again.name, "part": "test", "dataset": "mine", "head": "pqc", "backend": "aer",
               "settings": {"shots": 100}, "exact": False, "hardware": False, "modelled_noise": True,
               "other_data": False, "classes": {}, "run_accuracy": 0.8, "stamps": [],
               "test": scores, "against_training_backend": against}  # fmt: skip
    (again / "metrics.json").write_text(json.dumps(content))
    expected = (
        "test part, aer (shots 100), modelled noise: a fake device 1,500 80.0 % 71.0 % to 87.0 % 95.5 % 0.012 0.25"
    )
    assert expected in told(run)
    assert summarise(run).evaluations == 1
    (again / "metrics.json").write_text("{")
    assert "Judged again" not in told(run)


@pytest.mark.parametrize(("fold", "expected"), [(None, "(split official), a"), (3, "(split official, fold 3), a")])
def test_the_headline_says_which_split_and_which_fold_it_is(tmp_path: Path, fold: int | None, expected: str) -> None:
    words = read(tmp_path, fold=fold)[0].words
    assert expected in words
    assert "Over all of them" not in words


def test_a_fold_says_its_place_in_the_set_beside_it(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    whole = RunDirectory(tmp_path / "whole-folds")
    whole.path.mkdir()
    whole.write_json("folds.json", {"settings": {}, "folds": [1, 2, 3], "runs": {"2": run.name}})
    assert "(split official, fold 2 of 3), a" in told(run)
    assert "Over all of them" not in told(run)
    parts = {"accuracy": 0.71, "balanced_accuracy": 0.62}
    whole.write_json("metrics.json", {"test": parts, "test_sd": dict.fromkeys(parts, 0.034)})
    assert (
        "This is fold 2 of the 3 in whole-folds. Over all of them, mean and standard deviation on the test parts: "
        "accuracy 71.0 % ± 3.4 %, balanced accuracy 62.0 % ± 3.4 %."
    ) in told(run)
    whole.write_text("folds.json", "{")
    assert "(split official, fold 2), a" in told(run)


def told(run: Path) -> str:
    """The words of a run's report."""
    reader = Reader()
    reader.feed(write_report(run).read_text(encoding="utf-8"))
    return reader.words


def test_the_page_asks_nothing_of_a_network_and_runs_no_script(tmp_path: Path) -> None:
    reader, page = read(tmp_path)
    assert "script" not in reader.tags
    assert not {"link", "iframe", "object", "embed"} & set(reader.tags)
    assert reader.elsewhere
    assert all(link.startswith("data:image/png;base64,") for link in reader.elsewhere)
    assert not re.search(r"url\(|@import|https?://", page)
    assert "default-src 'none'" in page


def test_what_comes_from_outside_is_text(tmp_path: Path) -> None:
    reader, page = read(tmp_path)
    assert f"beware of {NASTY}" in reader.words
    assert NASTY in reader.words.replace(f"beware of {NASTY}", "")  # as the name of a class
    assert "<script" not in page


def test_every_figure_has_words_and_its_own_size(tmp_path: Path) -> None:
    reader, _ = read(tmp_path)
    assert len(reader.pictures) == 3
    for picture in reader.pictures:
        assert len(picture["alt"]) > 20
        assert (picture["width"], picture["height"]) == ("96", "48")  # 1 by 0.5 inches
    matrix = next(picture for picture in reader.pictures if "Confusion" in picture["alt"])
    assert matrix["alt"] == f"Confusion matrix: 7 of 10 right; most often, 2 times, {NASTY} was taken for cat."


def test_figures_for_a_paper_are_drawn_from_the_folder_without_a_date(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    answers = zip(["cat"] * 5 + [NASTY] * 5, ["cat"] * 4 + [NASTY] * 4 + ["cat"] * 2, strict=True)
    rows = [
        {"id": str(k), "part": "test", "label": label, "predicted": told, "p_cat": 0.2 + 0.6 * (told == "cat"),
         f"p_{NASTY}": 0.8 - 0.6 * (told == "cat")} for k, (label, told) in enumerate(answers)
    ]  # fmt: skip
    RunDirectory(run).write_csv("predictions.csv", rows)
    written = {path.name: path.read_bytes() for path in write_figures(run, ("pdf",))}
    assert written.keys() == {"confusion_matrix.pdf", "calibration.pdf", "roc_pr.pdf", "circuit.pdf"}
    assert all(content == (run / "figures" / name).read_bytes() for name, content in written.items())
    assert all(content.startswith(b"%PDF") and b"Date" not in content for content in written.values())
    assert pdf_bytes(Figure()) == pdf_bytes(Figure())
    with pytest.raises(UserError, match=r"written as 'gif', 'png'\. Possible: svg, pdf or both; PNG is there"):
        write_figures(run, ("png", "svg", "gif"))
    RunDirectory(run).write_text("predictions.csv", "id,part,label,predicted\n" + "k,test,cat,cat\n" * 10)
    with pytest.raises(DataError, match=rf"predictions of {run.name} are damaged.*missing.*'p_cat'"):
        write_figures(run, ("svg",))


def test_the_page_begins_with_links_to_its_sections_and_figures_enlarge_without_a_script(tmp_path: Path) -> None:
    reader, page = read(tmp_path)
    titles = re.findall(r"<section id=\"(.*?)\">\n<h2>(.*?)</h2>", page)
    assert [title for _, title in titles][:3] == ["Results", "How it judges", "How it was trained"]
    assert page.count("<section") == len(titles)
    assert [link[1:] for link in reader.links if link.startswith("#")] == [anchor for anchor, _ in titles]
    assert page.index('class="contents"') < page.index("<section")
    assert reader.tags.count("input") == len(reader.pictures)
    assert ".zoom:has(input:checked)" in page


def test_a_run_and_its_set_lead_to_one_another_where_both_have_a_page(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    whole = tmp_path / "the set" / "cells"
    assert "One run of" not in told(run)
    whole.mkdir(parents=True)
    inside = run.rename(whole / "k")
    (tmp_path / "the set" / "set.json").write_text("{")
    page = write_report(inside).read_text()
    assert "One run of the set" in told(inside)
    assert "../.." not in page
    (tmp_path / "the set" / "report.html").write_text("")
    assert '<a href="../../report.html">the set</a>' in write_report(inside).read_text()
    assert "../.." not in write_report(inside, tmp_path / "to pass on.html").read_text()


def test_no_folder_of_the_machine_stands_in_it(tmp_path: Path) -> None:
    reader, page = read(tmp_path)
    assert "secret" not in page
    assert "somebody/" not in page
    assert str(tmp_path) not in page
    assert "weights weights.pt" in reader.words


def test_the_same_run_gives_the_same_file(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    first = write_report(run).read_bytes()
    assert write_report(run, tmp_path / "again.html").read_bytes() == first
    assert run.joinpath("report.html").read_bytes() == first


def test_light_dark_and_paper_are_cared_for(tmp_path: Path) -> None:
    _, page = read(tmp_path)
    assert "@media (prefers-color-scheme: dark)" in page
    assert "@media print" in page


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"backend": "aer"}, "on torch in training and on aer for the test part; no quantum device took part"),
        (
            {"backend": "aer", "modelled_noise": True},
            "with modelled noise, a fake device (noise FakeNowhere); no quantum",
        ),
        ({"backend": "ibm", "hardware": True}, "the test part was judged on a device through ibm"),
        ({"backend": "ibm", "trained_on": "ibm", "hardware": True}, "Trained and judged on a device through ibm."),
    ],
)
def test_it_says_on_what_the_circuit_ran(tmp_path: Path, changes: dict[str, Any], expected: str) -> None:
    assert expected in read(tmp_path, **changes)[0].words


def test_a_run_without_a_circuit_says_nothing_about_one(tmp_path: Path) -> None:
    run = finished_run(tmp_path, backend=None, trained_on=None, head="mlp", stamps=[], warnings=[], reference=[])
    for name in ("circuit.qasm", "circuit.png"):
        (run / name).unlink()
    page = write_report(run).read_text()
    assert "a classifier with head mlp puts" in page
    for absent in ("<h2>Circuit", "simulated", "Before you trust it", "Known results", "LEAKY"):
        assert absent not in page


def test_an_unfinished_or_damaged_run_is_refused_with_a_way_on(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    metrics = (run / "metrics.json").read_text()
    (run / "metrics.json").unlink()
    with pytest.raises(UserError, match=rf"{run.name} is interrupted.*qplug resume .*{run.name}"):
        write_report(run)
    (run / "metrics.json").write_text(metrics[:100])
    with pytest.raises(DataError, match=r"metrics\.json is damaged"):
        write_report(run)
    content = json.loads(metrics)
    del content["test"]["accuracy_interval"]
    RunDirectory(run).write_text("metrics.json", json.dumps(content))
    with pytest.raises(DataError, match=r"lacks what a report needs \('accuracy_interval'\).*--config .*run\.toml"):
        write_report(run)
    with pytest.raises(UserError, match=r"there is no run directory .*nowhere"):
        write_report(tmp_path / "nowhere")


def test_a_run_given_as_the_folder_that_one_is_in_keeps_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished_run(tmp_path)
    monkeypatch.chdir(run)
    assert f"load_run(&#34;{run.name}&#34;)" in write_report(Path()).read_text()
