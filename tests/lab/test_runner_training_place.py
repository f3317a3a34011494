"""Where circuits train, and that the plan, the run and its record say the same of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from qplug import catalogue
from qplug.contract.errors import NotSupported, UnknownName
from qplug.lab.config.layers import from_assignments, from_file
from qplug.lab.config.resolve import resolve
from qplug.lab.config.toml import to_toml
from qplug.lab.pipeline.components import Components, assemble
from qplug.lab.runner.loaded import load_classifier
from qplug.lab.runner.plan import plan
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import run_once
from qplug.lab.runner.workplace import Workplace
from qplug.lab.runs.directory import RunDirectory
from qplug.lab.runs.record_file import read_record
from qplug_cli.main import app

SHIFTS = "{0} gives gradients by shifts alone; to train on it: --set training.backend={0}"
SMALL = ["dataset.n_samples=100", "features.n_mels=4", "reducer.n_outputs=2", "training.epochs=1", "head.n_qubits=2"]


def layers(*assignments: str) -> list[dict[str, Any]]:
    parts = {"dataset": "chirps", "backbone": "identity", "reducer": "linear", "head": "pennylane-pqc"}
    named = {kind: {"name": name} for kind, name in parts.items()}
    return [from_assignments([*assignments, *SMALL, "head.n_layers=1"]), {**named, "device": "cpu"}]


def assembled(*assignments: str) -> Components:
    return assemble(resolve(layers(*assignments)))


@pytest.mark.parametrize(
    ("assignments", "name", "own", "reason"),
    [
        (["backend.name=lightning.qubit"], "lightning.qubit", True, ""),
        (["backend.name=aer"], "torch", False, SHIFTS.format("aer")),
        (["backend.name=qiskit-ml"], "torch", False, SHIFTS.format("qiskit-ml")),
        (["backend.name=aer", "backend.shots=9"], "torch", False, "aer gives no gradients"),
        (["backend.name=torch", "backend.shots=9"], "torch", False, "torch gives no gradients"),
        (["backend.name=aer", "training.backend=aer"], "aer", True, ""),
        (["backend.name=aer", "training.backend=default.qubit"], "default.qubit", False, "training.backend says so"),
        (["training.backend=aer"], "aer", False, "training.backend says so"),
        (
            ["backend.name=aer", "backend.shots=9", "training.backend=aer"],
            "aer",
            True,
            "",
        ),
        (
            ["backend.name=aer", "backend.shots=9", "backend.gradient=shift", "training.backend=aer"],
            "aer",
            True,
            "",
        ),
    ],
)
def test_circuits_train_where_gradients_are_cheap_or_where_asked(
    assignments: list[str], name: str, own: bool, reason: str
) -> None:
    parts = assembled(*assignments)
    assert parts.training is not None
    assert (parts.training.name, parts.training.backend is parts.backend, parts.training.reason) == (name, own, reason)
    assert parts.training.backend.capabilities.gradient is not None or parts.training.asked is parts.training.backend
    assert (parts.training.asked is not None) == (
        "training.backend=aer" in assignments and "backend.shots=9" in assignments
    )
    assert parts.training_backend is parts.training.backend


def test_a_remote_backend_trains_only_by_name_and_no_forward_pass_runs_on_it() -> None:
    parts = assembled("backend.name=ibm", "backend.fake=FakeOslo", "training.backend=ibm")
    assert parts.training is not None
    assert (parts.training.name, parts.training.stands_on, parts.training.reason) == ("ibm", "torch", "")
    assert parts.training.asked is parts.backend
    assert not parts.training.backend.capabilities.remote
    usual = assembled("backend.name=ibm", "backend.fake=FakeOslo").training
    assert (usual and usual.name, usual and usual.asked) == ("torch", None)


def test_the_default_stands_in_the_registry() -> None:
    usual = catalogue.registry().defaults
    config = resolve([{"dataset": {"name": "chirps"}}])
    assert (usual.training_backend, usual.backend) == ("torch", config.backend.name)
    assert (usual.head, usual.backbone) == (config.heads, config.backbone.name)
    for kind, name in [("head", usual.head), ("backbone", usual.backbone), ("backend", usual.training_backend)]:
        assert (kind, name) in catalogue.registry().components
    assert {("features", name) for name in usual.features.values()} <= catalogue.registry().components.keys()


def test_a_name_that_is_no_backend_is_refused_with_near_ones_whatever_the_head() -> None:
    with pytest.raises(UnknownName, match=r"no backend is called 'lightning\.qbit'. Did you mean 'lightning\.qubit'"):
        assembled("training.backend=lightning.qbit", "head.name=linear")


def test_a_backend_without_gradients_cannot_be_asked_to_train(monkeypatch: pytest.MonkeyPatch) -> None:
    other = catalogue.load("backend", "default.qubit")
    monkeypatch.setattr(other, "capabilities", replace(other.capabilities, gradient=None))
    with pytest.raises(NotSupported, match=r"training\.backend is 'default\.qubit', which gives no.*train on 'torch'"):
        assembled("training.backend=default.qubit")


def test_a_training_backend_named_in_vain_is_told_of() -> None:
    config = {"dataset": {"name": "digits"}, "backbone": {"name": "identity"}, "head": {"name": "linear"}}
    told = plan([from_assignments(["training.backend=aer"]), config]).work
    assert "training.backend aer is not used, because no head has a circuit (linear)" in told


def test_plan_run_record_and_the_loaded_run_say_the_same(tmp_path: Path) -> None:
    place = Workplace(cache=tmp_path / "cache", figures=False)
    notes: list[str] = []

    class Notes(Silent):
        def note(self, text: str) -> None:
            notes.append(text)

    for assigned, trained in (([], "torch"), (["training.backend=aer"], "aer")):
        asked = layers("backend.name=aer", *assigned)
        planned = plan(asked)
        assert planned.training.circuits is not None
        assert (planned.training.circuits.trained_on, planned.training.circuits.evaluated_on) == (trained, "aer")
        head = next(step for step in planned.description.steps if step.kind == "head")
        assert head.note == ("on aer" if trained == "aer" else "trained on torch, evaluated on aer")

        notes.clear()
        run = Path(run_once(asked, tmp_path / trained, Notes(), workplace=place)["run"])
        told = [note for note in notes if note.startswith("trained on")]
        assert [note.partition(";")[0] for note in told] == ([] if trained == "aer" else ["trained on torch"])
        record = read_record(run)
        assert record.training.trained_on == trained
        assert [judged.backend for judged in record.judgements] == [trained, "aer"]
        again = resolve([from_file(run / "run.toml")])
        assert again.training.backend == (assigned[0].partition("=")[2] if assigned else None)
        parts = load_classifier(RunDirectory.open(run), notes.append).components
        assert parts.training is not None
        assert parts.training.name == trained


def test_a_file_written_before_there_was_the_setting_is_read(tmp_path: Path) -> None:
    config = resolve(layers("backend.name=aer"))
    assert "backend" not in to_toml(config).partition("[training]")[2].partition("[")[0]
    (tmp_path / "run.toml").write_text(to_toml(config))
    assert resolve([from_file(tmp_path / "run.toml")]) == config


@pytest.mark.parametrize(
    ("backend", "words"),
    [("aer", "evaluates what torch has trained: " + SHIFTS.format("aer")), ("torch", "trains what it evaluates")],
)
def test_a_backend_shown_says_where_its_circuits_train(backend: str, words: str) -> None:
    told = CliRunner().invoke(app, ["show", "backend", backend, "--json"])
    assert told.exit_code == 0, told.output
    assert f'"training": "{words}"' in told.output
