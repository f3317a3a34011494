"""Circuits of many qubits get few samples at once, and batches that do not fit are refused before any work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from qplug.contract.circuit import Circuit, Observable
from qplug.contract.errors import NotSupported
from qplug.heads.quantum_module import QuantumModule
from qplug.lab.config.layers import from_assignments
from qplug.lab.pipeline.memory import judged_at_once
from qplug.lab.runner.plan import plan
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import run_once

HUGE = ["head.n_qubits=24", "training.batch_size=1000000", "head.n_layers=1"]
LAYER: dict[str, Any] = {"dataset": {"name": "digits"}, "backbone": {"name": "identity"}, "device": "cpu"}


class Wide(QuantumModule):
    """A quantum module as far as its circuit."""

    def __init__(self, n_qubits: int) -> None:
        nn.Module.__init__(self)
        self.circuit = Circuit(n_qubits, (), (Observable("Z", (0,)),))


@pytest.mark.parametrize(("n_qubits", "samples"), [(8, 256), (16, 256), (18, 64), (24, 1), (30, 1)])
def test_the_larger_the_circuit_the_fewer_samples_are_judged_at_once(n_qubits: int, samples: int) -> None:
    assert judged_at_once(nn.Sequential(nn.Linear(2, 2), Wide(n_qubits))) == samples
    assert judged_at_once(nn.Linear(2, 2)) == 256


class Recorder(Silent):
    """Notes that work began."""

    def __init__(self) -> None:
        self.stages: list[str] = []

    def stage(self, name: str) -> None:
        self.stages.append(name)


def test_a_batch_that_does_not_fit_is_refused_before_any_work(tmp_path: Path) -> None:
    reporter = Recorder()
    # Of a million samples that were asked for there are only some 1,100: 24 qubits need 900 GB for them.
    with pytest.raises(
        NotSupported, match=r"1\d\d\d samples of 24 qubits need .*training.batch_size=….*head.n_qubits=…"
    ):
        run_once([from_assignments(HUGE), LAYER], tmp_path, reporter)
    assert reporter.stages == []
    assert list(tmp_path.iterdir()) == []


def test_a_plan_tells_that_a_batch_does_not_fit() -> None:
    training = plan([from_assignments(HUGE), LAYER]).training
    assert training.device is None
    assert "machine: 1000000 samples of 24 qubits need" in training.problem
    assert plan([from_assignments(["head.n_qubits=4"]), LAYER]).training.device == torch.device("cpu").type
