"""A part that learns nothing in training is named in the run's warnings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from torch import Tensor, nn
from torch.nn import functional

from qplug.lab.config.layers import from_assignments
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import run_once
from qplug.lab.runner.workplace import Workplace
from qplug.lab.runs.record_file import read_record
from qplug_models.heads import LinearHead
from qplug_pennylane.pqc import Pqc

SMALL = ["dataset.n_samples=100", "features.n_mels=8", "training.epochs=1", "backbone.channels=2,2,2"]


def warnings(out: Path, parts: dict[str, Any]) -> list[str]:
    chosen = {"dataset": {"name": "chirps"}, "backbone": {"name": "cnn3", "n_features": 2}, "device": "cpu"}
    place = Workplace(cache=out.parent / "cache", figures=False)
    run = run_once([from_assignments(SMALL), {**chosen, **parts}], out, Silent(), workplace=place)["run"]
    return [warning for warning in read_record(run).warnings if "training changed none" in warning]


class Deaf(nn.Linear):
    """Its weights get no gradient."""

    def forward(self, inputs: Tensor) -> Tensor:
        return functional.linear(inputs, self.weight.detach(), self.bias.detach())


class Cut(nn.Linear):
    """What lies before it gets no gradient."""

    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(inputs.detach())


BRANCHES = [
    {"reducer": {"name": "linear"}, "head": {"name": "linear"}},
    {"reducer": {"name": "linear"}, "head": {"name": "pennylane-pqc", "n_qubits": 2, "n_layers": 1}},
]


def test_a_head_and_a_circuit_without_gradients_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LinearHead, "build", lambda self, n_inputs, n_classes: Deaf(n_inputs, n_classes))
    monkeypatch.setattr(Pqc, "weight_angles", lambda self, parameters: parameters.detach())
    head, circuit = warnings(tmp_path / "runs", {"branch": BRANCHES})
    assert "none of the 2 trainable tensors of head 'linear' of branch 1: no gradient reached them" in head
    assert "none of the 1 trainable tensors of the circuit of head 'pennylane-pqc' of branch 2:" in circuit


def test_what_lies_before_a_cut_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert warnings(tmp_path / "sound", {"head": {"name": "linear"}, "reducer": {"name": "linear"}}) == []
    monkeypatch.setattr(LinearHead, "build", lambda self, n_inputs, n_classes: Cut(n_inputs, n_classes))
    told = warnings(tmp_path / "cut", {"head": {"name": "linear"}, "reducer": {"name": "linear"}})
    assert [warning.partition("tensors of ")[2].partition(":")[0] for warning in told] == [
        "backbone 'cnn3'",
        "reducer 'linear'",
    ]
