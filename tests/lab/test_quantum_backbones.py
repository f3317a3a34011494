"""Circuits in a backbone are what circuits in a head are: counted, rewritten, exported, cached, judged elsewhere."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from qplug.bench.sizes import Sizes
from qplug.contract.errors import NotSupported, PluginError, UserError
from qplug.contract.interfaces import BackboneCapabilities
from qplug.heads.quantum_module import QuantumModule
from qplug.lab.capsule.replay import replay
from qplug.lab.comparison.planning import planned
from qplug.lab.comparison.request import Request
from qplug.lab.config.layers import from_assignments
from qplug.lab.config.resolve import resolve
from qplug.lab.data.embeddings import module_hash
from qplug.lab.diagnosis.seen import first_quantum
from qplug.lab.export.circuits import export_circuits
from qplug.lab.export.network import export_network
from qplug.lab.judging.view import View
from qplug.lab.pipeline.classifier import Classifier, count_parameters
from qplug.lab.pipeline.components import assemble
from qplug.lab.pipeline.describe import blank_classifier, describe
from qplug.lab.pipeline.placing import place_in_backbone
from qplug.lab.pipeline.stand_ins import Angles
from qplug.lab.runner.asked import Asked
from qplug.lab.runner.complete import Cell, complete
from qplug.lab.runner.evaluate import evaluate
from qplug.lab.runner.examine import examine
from qplug.lab.runner.loaded import LoadedRun, load_run
from qplug.lab.runner.prepare import prepare
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.train import ready_to_train
from qplug.lab.runner.workplace import Workplace
from qplug.lab.training.idle import idle_parts, prints
from qplug.testing.components import check_backbone
from qplug_circuits.quanvolution import Quanvolution
from qplug_cli.commands import bench as bench_command
from qplug_cli.commands import show as show_command
from qplug_pennylane.pqc import Pqc
from qplug_torch.backend import Torch

TRAINED = ("backbone.circuit=trained", "training.epochs=1", "training.batch_size=256", "training.learning_rate=0.05")


def config(*more: str, head: str = "linear") -> Any:
    digits = {"dataset": {"name": "digits"}, "features": {"name": "pixels", "size": 8, "normalise": "none"}}
    quanvolution = {"backbone": {"name": "quanvolution"}, "head": {"name": head}}
    return resolve([from_assignments(more), {**digits, **quanvolution}])


def built(*more: str, head: str = "linear") -> Classifier:
    made = config(*more, head=head)
    return blank_classifier(made, assemble(made))


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(cache=tmp_path / "cache", data=tmp_path, workers=1, threads=1, figures=False)


def test_circuits_are_counted_and_told_wherever_they_stand() -> None:
    made = config("backbone.circuit=trained", "head.n_qubits=3", "head.n_layers=1", head="pennylane-pqc")
    parts = assemble(made)
    model = blank_classifier(made, parts)
    assert [module.circuit.n_qubits for module in model.quantum_modules()] == [4, 3]
    assert count_parameters(model).quantum == 4 + 9
    told = {step.kind: step for step in describe(made, parts, model).steps}
    assert (told["backbone"].quantum, told["head"].quantum) == (4, 9)
    assert told["backbone"].note == told["head"].note == "on torch"
    assert told["backbone"].shape == (4 * 4 * 4,)
    untouched = idle_parts(made, model, prints(model))
    assert any("the circuit of head 'pennylane-pqc'" not in line and "'quanvolution'" in line for line in untouched)


def test_an_ablation_is_done_to_every_circuit() -> None:
    whole, without = built("backbone.circuit=trained"), built("backbone.circuit=trained", "ablation=no-entanglers")
    (circuit,), (left,) = ([each.circuit for each in model.quantum_modules()] for model in (whole, without))
    assert left.gate_counts == {name: n for name, n in circuit.gate_counts.items() if name != "cx"}
    frozen = built("backbone.circuit=trained", "backbone.after=cnn", "backbone.stride=1", "ablation=frozen")
    assert not any(each.requires_grad for each in frozen.quantum_parameters())
    still = config("backbone.circuit=trained", "ablation=frozen")
    assert describe(still, assemble(still)).steps[1].computed == "as it is"
    parts = assemble(config("ablation=tanh"))
    assert not parts.quantum
    assert parts.backend is None
    features = torch.rand(3, 1, 8, 8)
    tanh = built("ablation=tanh")
    assert not list(tanh.quantum_modules())
    assert tanh.front(features).shape == whole.front(features).shape
    with pytest.raises(NotSupported, match="'frozen' would change nothing of backbone 'quanvolution': its circuit has"):
        built("ablation=frozen")
    both = built("ablation=frozen", "head.n_qubits=3", head="pennylane-pqc")  # there is something to freeze in the head
    assert [each.circuit_parameters.requires_grad for each in both.quantum_modules()] == [False, False]
    assert next(both.quantum_modules()).circuit == next(built().quantum_modules()).circuit


def test_what_circuits_give_is_cached_by_gates_angles_and_backend() -> None:
    def identity(*more: str, backend: Torch | None = None) -> str:
        model = built(*more)
        model.evaluate_on(backend or Torch())
        return module_hash(model.front)

    usual = identity()
    assert usual == identity("seed=7")  # the run's seed draws nothing of a random circuit
    others = [
        identity("backbone.seed=1"),
        identity("backbone.n_layers=2"),
        identity("backbone.unit_map=sigmoid"),
        identity("ablation=no-entanglers"),
        identity(backend=Torch(shots=100)),
        identity(backend=Torch(shots=100, seed=1)),
    ]
    assert len({usual, *others}) == 1 + len(others)
    tanh = built("ablation=tanh").front  # the code of a circuit's angles counts where the circuit is gone
    (angles,) = (each for each in tanh.modules() if isinstance(each, Angles))
    before, angles.head = module_hash(tanh), Pqc()
    assert module_hash(tanh) != before


def test_a_frozen_circuit_is_computed_once_and_anew_where_it_is_judged_elsewhere(
    tmp_path: Path, place: Workplace
) -> None:
    run = tmp_path / "run"
    record = complete(Cell(config("training.epochs=2"), run), place, Silent())
    assert record.training.trained_on == "torch"
    assert (run / "circuit.qasm").read_text("utf-8").count("ry(x") == 4
    assert list((place.cache / "embeddings").iterdir())
    loaded = load_run(run)
    (module,) = loaded.model.quantum_modules()
    exact, sampled = module.backend, Torch(shots=20)
    features = torch.rand(5, 1, 8, 8).numpy()
    embedded = View(loaded.model, loaded.model.front(torch.from_numpy(features)).numpy(), features)
    assert embedded.to_run_on(exact) is embedded
    elsewhere = embedded.to_run_on(sampled)
    assert elsewhere.module is loaded.model
    assert elsewhere.inputs is features
    again = evaluate(run, Asked(), Silent(), workplace=place)
    assert again["test"]["accuracy"] == record.judgements[1].scores.accuracy
    few = {"backend": {"name": "torch", "shots": 2}}
    shot = evaluate(run, Asked(settings=few), Silent(), workplace=place)
    assert shot["against_training_backend"]["label_agreement"] < 1
    assert shot["test"]["accuracy"] > 0.2
    assert replay(run).faults == []
    _assert_both_halves_are_the_classifier(run, loaded)


def _assert_both_halves_are_the_classifier(run: Path, loaded: LoadedRun) -> None:
    """The network before the backbone's circuits and the one behind are the classifier, for any batch."""
    onnx = pytest.importorskip("onnxruntime")
    before, behind = export_network(run)
    (module,), features = loaded.model.quantum_modules(), torch.rand(5, 1, 8, 8)
    (angles,) = onnx.InferenceSession(before.file).run(["angles"], {"features": features.numpy()})
    assert angles.shape == (5 * 16, 4)
    with torch.no_grad():
        values = module.backend(module.circuit, torch.from_numpy(angles), torch.zeros(0)).reshape(5, 16, 4)
        wanted = loaded.model.eval()(features)
    (logits,) = onnx.InferenceSession(behind.file).run(["logits"], {"expectations": values.numpy()})
    assert np.allclose(logits, wanted, rtol=1e-4, atol=1e-5)


def _assert_the_parts_are_the_classifier(run: Path) -> None:
    """The three networks, with a circuit after the first and one after the second, are the classifier."""
    onnx = pytest.importorskip("onnxruntime")
    before, between, behind = export_network(run)
    assert [each.file.name for each in (between, behind)] == ["model.between.onnx", "model.readout.onnx"]
    loaded = load_run(run)
    first, second = loaded.model.quantum_modules()
    features = torch.rand(5, *loaded.features.shape)

    def values(module: QuantumModule, angles: np.ndarray) -> torch.Tensor:
        weights = module.head.weight_angles(module.circuit_parameters)
        with torch.no_grad():
            return module.backend(module.circuit, torch.from_numpy(angles), weights)

    (angles,) = onnx.InferenceSession(before.file).run(["angles"], {"features": features.numpy()})
    given = values(first, angles).reshape(5, -1, len(first.circuit.observables)).numpy()
    (angles,) = onnx.InferenceSession(between.file).run(["angles_2"], {"expectations": given})
    assert angles.shape == (5, second.circuit.n_encoding)
    (logits,) = onnx.InferenceSession(behind.file).run(["logits"], {"expectations_2": values(second, angles).numpy()})
    with torch.no_grad():
        assert np.allclose(logits, loaded.model.eval()(features), rtol=1e-4, atol=1e-5)


def test_a_trained_circuit_learns_with_what_stands_behind_it(tmp_path: Path, place: Workplace) -> None:
    run = tmp_path / "run"
    cell = config(*TRAINED, "head.n_qubits=2", "head.n_layers=1", head="pennylane-pqc")
    record = complete(Cell(cell, run), place, Silent())
    assert not record.warnings  # no part was left as it was
    start, end = built(*TRAINED), load_run(run).model
    assert not np.allclose(*(next(iter(each.quantum_parameters())).detach() for each in (start, end)))
    written = [each.file.name for each in export_circuits(run)]
    assert written[0::3] == ["circuit.qasm", "circuit-2.qasm"]
    _assert_the_parts_are_the_classifier(run)
    on_lightning = evaluate(run, Asked(settings={"backend": {"name": "default.qubit"}}), Silent(), workplace=place)
    assert on_lightning["against_training_backend"]["label_agreement"] == 1


def test_features_that_do_not_fit_are_told_whether_or_not_embeddings_are_in_the_cache(place: Workplace) -> None:
    for _ in range(2):
        examined = examine(config("features.normalise=all", "features.size=4"), place, Silent())
        prepared = prepare(examined, Silent())
        (told,) = (each for each in prepared.warnings if "quanvolution" in each)
        assert "expects values in [0, 1] and got -" in told
        assert "features.normalise=none" in told
        assert ready_to_train(examined, prepared, Silent()).inputs.shape[1] == 4 * 4
    mapped = examine(config("features.normalise=all", "backbone.unit_map=sigmoid", "features.size=4"), place, Silent())
    assert not any("quanvolution" in each for each in prepare(mapped, Silent()).warnings)


def test_a_comparison_takes_ablations_beside_circuits_in_a_backbone_and_no_head(place: Workplace) -> None:
    asked = Request(
        datasets=("digits",), heads=("linear",), backbone="quanvolution", reducer="identity", epochs=1, seeds=(0,),
        assignments=("features.normalise=none", "features.size=4"), ablate=True, transpile=False,
    )  # fmt: skip
    (data_set,) = planned(asked, place, Silent()).data_sets
    names = {arm.name: arm.quantum for arm in data_set.arms}
    assert names == {
        "linear": True,
        "fourier": False,
        **{f"linear: {each}": each == "no-entanglers" for each in ("no-entanglers", "identity", "tanh")},
    }
    assert "backbone 'quanvolution' holds circuits that would stay" in data_set.left_out["linear-full"]
    assert "nothing of backbone 'quanvolution'" in data_set.left_out["linear: no-trainable-gates"]
    assert data_set.arms[0].circuit is not None
    assert data_set.arms[0].circuit.qubits == 4


def test_a_backbones_circuit_is_shown_benched_and_not_diagnosed(capsys: pytest.CaptureFixture[str]) -> None:
    (case,) = Sizes("quanvolution", {}, "backbone").cases([], [3], [5])
    assert (case.n_qubits, case.n_layers, case.n_inputs, len(case.circuit.observables)) == (4, 3, 4, 4)
    with pytest.raises(NotSupported, match=r"the backbone 'cnn3' has no circuit.*: qplug list backbones"):
        Sizes("cnn3", {}, "backbone")
    with pytest.raises(UserError, match="the backbone 'quanvolution' has no parameter for its number of qubits"):
        Sizes("quanvolution", {}, "backbone").cases([8], [], [1])
    with pytest.raises(UserError, match="give --head NAME, or --backbone NAME"):
        bench_command.bench(head="pennylane-pqc", backbone="quanvolution")
    show_command.show("backbone", "quanvolution", settings=["patch=1"])
    assert "1 qubits, depth" in capsys.readouterr().out
    made = config()
    model = blank_classifier(made, assemble(made))
    with pytest.raises(NotSupported, match=r"linear has a circuit.*for that of the backbone: --backbone"):
        first_quantum(View(model, np.zeros((1, 1, 8, 8), np.float32)), made)


def test_the_backbone_on_the_page_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "explanation" / "quantum-heads.md").read_text("utf-8")
    (code,) = (block.split("```")[0] for block in page.split("```python\n")[1:] if "QuantumBackbone" in block)
    (tmp_path / "circuit_between.py").write_text(code, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    backbone = import_module("circuit_between").Between()
    check_backbone(backbone, (3, 5))
    parts = replace(assemble(config()), backbone=backbone, backbone_name="between")
    network = backbone.module((3, 5), place=place_in_backbone(parts))
    assert [each.circuit.n_weights for each in network.modules() if isinstance(each, QuantumModule)] == [2]
    assert network(torch.rand(4, 3, 5)).shape == (4, 8)


def test_a_backbone_that_does_not_declare_its_circuits_is_at_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Quanvolution, "capabilities", BackboneCapabilities(interface=1, input_axes=3))
    with pytest.raises(PluginError, match="backbone 'quanvolution' holds a circuit and does not declare it"):
        built()


def test_what_asks_for_the_values_of_each_step_is_refused() -> None:
    for settings, name in ((("training.backend=ibm",), "ibm"), (("training.gradient=shift",), "torch")):
        with pytest.raises(NotSupported, match=f"backend '{name}' would be asked .* backbone 'quanvolution'"):
            assemble(config(*settings))
