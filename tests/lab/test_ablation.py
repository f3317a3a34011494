"""Quantum heads with something else in the place of their circuit, and what that shows of planted ones."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

from qplug.contract.circuit import Circuit, Encoding, Gate, Observable, Weight
from qplug.contract.errors import NotSupported, ParameterError
from qplug.contract.interfaces import Head, HeadCapabilities, QuantumHead
from qplug.heads.quantum_module import LinearReadout, QuantumModule
from qplug.heads.uploads import equal_uploads, input_uploads
from qplug.lab.config.ablation import Ablation
from qplug.lab.config.layers import from_assignments
from qplug.lab.config.resolve import resolve
from qplug.lab.config.toml import full_hash, to_layer, to_toml
from qplug.lab.pipeline.ablation import ablated, applicable
from qplug.lab.pipeline.components import assemble
from qplug.lab.pipeline.describe import describe
from qplug.lab.pipeline.frequencies import draw_frequencies
from qplug.lab.pipeline.stand_ins import Waves
from qplug.lab.runner.asked import Asked
from qplug.lab.runner.complete import Cell, complete
from qplug.lab.runner.evaluate import evaluate
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.workplace import Workplace
from qplug.testing.circuits import z_on_each
from qplug_pennylane.pqc import Pqc
from qplug_torch.backend import Torch

from .planted import Entangled, Idle, N, Planted

NAMES: tuple[Ablation, ...] = get_args(Ablation)


class Bare(QuantumHead):
    """Whatever circuit and angles it is given."""

    summary = "a circuit made for a test"
    capabilities = HeadCapabilities(interface=1, quantum=True)

    def __init__(self, circuit: Circuit, encode: Callable[[Tensor, Tensor], Tensor] | None = None) -> None:
        self.made = circuit
        self.code = encode

    def circuit(self, n_inputs: int) -> Circuit:
        return self.made

    def encode(self, inputs: Tensor, parameters: Tensor) -> Tensor:
        return inputs if self.code is None else self.code(inputs, parameters)


def built(head: QuantumHead, ablation: Ablation | None, n_classes: int = 2, seed: int = 0) -> nn.Module:
    """As a classifier builds it."""
    torch.manual_seed(seed)
    made = head if ablation is None else ablated(head, ablation, "test")
    if not isinstance(made, QuantumHead):
        return made.build(N, n_classes)
    module = QuantumModule(made, Torch(), N, n_classes)
    if ablation is not None:
        module.circuit_parameters.requires_grad_(made.trains)  # type: ignore[attr-defined]
    return module


def trainable(module: nn.Module) -> int:
    return sum(each.numel() for each in module.parameters() if each.requires_grad)


def score(head: QuantumHead, ablation: Ablation | None, labels: str, seed: int = 0) -> float:
    """Accuracy on the second half of planted data after training on the first."""
    pixels, values = Planted(labels=labels, n_samples=300).drawn()  # type: ignore[arg-type]
    inputs, classes = torch.tensor(pixels), torch.tensor(values > 0).long()
    module = built(head, ablation, seed=seed)
    steps = torch.optim.Adam([each for each in module.parameters() if each.requires_grad], lr=0.1)
    for _ in range(60):
        steps.zero_grad()
        nn.functional.cross_entropy(module(inputs[:150]), classes[:150]).backward()
        steps.step()
    module.eval()
    with torch.no_grad():
        return float((module(inputs[150:]).argmax(1) == classes[150:]).float().mean())


def test_a_circuit_that_made_the_labels_is_worth_its_entanglers_and_its_training() -> None:
    assert score(Entangled(), None, "entangled") > 0.95
    for ablation in ("frozen", "no-entanglers", "fourier"):
        assert score(Entangled(), ablation, "entangled") < 0.75


def test_a_circuit_of_which_nothing_matters_keeps_all_without_it() -> None:
    assert score(Idle(), None, "linear") > 0.95
    inputs = torch.rand(20, N)
    whole = built(Idle(), None)(inputs)
    for ablation in ("frozen", "no-entanglers", "no-trainable-gates", "no-reuploads"):
        assert torch.allclose(built(Idle(), ablation)(inputs), whole, atol=1e-5)  # the read-out begins alike, too


def test_ablated_circuits_keep_angles_start_and_read_out_of_the_head() -> None:
    head = Pqc(n_qubits=N, n_layers=2, re_uploading=True)
    inputs, whole = torch.randn(5, N), built(head, None)
    frozen, plain = built(head, "frozen"), built(head, "no-entanglers")
    assert isinstance(whole, QuantumModule)
    assert isinstance(plain, QuantumModule)
    assert torch.equal(frozen(inputs), whole(inputs))
    assert (trainable(whole) - trainable(frozen), frozen.circuit_parameters.requires_grad) == (24, False)
    assert torch.equal(plain.circuit_parameters, whole.circuit_parameters)
    assert "cx" in whole.circuit.gate_counts
    assert "cx" not in plain.circuit.gate_counts
    assert built(head, "no-trainable-gates").circuit_parameters.numel() == 0
    assert built(head, "no-reuploads").circuit.n_encoding == N
    for ablation in NAMES:
        module = built(head, ablation).eval()
        again = built(head, ablation, seed=1).eval()
        again.load_state_dict(module.state_dict())
        assert torch.equal(again(inputs), module(inputs))
        assert torch.equal(copy.deepcopy(module)(inputs), module(inputs))


def test_parameters_that_nothing_depends_on_any_more_are_gone() -> None:
    gates = (
        Gate("ry", (0,), (Encoding(0),)), Gate("rz", (0,), (Weight(0),)), Gate("crx", (0, 1), (Weight(1),)),
        Gate("ry", (1,), (Encoding(1),)),
    )  # fmt: skip
    head = Bare(Circuit(2, gates, z_on_each(2)), lambda inputs, w: inputs[:, :2] * w)
    plain, untrained = built(head, "no-entanglers"), built(head, "no-trainable-gates")
    assert plain.circuit.n_weights == 1
    assert plain.circuit_parameters.numel() == 2  # both weigh an input, though the second turns no gate any more
    assert untrained.circuit.n_weights == 0
    assert untrained.circuit_parameters.numel() == 2
    alone = Bare(Circuit(2, gates, z_on_each(2)), lambda inputs, w: inputs[:, :2])
    assert built(alone, "no-entanglers").circuit_parameters.numel() == 1
    untrained(torch.randn(3, N)).sum().backward()
    assert untrained.circuit_parameters.grad is not None


def circuit_or_network(head: Head) -> object:
    return head.circuit(N) if isinstance(head, QuantumHead) else head.build(N, 2)


@pytest.mark.parametrize(
    ("head", "refused"),
    [
        (Pqc(n_qubits=N, n_layers=1), {"no-reuploads": "uploads nothing twice"}),
        (Bare(Circuit(N, (Gate("ry", (0,), (Encoding(0),)),), z_on_each(N)), lambda z, w: z[:, :1]),
         {"frozen": "has no parameters", "no-entanglers": "no gate on two or more", "no-reuploads": "nothing twice",
          "no-trainable-gates": "no trainable gate"}),
        (Bare(Circuit(N, (Gate("ry", (1,), (Encoding(0),)),), (Observable("Z", (0,)),)), lambda z, w: z[:, :1]),
         {"frozen": "has no parameters", "no-entanglers": "no gate on two or more", "no-reuploads": "nothing twice",
          "no-trainable-gates": "no trainable gate", "fourier": "no observable of its circuit can depend"}),
        (Bare(Circuit(N, (Gate("ry", (0,), (Weight(0),)),), z_on_each(N)), lambda z, w: z[:, :0]),
         {"no-entanglers": "no gate on two or more", "no-reuploads": "nothing twice", "tanh": "no encoding angles",
          "fourier": "no encoding angles"}),
    ],
    ids=["one-upload", "one-turn", "unseen", "no-input"],
)  # fmt: skip
def test_what_would_change_nothing_is_refused(head: QuantumHead, refused: dict[str, str]) -> None:
    reasons = applicable(head, N, "mine")
    assert {name for name, reason in reasons.items() if reason} == set(refused)
    for name, words in refused.items():
        assert words in reasons[name]
        with pytest.raises(NotSupported, match=f"ablation '{name}' .* head 'mine': .*{words}"):
            circuit_or_network(ablated(head, name, "mine"))  # type: ignore[arg-type]


def test_uploads_are_told_by_what_angles_are_and_not_by_their_index() -> None:
    gates = tuple(Gate("ry", (0,), (Encoding(index),)) for index in range(6))
    circuit = Circuit(1, (*gates, Gate("ry", (0,), (Weight(0),)), Gate("ry", (0,), (Weight(1),))), z_on_each(1))

    def encode(inputs: Tensor, w: Tensor) -> Tensor:
        first, second = inputs[:, 0], inputs[:, 1]
        return torch.stack([first, first, w[0] * first, first * second, w[1] * second, second * second], 1)

    head = Bare(circuit, encode)
    assert equal_uploads(head, circuit, 2) == (0, 0, 2, 3, 4, 5)
    assert input_uploads(head, circuit, 2) == (0, 0, 0, 3, 4, 4)


def test_fourier_features_have_frequencies_of_the_circuit_and_as_many_parameters_as_the_head() -> None:
    head = Pqc(n_qubits=N, n_layers=2, re_uploading=True)
    features = built(head, "fourier", 3)
    waves = next(module for module in features.modules() if isinstance(module, Waves))
    assert set(waves.frequencies.unique().tolist()) <= {-2.0, -1.0, 0.0, 1.0, 2.0}  # two uploads of each input
    assert waves.frequencies.abs().amax() == 2
    assert waves.frequencies.shape[1] == N
    assert abs(trainable(features) - trainable(built(head, None, 3))) <= 2  # half of what one more feature has
    inputs = torch.randn(6, N)
    sums = (head.scale * inputs) @ waves.frequencies.T
    expected = torch.stack([sums.cos(), sums.sin()], 2).flatten(1)[:, : waves.n_values]
    assert torch.allclose(features[0](inputs), expected, atol=1e-6)
    other = next(module for module in built(head, "fourier", 3, seed=1).modules() if isinstance(module, Waves))
    assert not torch.equal(other.frequencies, waves.frequencies)


@pytest.mark.parametrize("n_angles", [3, 9])  # all of them are written down, or drawn until enough are new
def test_frequencies_are_drawn_once_with_one_sign_and_never_the_constant(n_angles: int) -> None:
    one, halves, unseen = (-1.0, 0.0, 1.0), (-1.0, -0.5, 0.0, 0.5, 1.0), (0.0,)
    spectra = [[halves, *[one] * (n_angles - 2), unseen], [unseen] * (n_angles - 1) + [one]]
    found = draw_frequencies(spectra, 25, torch.Generator().manual_seed(0))
    assert len({*found, *(tuple(-value for value in vector) for vector in found)}) == 2 * len(found)
    for vector in found:
        assert any(vector)
        assert any(all(value in one_of for value, one_of in zip(vector, seen, strict=True)) for seen in spectra)
    assert len(found) == (25 if n_angles == 9 else (5 * 3 - 1) // 2 + 1)
    if n_angles == 3:
        possible = {vector for seen in spectra for vector in product(*seen) if any(vector)}
        assert {*found, *(tuple(-value for value in vector) for vector in found)} == possible


def test_tanh_and_identity_stand_where_the_circuit_stood() -> None:
    head, inputs = Pqc(n_qubits=N, n_layers=2, re_uploading=True), torch.randn(5, N)
    tanh, identity = built(head, "tanh", 3), built(head, "identity", 3)
    assert torch.allclose(tanh[0](inputs), torch.tanh(head.scale * inputs), atol=1e-6)
    assert torch.equal(identity[0](inputs), inputs)
    for module in (tanh, identity):
        assert isinstance(module[1], LinearReadout)
        assert isinstance(module[1].norm, nn.BatchNorm1d)
    without = built(Pqc(n_qubits=N, batch_norm=False), "tanh")
    assert isinstance(without[1].norm, nn.Identity)


def config(*more: str, head: str = "pennylane-pqc") -> Any:
    chosen = {"dataset": {"name": "digits"}, "head": {"name": head}, "backbone": {"name": "identity"}}
    return resolve([from_assignments(more), chosen])


def test_without_an_ablation_nothing_of_a_configuration_is_another() -> None:
    plain, frozen = config(), config("ablation=frozen")
    assert "ablation" not in to_toml(plain)
    assert full_hash(to_layer(plain)) == full_hash(
        {key: each for key, each in to_layer(frozen).items() if key != "ablation"}
    )
    assert 'ablation = "frozen"' in to_toml(frozen)
    assert (plain.heads, frozen.heads) == ("pennylane-pqc", "pennylane-pqc, frozen")
    assert resolve([to_layer(frozen)]) == frozen


def test_an_ablation_of_no_quantum_head_and_one_that_does_not_exist_are_refused() -> None:
    with pytest.raises(NotSupported, match="ablation 'tanh' is done to quantum heads, and linear is none"):
        assemble(config("ablation=tanh", head="linear"))
    fruitless = config("ablation=no-reuploads")
    with pytest.raises(NotSupported, match="ablation 'no-reuploads' would change nothing of head 'pennylane-pqc'"):
        describe(fruitless, assemble(fruitless))
    with pytest.raises(ParameterError, match="frozn"):
        config("ablation=frozn")


def test_ablated_runs_are_trained_judged_and_loaded_as_any_other(tmp_path: Path) -> None:
    place = Workplace(cache=tmp_path / "cache", data=tmp_path, workers=1, threads=1, figures=False)
    small = ("head.n_qubits=3", "head.n_layers=1", "training.epochs=1", "training.batch_size=256")
    counts = {"frozen": (0, 9), "fourier": (0, 0)}
    for ablation, (trained, held) in counts.items():
        run, has_circuit = tmp_path / ablation, ablation != "fourier"
        record = complete(Cell(config(*small, f"ablation={ablation}"), run), place, Silent())
        assert record.head == f"pennylane-pqc, {ablation}"
        assert record.configuration["ablation"] == ablation
        assert record.training.trained_on == ("torch" if has_circuit else None)
        assert (run / "circuit.qasm").is_file() == has_circuit
        (head,) = (step for step in record.training.pipeline if step.kind == "head")
        assert f"ablation {ablation}" in head.note
        assert (head.quantum, record.training.parameters.quantum) == (trained, held)
        assert not record.warnings
        again = evaluate(run, Asked(), Silent(), workplace=place)
        assert again["test"]["accuracy"] == record.judgements[1].scores.accuracy
