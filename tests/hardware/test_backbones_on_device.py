"""Circuits of a backbone on a device: many rows for each sample, in one job, and what cannot be sent is refused."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parent))
import toy_remote
from toy_remote import jobs, serve

from qplug.contract.errors import UserError
from qplug.contract.interfaces import Sample
from qplug.heads.quantum_module import QuantumModule
from qplug.lab.capsule.replay import replay
from qplug.lab.config.layers import from_assignments
from qplug.lab.config.resolve import resolve
from qplug.lab.data.labelled import Labelled
from qplug.lab.judging.given import judge_given, judge_with_angles
from qplug.lab.judging.view import View
from qplug.lab.pipeline.classifier import Classifier, Front, WeightedSum
from qplug.lab.runner.asked import Asked
from qplug.lab.runner.complete import Cell, complete
from qplug.lab.runner.evaluate import evaluate
from qplug.lab.runner.on_device import Spending
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.workplace import Workplace
from qplug.lab.runs.evaluations import read_evaluation
from qplug.lab.runs.sent_plan import read_sent
from qplug_pennylane.pqc import Pqc
from qplug_torch.backend import Torch

SETTINGS = ("features.size=6", "features.normalise=none", "training.epochs=1", "training.batch_size=512")
ROWS = 9
"""Patches of 2 x 2 in 6 x 6 pixels."""


def pipeline(*more: str, head: str = "linear") -> Any:
    parts = {"dataset": {"name": "digits"}, "backbone": {"name": "quanvolution"}, "head": {"name": head}}
    return resolve([parts, from_assignments([*SETTINGS, *more])])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    folder = tmp_path_factory.mktemp("runs")
    return Workplace(cache=folder / "cache", data=folder, workers=1, threads=1, figures=False)


@pytest.fixture(scope="module")
def run(place: Workplace) -> Path:
    """A run that was trained on a simulator and may be verified by a device."""
    complete(Cell(pipeline(), place.data / "run"), place, Silent())
    return place.data / "run"


@pytest.fixture
def queue(tmp_path: Path, site: Any) -> Path:
    site.add("toy-device", {"qplug.backends": {"folder-queue": "toy_remote:FolderQueue"}})
    folder = tmp_path / "queue"
    folder.mkdir()
    return folder


def freely(queue: Path, **more: Any) -> Spending:
    return Spending(**{"budget": 1000, "allow": lambda _: True, "sleep": lambda _: serve(queue), **more})


def device(queue: Path) -> dict[str, Any]:
    return {"name": "folder-queue", "folder": str(queue)}


def test_each_patch_is_a_row_of_one_job(run: Path, queue: Path, place: Workplace) -> None:
    drawn = replace(place, figures=True)
    asked = Asked({"backend": device(queue)}, size=(12, 4000))
    offers: list[str] = []
    with pytest.raises(UserError, match="nothing was sent"):
        evaluate(
            run,
            asked,
            Silent(),
            workplace=place,
            spending=Spending(1000, allow=lambda offer: bool(offers.append(offer))),
        )
    assert offers[0].startswith(
        "Send 12 samples, each 9 runs of the backbone's circuits, with 4,000 shots: 432,000 executions, about 433 s"
    )
    told = evaluate(run, asked, Silent(), workplace=drawn, spending=freely(queue))
    again = evaluate(run, asked, Silent(), workplace=place)
    assert again == told
    assert len(jobs(queue)) == 1
    ((_, encoding, weights),) = json.loads(next(queue.glob("*.job")).read_text("utf-8"))["tasks"]
    assert np.shape(encoding) == (12 * ROWS, 4)
    assert weights == []
    assert told["executions"] == 12 * ROWS * 4000
    assert (told["n_samples"], len(told["observables"])) == (12, 4)
    assert 0.8 < told["mean_abs_delta_z"] / told["expected_shot_noise"] < 1.25  # nothing but shots is at work
    assert told["label_agreement"] > 0.7
    home = Path(told["evaluation"])
    assert read_sent(home).plan.rows == (ROWS,)
    assert read_evaluation(home).judgement.hardware
    assert (home / "verification.png").is_file()
    assert replay(run).faults == []


def test_a_job_holds_as_many_samples_as_their_rows_allow(
    run: Path, queue: Path, place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(most: int) -> None:
        limits = replace(toy_remote.FolderQueue.capabilities, max_rows=most)
        monkeypatch.setattr(toy_remote.FolderQueue, "capabilities", limits)
        asked = Asked({"backend": device(queue)}, size=(4, 10))
        evaluate(run, asked, Silent(), workplace=place, spending=freely(queue))

    with pytest.raises(UserError, match="--samples 4 must be in 1 to 3"):
        ask(3 * ROWS + 2)
    with pytest.raises(UserError, match=r"each sample is 9 runs of circuits, and a job of the device holds 8\."):
        ask(ROWS - 1)
    assert jobs(queue) == []


class Calls(nn.Module):
    """Three calls of a circuit, one for each pair of columns; with ``chained``, one more on what came."""

    def __init__(self, *, chained: bool) -> None:
        super().__init__()
        head = Pqc(n_qubits=2, n_layers=1)
        self.circuits = nn.ModuleList(QuantumModule(head, Torch(), 2, 2) for _ in range(2))
        self.chained = chained

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(batch, 6) → (batch, 8)."""
        first, second = self.circuits
        values = [first(pair) for pair in features.split(2, dim=1)]
        return torch.cat([*values, second(values[0] if self.chained else features[:, :2])], dim=1)


def test_rows_stand_sample_after_sample_however_a_backbone_calls_its_circuits() -> None:
    torch.manual_seed(0)
    features = torch.rand(5, 6).numpy()
    on = Labelled("test", np.arange(5), np.zeros(5, np.int64), [Sample(f"{n}", "a", "") for n in range(5)], ("a", "b"))

    def view(*, chained: bool) -> View:
        model = Classifier(
            Front(nn.Identity(), Calls(chained=chained)), WeightedSum([nn.Linear(8, 2)], [1.0], learn_weights=False),
            frozen_front=False,
        )  # fmt: skip
        return View(model.eval(), features)

    beside = view(chained=False)
    exact, (first, second) = judge_with_angles(beside, on)
    assert (len(first.encoding), len(second.encoding)) == (15, 5)
    assert np.array_equal(first.encoding[::3], second.encoding)
    values = [each.double().numpy() for each in exact.expectations]
    same = judge_given(beside, on, values, Torch())
    assert torch.allclose(same.logits, beside.model(torch.from_numpy(features)), atol=1e-6)
