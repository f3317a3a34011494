"""What the backend ``ibm`` forecasts is what a server that keeps IBM's rule charges, and no budget is exceeded."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from ibm_service.control import Control
from ibm_service.fixtures import SMALL, ibm

from qplug.contract.errors import UserError
from qplug.contract.interfaces import Forecast, Task, Values, Work
from qplug.lab.hardware.budget import fit_budget
from qplug.lab.hardware.drive import Drive
from qplug.lab.hardware.journal import JOURNAL, Journal
from qplug.testing.circuits import angle_embedding_strongly_entangling, random_angles, zz_feature_map_real_amplitudes
from qplug_qiskit.ibm import Ibm

__all__ = ["ibm"]

N_DRAWN, EACH_SENT = 200, 24


def test_no_budget_of_200_is_exceeded_and_forecasts_are_what_is_charged(ibm: Control, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    backends = {
        primitive: Ibm(device=SMALL, layout_seeds=1, folder=str(tmp_path / "facts"), primitive=primitive)
        for primitive in ("auto", "estimator")
    }
    circuits = [angle_embedding_strongly_entangling(n, 1) for n in range(2, 8)]
    circuits += [zz_feature_map_real_amplitudes(n, 1, 1) for n in range(2, 8)]
    bought = refused = charged = 0
    for number in range(N_DRAWN):
        backend = backends["estimator" if number % 5 == 0 else "auto"]
        chosen = [circuits[position] for position in draw.integers(len(circuits), size=1 + number % 2)]
        n_samples, shots = int(draw.integers(1, 20)), int(draw.integers(64, 2000))
        tasks = [Task(circuit, *random_angles(circuit, n_samples, number)) for circuit in chosen]
        budget = float(draw.integers(1, 20))

        def work(samples: int, each: int, tasks: list[Task] = tasks, tag: str = f"drawn-{number}") -> Work:
            kept = tuple(Task(task.circuit, task.encoding[:samples], task.weights) for task in tasks)
            return Work(kept, each, tag)

        def cost(samples: int, each: int, backend: Ibm = backend) -> Forecast:
            return backend.forecast(work(samples, each))

        try:
            plan = fit_budget(cost, n_samples, shots, budget)
        except UserError:
            refused += 1
            assert cost(1, min(shots, 128)).seconds > budget
            continue
        bought += 1
        assert plan.forecast.seconds <= budget
        if number % EACH_SENT == 0:
            home = tmp_path / str(number)
            home.mkdir()
            drive = Drive(backend, Journal(home / JOURNAL), home, budget, lambda _: None)
            got = drive.settle(work(plan.n_samples, plan.shots))
            assert isinstance(got, Values)
            assert got.usage_seconds is not None
            assert got.usage_seconds <= budget
            assert got.usage_seconds == pytest.approx(plan.forecast.seconds, rel=0.2)
            charged += 1
    assert bought > 100
    assert refused > 5
    assert charged > 5
    assert len(ibm.jobs()) == charged
