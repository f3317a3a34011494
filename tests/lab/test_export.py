"""What is exported computes what the model computes, and says what it is."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from qplug import load_run
from qplug.circuits import from_qasm3
from qplug.contract.errors import NotInstalled, NotSupported, QplugError, UserError
from qplug.installation import install
from qplug.lab.export import network
from qplug.lab.export.circuits import bind, export_circuits
from qplug.lab.export.network import export_network
from qplug.lab.export.weights import export_weights
from qplug.lab.runner.loaded import LoadedRun
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import run_once
from qplug.lab.runs.record_file import read_record
from qplug.lab.runs.weights import load_weights, read_weights

from .places import without_figures

SMALL: dict[str, Any] = {
    "dataset": {"name": "digits"},
    "backbone": {"name": "cnn3", "channels": [4, 4, 8], "n_features": 6},
    "training": {"epochs": 1},
}
PQC = {"name": "pennylane-pqc", "n_layers": 1}
PIPELINES: dict[str, dict[str, Any]] = {
    "classical": {"head": {"name": "mlp"}},
    "fitted": {
        "backbone": {"name": "identity"},
        "reducer": {"name": "pca", "n_outputs": 4},
        "head": {"name": "svm-rbf"},
    },
    "quantum": {"head": {**PQC, "n_qubits": 3}},
    "from-qiskit": {"head": {"name": "qiskit-qnn", "n_qubits": 3}},
    "fused": {
        "branch": [
            {"weight": 1.0, "head": {"name": "linear"}},
            {"weight": 0.5, "reducer": {"name": "linear", "n_outputs": 2}, "head": {**PQC, "n_qubits": 2}},
            {"weight": 0.25, "reducer": {"name": "linear", "n_outputs": 3}, "head": {**PQC, "n_qubits": 3}},
        ]
    },
}


class Runs(dict[str, Path]):
    """Finished runs without circuit, with one, and with two beside a classical branch; made when first asked for.

    All at once, they would take longer than one test may on a busy machine.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def __missing__(self, name: str) -> Path:
        self[name] = Path(
            run_once([{**SMALL, **PIPELINES[name]}], self._folder, Silent(), workplace=without_figures())["run"]
        )
        return self[name]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QPLUG_CACHE", str(folder / "cache"))
        yield Runs(folder)


def features(run: LoadedRun, n: int = 5) -> torch.Tensor:
    return torch.rand(n, *run.features.shape, generator=torch.Generator().manual_seed(7))


def onnx_outputs(file: Path, **inputs: torch.Tensor) -> dict[str, torch.Tensor]:
    session = pytest.importorskip("onnxruntime").InferenceSession(file, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    found = session.run(names, {name: value.detach().numpy() for name, value in inputs.items()})
    return {name: torch.from_numpy(value) for name, value in zip(names, found, strict=True)}


def producer(file: Path) -> str:
    return str(pytest.importorskip("onnx").load(file).producer_name)


def carried(file: Path) -> dict[str, Any]:
    model = pytest.importorskip("onnx").load(file)
    return {entry.key: json.loads(entry.value) for entry in model.metadata_props}


def test_the_weights_carry_what_they_belong_to_and_fit_the_model(runs: dict[str, Path], tmp_path: Path) -> None:
    (written,) = export_weights(runs["quantum"], tmp_path / "mine.safetensors")
    assert written.file == tmp_path / "mine.safetensors"
    weights, metadata = read_weights(written.file)
    assert metadata["classes"] == [str(digit) for digit in range(10)]
    assert metadata["run"]["head"]["n_qubits"] == 3
    assert "data_dir" not in metadata["run"]
    judged = read_record(runs["quantum"]).metrics()["test"]
    assert metadata["test"]["accuracy"] == judged["accuracy"]
    model = load_run(runs["quantum"]).model
    before = {name: value.clone() for name, value in model.state_dict().items()}
    load_weights(model, weights)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_trained_circuits_give_the_model_s_own_expectation_values(runs: dict[str, Path]) -> None:
    written = export_circuits(runs["fused"])
    home = runs["fused"] / "export"
    names = [f"circuit{number}.{end}" for number in ("", "-2") for end in ("qasm", "template.qasm", "json")]
    assert [one.file for one in written] == [home / name for name in names]
    for stem, module in zip(("circuit", "circuit-2"), load_run(runs["fused"]).model.quantum_modules(), strict=True):
        trained = from_qasm3((home / f"{stem}.qasm").read_text())
        facts = json.loads((home / f"{stem}.json").read_text())
        template = from_qasm3((home / f"{stem}.template.qasm").read_text())
        assert template == module.circuit
        assert trained.n_weights == 0
        assert bind(template, list(facts["weights"].values())) == trained
        assert facts["observables"] == [f"Z{wire}" for wire in range(trained.n_qubits)]
        inputs = torch.rand(4, trained.n_qubits, generator=torch.Generator().manual_seed(1)) * 3
        angles = module.head.encode(inputs, module.circuit_parameters)
        with torch.no_grad():
            found = module.backend(trained, angles, torch.zeros(0))
            assert torch.allclose(found, module.expectations(inputs), atol=1e-5)


@pytest.mark.parametrize("name", ["classical", "fitted"])
def test_a_classical_network_is_the_same_in_onnx(runs: dict[str, Path], name: str) -> None:
    pytest.importorskip("onnxscript")
    (written,) = export_network(runs[name])
    run = load_run(runs[name])
    given = features(run)
    assert torch.allclose(onnx_outputs(written.file, features=given)["logits"], run.model(given), rtol=1e-4, atol=1e-5)
    assert carried(written.file)["classes"] == list(run.classes)
    assert producer(written.file) == ("qplug" if name == "classical" else "pytorch")


def test_no_telemetry_is_started(runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxscript")
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    export_network(runs["classical"])
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"


@pytest.mark.parametrize("name", ["quantum", "from-qiskit", "fused"])
def test_what_stands_before_and_behind_the_circuits_makes_up_the_model(runs: dict[str, Path], name: str) -> None:
    pytest.importorskip("onnxscript")
    before, behind = export_network(runs[name])
    assert behind.file.name == "model.readout.onnx"
    assert [producer(each.file) for each in (before, behind)] == ["qplug", "qplug"]
    run = load_run(runs[name])
    given = features(run)
    found = onnx_outputs(before.file, features=given)
    modules = list(run.model.quantum_modules())
    expectations = {}
    for number, module in enumerate(modules, start=1):
        end = "" if number == 1 else f"_{number}"
        weights = module.head.weight_angles(module.circuit_parameters)
        with torch.no_grad():
            expectations[f"expectations{end}"] = module.backend(module.circuit, found[f"angles{end}"], weights)
    logits = onnx_outputs(behind.file, **expectations)["logits"] + found.get("logits", torch.zeros(1))
    assert ("logits" in found) == (name == "fused")
    assert torch.allclose(logits, run.model(given), rtol=1e-4, atol=1e-5)
    assert carried(behind.file)["observables"]["expectations"] == [str(each) for each in modules[0].circuit.observables]


class Distances(torch.nn.Module):
    """Uses an operation that ONNX does not know."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return torch.cdist(inputs, inputs)


class Wrong(torch.nn.Module):
    """Gives something else after every call."""

    calls = 0

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return inputs * self.calls


class Asking(torch.nn.Module):
    """Decides by values, which no graph can."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs * 2 if inputs.sum().item() > 0 else inputs


def test_an_onnx_file_that_computes_something_else_is_not_kept() -> None:
    pytest.importorskip("onnxscript")
    with pytest.raises(QplugError, match=r"ONNX Runtime differs from torch by \d"):
        network._network(Wrong(), [torch.ones(2, 3)], ["inputs"], ["outputs"], {})


def test_a_network_that_is_no_graph_is_refused_with_another_way() -> None:
    pytest.importorskip("onnxscript")
    with pytest.raises(NotSupported, match=r"cannot be written as ONNX \(.*--to safetensors"):
        network._network(Asking(), [torch.ones(2, 3)], ["inputs"], ["outputs"], {})


def test_an_operation_that_onnx_does_not_know_is_named() -> None:
    pytest.importorskip("onnxscript")
    with pytest.raises(NotSupported, match=r"as ONNX \(DispatchError: No ONNX function found for .*cdist") as told:
        network._network(Distances(), [torch.ones(2, 3)], ["inputs"], ["outputs"], {})
    assert "\x1b" not in str(told.value)


def test_missing_packages_are_named_with_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(NotInstalled, match=rf"needs .*onnxscript.*, not installed .* {re.escape(install('onnx'))}"):
        export_network(tmp_path)


def test_what_cannot_be_exported_is_told(runs: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(NotSupported, match=rf"{runs['classical'].name} has no circuit"):
        export_circuits(runs["classical"])
    with pytest.raises(UserError, match=r"there is no run directory .*nowhere"):
        export_weights(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"no/w\.safetensors cannot be written: its folder does not exist"):
        export_weights(runs["classical"], tmp_path / "no" / "w.safetensors")
    (tmp_path / "run.toml").write_text("format = 1\n")
    with pytest.raises(UserError, match=rf"{tmp_path.name} is interrupted.*qplug resume"):
        export_weights(tmp_path)


def test_numbers_stand_behind_the_second_name() -> None:
    assert network.numbered("angles", 3) == ["angles", "angles_2", "angles_3"]
    assert np.unique(network.numbered("angles", 9)).size == 9
