"""How a run would be trained, told before it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from qplug.contract.errors import NotSupported
from qplug.lab.config.layers import from_assignments
from qplug.lab.runner.plan import Plan, plan
from qplug.lab.runner.training_plan import Circuits, Phase, TrainingPlan

CLASSICAL = 64 * 3 + 3 + 2 * 3 + 3 * 10 + 10
"""The linear reducer from 64 numbers to 3, and behind the circuit a batch norm and a linear read-out for ten digits."""
CIRCUIT = 2 * 3 * 3
"""Two layers of three rotations on three qubits."""


def planned(*assignments: str, **options: Any) -> Plan:
    chosen: dict[str, Any] = {
        "dataset": {"name": "digits"}, "features": {"name": "pixels"}, "backbone": {"name": "identity"},
        "reducer": {"name": "linear"}, "head": {"name": "pennylane-pqc"}, "device": "cpu",
    }  # fmt: skip
    return plan([from_assignments(assignments), {**chosen, **options}])


def training(*assignments: str, **options: Any) -> TrainingPlan:
    return planned(*assignments, **options).training


def test_behind_a_frozen_backbone_heads_learn_on_cached_embeddings() -> None:
    found = training("head.n_qubits=3", "training.epochs=7")
    assert found.phases == (Phase(7, "cached embeddings", CLASSICAL + CIRCUIT, CIRCUIT),)
    assert "training: 7 epochs on cached embeddings (259 parameters, 18 of them in circuits)" in list(found.lines())


def test_the_head_learns_first_and_then_everything() -> None:
    small = ("backbone.channels=2,2,4", "backbone.n_features=5", "training.head_epochs=3", "training.epochs=4")
    found = planned("head.n_qubits=3", *small, backbone={"name": "cnn3"})
    parts = {step.kind: step.trainable for step in found.description.steps}
    first, second = found.training.phases
    assert first == Phase(3, "cached embeddings", parts["reducer"] + parts["head"], CIRCUIT)
    assert second == Phase(4, "features", found.description.parameters.trainable, CIRCUIT)
    assert sum(parts.values()) == second.trainable
    assert "3 epochs on cached embeddings" in next(found.training.lines())
    assert ", then 4 epochs end to end" in next(found.training.lines())


def test_each_branch_tells_its_widths_and_what_learns_in_it() -> None:
    branches = [
        {"reducer": {"name": "identity"}, "head": {"name": "linear"}},
        {"weight": 0.5, "reducer": {"name": "linear"}, "head": {"name": "pennylane-pqc", "n_qubits": 3}},
    ]
    layer = {"dataset": {"name": "digits"}, "backbone": {"name": "identity"}, "branch": branches}
    steps = plan([from_assignments(["training.learn_branch_weights=true"]), layer]).description.steps
    told = [(step.kind, step.shape, step.trainable, step.quantum) for step in steps[2:]]
    assert told == [
        ("reducer", (64,), 0, 0),
        ("head", (10,), 650, 0),
        ("reducer", (3,), 195, 0),
        ("head", (10,), CLASSICAL - 195 + CIRCUIT, CIRCUIT),
        ("logits", (10,), 2, 0),
    ]


def test_a_head_that_is_fitted_has_no_phase() -> None:
    found = training(head={"name": "svm-rbf"}, reducer={"name": "identity"})
    assert found.phases == ()
    assert list(found.lines()) == [
        "training: none; what is fitted is fitted at once",
        "machine: cpu, 1 process, float32",
    ]


def test_step_sizes_processes_and_the_watched_metric_are_told() -> None:
    options = ("training.quantum_learning_rate=0.01", "training.patience=5", "training.devices=2")
    told = list(training("training.monitor=macro_f1", "training.optimiser=sgd", *options).lines())
    assert "steps: batches of 32, sgd, learning rate 0.003 (0.01 for circuits)" in told
    assert "kept: the epoch of the best validation macro_f1, ends after 5 epochs without a better one" in told
    assert "machine: cpu, 2 processes that share each batch, float32" in told


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_what_the_machine_lacks_is_told_and_no_error() -> None:
    found = training("training.mixed_precision=true", device="cuda")
    assert (found.device, found.precision) == (None, "bfloat16, its circuits' angles float32")
    assert "machine: device cuda was asked for, but torch finds no CUDA device here" in " ".join(found.lines())


def test_circuits_are_told_where_they_are_trained_and_where_evaluated() -> None:
    assert training(backend={"name": "default.qubit"}).circuits == Circuits("default.qubit", "default.qubit")
    found = training(backend={"name": "aer", "shots": 100})
    assert found.circuits == Circuits("torch", "aer", "aer gives no gradients")
    assert "circuits: trained on torch, evaluated on aer (aer gives no gradients)" in list(found.lines())
    assert training(head={"name": "linear"}).circuits is None


def test_a_phase_of_the_head_behind_a_frozen_backbone_is_refused_as_in_a_run() -> None:
    with pytest.raises(NotSupported, match=r"training\.head_epochs is 2, but backbone 'identity' is frozen"):
        planned("training.head_epochs=2")


def test_all_of_it_is_plain_data() -> None:
    told = json.loads(json.dumps(planned("head.n_qubits=3").to_json()))
    assert told["training"]["phases"] == [
        {"epochs": told["config"]["training"]["epochs"], "inputs": "cached embeddings", "trainable": 259, "quantum": 18}
    ]
    assert told["training"]["circuits"] == {"trained_on": "torch", "evaluated_on": "torch", "reason": ""}
    assert (told["training"]["device"], told["training"]["processes"]) == ("cpu", 1)
