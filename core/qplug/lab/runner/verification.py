"""What a device answered, held against the exact values of the same samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qplug.lab.hardware.shots import expected_distance
from qplug.lab.judging.judge import Judgement
from qplug.lab.runner.on_device import Answered
from qplug.lab.runs.directory import RunDirectory
from qplug.lab.runs.evaluations import ObservableValues, Verification, thought_over

FIGURE = "verification.png"


def verification(answered: Answered, name: str) -> Verification:
    """The record of what came back.

    Args:
        answered: what was sent, what came, and the answers to both.
        name: the backend's name, for one that does not tell which device it was.
    """
    plan, values = answered.sent.plan, answered.values
    facts: Mapping[str, Any] = {**plan.facts, **values.facts}
    return Verification(
        device=str(facts.get("device", name)),
        fake=not answered.backend.capabilities.hardware,
        shots=plan.shots,
        n_part=plan.n_part,
        exact_accuracy=float(answered.exact.scores["accuracy"]),
        expected_shot_noise=expected_distance(_arrays(answered.exact), plan.shots),
        expected_label_agreement=None if plan.expected_flipped is None else 1 - plan.expected_flipped,
        n_thought=plan.n_thought,
        observables=tuple(_observables(answered)),
        job_ids=answered.jobs,
        executions=plan.executions,
        forecast_seconds=plan.forecast_seconds,
        usage_seconds=values.usage_seconds,
        two_qubit_gates=facts.get("two_qubit_gates"),
        depth=facts.get("depth"),
        calibration_date=facts.get("calibration_date"),
        facts=dict(facts),
        **({"stages": plan.stages} if plan.stages else {}),
    )


def draw(directory: RunDirectory, answered: Answered, found: Verification, *, title: str, stamp: str | None) -> None:
    """Writes ``verification.png``."""
    from qplug.lab.figures.verification import verification_figure

    several = len(answered.sent.work.tasks) > 1
    names = [f"circuit {row.circuit} {row.observable}" if several else row.observable for row in found.observables]
    figure = verification_figure(
        _arrays(answered.exact), answered.values.expectations, names,
        [(point.shots, point.flipped) for point in answered.sent.plan.curve],
        shots=found.shots, thought=thought_over(found.n_thought, found.n_part, answered.sent.plan.part), title=title,
        stamp=stamp,
    )  # fmt: skip
    directory.write_figure(FIGURE, figure)


def _observables(answered: Answered) -> Iterator[ObservableValues]:
    exact, stages = _arrays(answered.exact), answered.sent.plan.stages
    for number, (task, right) in enumerate(zip(answered.sent.work.tasks, exact, strict=True)):
        found = answered.values.expectations[number]
        distance, later = np.abs(found - right), bool(stages) and stages[number] > 1
        for column, observable in enumerate(task.circuit.observables):
            yield ObservableValues(
                circuit=number + 1,
                observable=str(observable),
                exact=float(right[:, column].mean()),
                device=float(found[:, column].mean()),
                mean_abs_delta=float(distance[:, column].mean()),
                max_abs_delta=float(distance[:, column].max()),
                expected=expected_distance((right[:, [column]],), answered.sent.plan.shots),
                **(_chained(answered, number, column) if later else {}),
            )


def _chained(answered: Answered, number: int, column: int) -> dict[str, float]:
    """The distance from a chain that is exact from its beginning."""
    found = answered.values.expectations[number][:, column]
    right = answered.chained[number][:, column].double().numpy()
    return {"mean_abs_delta_chained": float(np.abs(found - right).mean())}


def _arrays(judgement: Judgement) -> tuple[NDArray[np.float64], ...]:
    return tuple(each.double().numpy() for each in judgement.expectations)
