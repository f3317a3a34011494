"""A finished run judged again: the same numbers where it was judged, honest ones elsewhere, nothing else changed."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Picture

from qplug import Image, load_run
from qplug.contract.errors import ConfigError, DataError, UnknownName, UserError
from qplug.lab.capsule.replay import replay
from qplug.lab.runner.asked import Asked
from qplug.lab.runner.evaluate import evaluate
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import run_once
from qplug.lab.runs.evaluations import EVALUATIONS, EvaluationRecord, evaluations, read_evaluation
from qplug.lab.runs.listing import summarise
from qplug.lab.runs.record_file import read_record

from .places import without_figures

SMALL: dict[str, Any] = {
    "dataset": {"name": "digits"},
    "backbone": {"name": "cnn3", "channels": [4, 4, 8], "n_features": 6},
    "training": {"epochs": 1},
}
PIPELINES: dict[str, dict[str, Any]] = {
    "circuit": {"head": {"name": "pennylane-pqc", "n_layers": 1, "n_qubits": 3}},
    "frozen": {
        "backbone": {"name": "identity"},
        "reducer": {"name": "pca", "n_outputs": 3},
        "head": {"name": "pennylane-pqc", "n_layers": 1, "n_qubits": 3},
        "training": {"epochs": 1},
    },
    "classical": {"head": {"name": "linear"}},
    "lda": {"backbone": {"name": "identity"}, "reducer": {"name": "lda", "n_outputs": 3}, "head": {"name": "svm-rbf"}},
    "fitted": {
        "backbone": {"name": "identity"},
        "reducer": {"name": "pca", "n_outputs": 5},
        "head": {"name": "logistic"},
    },
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QPLUG_CACHE", str(folder / "cache"))
        yield {
            name: Path(run_once([{**SMALL, **pipeline}], folder / name, Silent(), workplace=without_figures())["run"])
            for name, pipeline in PIPELINES.items()
        }


def contents(run: Path) -> dict[str, bytes]:
    files = (file for file in run.rglob("*") if file.is_file() and EVALUATIONS not in file.parts)
    return {str(file.relative_to(run)): file.read_bytes() for file in files}


def predictions(folder: Path, part: str) -> list[dict[str, str]]:
    with (folder / "predictions.csv").open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["part"] == part]


@pytest.mark.parametrize("name", PIPELINES)
@pytest.mark.parametrize("part", ["test", "validation"])
def test_where_it_was_judged_a_run_gives_its_own_numbers(runs: dict[str, Path], name: str, part: Any) -> None:
    run = runs[name]
    before = contents(run)
    told = evaluate(run, Asked(part=part), Silent())

    again = read_evaluation(Path(told["evaluation"]))
    assert again.judgement.part == part
    assert again.judgement.scores == read_record(run).judgement(part).scores
    assert predictions(Path(told["evaluation"]), part) == predictions(run, part)
    assert told["against_training_backend"] is None
    assert told["backend"] == ("torch" if name in ("circuit", "frozen") else None)
    assert contents(run) == before
    assert replay(run).faults == []


def test_on_another_backend_values_are_held_against_those_of_training(runs: dict[str, Path]) -> None:
    run = runs["circuit"]
    exact = evaluate(run, Asked({"backend": {"name": "default.qubit"}}), Silent())
    assert exact["against_training_backend"]["label_agreement"] == 1
    assert exact["against_training_backend"]["max_abs_delta_z"] < 1e-5
    assert exact["run_accuracy"] == exact["test"]["accuracy"] == exact["against_training_backend"]["accuracy"]

    few = evaluate(run, Asked({"backend": {"name": "torch", "shots": 20}}), Silent())
    distance = few["against_training_backend"]["mean_abs_delta_z"]
    assert not few["exact"]
    assert 0.02 < distance < 2 / np.sqrt(20)  # a mean of |N(0, s)| is .8 s, and s is at most 1 / sqrt(shots)
    assert few["against_training_backend"]["label_agreement"] < 1
    assert len({exact["evaluation"], few["evaluation"]}) == 2
    named = {found.name for found in evaluations(run)}
    assert {exact["name"], few["name"]} <= named
    assert replay(run).faults == []


def test_the_same_question_replaces_its_answer(runs: dict[str, Path]) -> None:
    first, second = (evaluate(runs["frozen"], Asked(), Silent()) for _ in range(2))
    assert first == second


def test_a_model_is_judged_on_other_data_with_classes_of_other_names(runs: dict[str, Path], tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    for label in ("zero", "1"):
        (tmp_path / label).mkdir()
        for number in range(12):
            picture = draw.integers(0, 255, (8, 8)).astype(np.uint8)
            Picture.fromarray(picture).save(tmp_path / label / f"{label}-{number}.png")
    data: dict[str, Any] = {"dataset": {"name": "folder", "modality": "image"}, "data_dir": str(tmp_path)}
    told = evaluate(runs["circuit"], Asked(data, classes={"zero": "0"}), Silent())

    rows = predictions(Path(told["evaluation"]), "test")
    assert told["other_data"]
    assert told["test"]["n"] == len(rows) > 0
    assert {row["label"] for row in rows} == {"0", "1"}
    files = sorted(tmp_path.rglob("*.png"))
    answers = {Path(row["file"]).stem: row["label"] for row in load_run(runs["circuit"]).predict(files)}
    assert all(answers[Path(row["id"]).stem] == row["predicted"] for row in rows)

    with pytest.raises(
        ConfigError, match=r"folder has 1 of 2 classes that the run does not know: zero\..*--map zero=NAME"
    ):
        evaluate(runs["circuit"], Asked(data), Silent())
    with pytest.raises(UnknownName, match="'nought'"):
        evaluate(runs["circuit"], Asked(data, classes={"nought": "0"}), Silent())


def test_changed_recordings_are_not_judged_as_if_they_were_the_run_s(
    runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from qplug_image.digits import Digits

    original = Digits.load
    monkeypatch.setattr(Digits, "load", lambda self, sample: Image(1 - original(self, sample).pixels))
    monkeypatch.setenv("QPLUG_CACHE", str(runs["classical"].parent / "another cache"))
    with pytest.raises(ConfigError, match=rf"the test samples of {re.escape(str(runs['classical']))} are not those"):
        evaluate(runs["classical"], Asked(), Silent())


def test_a_backend_that_cannot_run_the_circuit_is_refused_and_leaves_nothing(runs: dict[str, Path]) -> None:
    before = contents(runs["circuit"]), len(evaluations(runs["circuit"]))
    with pytest.raises(UserError, match=r"no-such"):
        evaluate(runs["circuit"], Asked({"backend": {"name": "no-such"}}), Silent())
    assert (contents(runs["circuit"]), len(evaluations(runs["circuit"]))) == before


def test_a_loaded_run_stays_on_the_backend_that_trained_it(runs: dict[str, Path]) -> None:
    from qplug_torch.backend import Torch

    config = (runs["circuit"] / "run.toml").read_text()
    judged_elsewhere = config.replace('name = "torch"', 'name = "aer"')
    assert judged_elsewhere != config
    trained_on = [module.backend for module in load_run(runs["circuit"]).model.quantum_modules()]
    assert [type(backend) for backend in trained_on] == [Torch]
    (module,) = load_run(runs["circuit"], {"name": "torch", "shots": 7}).model.quantum_modules()
    assert module.backend.shots == 7  # type: ignore[attr-defined]
    features, sampled = torch.rand(4, 1, 8, 8), {"name": "torch", "shots": 7}
    with torch.no_grad():
        exact, drawn = (load_run(runs["circuit"], backend).model(features) for backend in (None, sampled))
    assert not torch.equal(exact, drawn)


def test_an_evaluation_is_a_typed_record_and_one_of_an_older_version_is_still_read(runs: dict[str, Path]) -> None:
    run = runs["frozen"]
    told = evaluate(run, Asked({"backend": {"name": "torch", "shots": 30}}), Silent())
    folder = Path(told["evaluation"])
    record = read_evaluation(folder)
    assert (record.version, record.judgement.backend, record.exact) == (1, "torch", False)
    assert record.judgement.settings["shots"] == 30
    assert record.against_training_backend is not None
    assert record.run_accuracy == read_record(run).test.accuracy
    assert summarise(run).evaluations >= 1

    older = run / EVALUATIONS / "test-torch-older"
    older.mkdir()
    content = {**record.summary(), "name": "test-torch-older"}
    (older / "metrics.json").write_text(json.dumps(content))
    read = read_evaluation(older)
    assert read == record.model_copy(update={"name": "test-torch-older"})
    assert isinstance(evaluations(run)[-1], EvaluationRecord)
    del content["exact"]
    (older / "metrics.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"test-torch-older/metrics\.json is damaged: it lacks exact"):
        read_evaluation(older)
    (older / "record.json").write_text(json.dumps({"version": 7}))
    with pytest.raises(DataError, match="has version 7 of evaluations, which a newer qplug wrote"):
        read_evaluation(older)
    shutil.rmtree(older)
