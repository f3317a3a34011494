"""What a run was judged again on: scores from its answers, values of a device from the counts that came back."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qplug.circuits.values_file import unpack
from qplug.contract.circuit import Circuit
from qplug.contract.errors import DataError
from qplug.contract.interfaces import Task, Values
from qplug.lab.capsule.check import Check, failed, guarded, near, same
from qplug.lab.capsule.scores import Answers, checks_of_scores
from qplug.lab.hardware.journal import JOURNAL, Journal
from qplug.lab.hardware.shots import expected_distance
from qplug.lab.judging.interval import wilson
from qplug.lab.runs.digests import DIGESTS, digest_of_file, read_digests, states_of_files
from qplug.lab.runs.directory import METRICS, RECORD, RunDirectory
from qplug.lab.runs.evaluations import EVALUATIONS, EvaluationRecord, ObservableValues, read_evaluation
from qplug.lab.runs.files import csv_rows
from qplug.lab.runs.ladder_record import LADDER, LadderRecord, read_ladder
from qplug.lab.runs.run_record import RunRecord
from qplug.lab.runs.sent_plan import (
    ANGLES,
    PLAN,
    SentPlan,
    read_angles,
    read_plan,
    read_sent,
    read_stage,
    read_tags,
    stage_file,
)
from qplug.lab.runs.sent_training import read_training
from qplug.lab.runs.typed_file import validated
from qplug.testing.reference import expectations

MOST_QUBITS = 12
"""A circuit of more is not simulated again here: the state of each sample would take too long."""
_STATES = 1 << 20
"""Amplitudes in memory at once."""
SINGLE = 2e-5
"""How far values that were computed with 24 bits of precision may be from those of this processor with 53."""
_PREDICTIONS = "predictions.csv"


def checks_of_evaluations(folder: Path, run: RunRecord) -> Iterator[Check]:
    """Checks of all that a run was judged again on, and of the ladder that leads through them."""
    home = folder / EVALUATIONS
    for each in sorted(home.glob("*/")):
        place = f"{EVALUATIONS}/{each.name}"
        if not any((each / name).is_file() for name in (RECORD, METRICS)):
            continue  # it waits at a device, or nothing came of it
        for check in guarded(RECORD, "all", partial(_evaluation, folder, each, run)):
            yield check.below(place)
    yield from guarded(f"{EVALUATIONS}/{LADDER}", "all", lambda: _ladder(home))


def _evaluation(folder: Path, home: Path, run: RunRecord) -> Iterator[Check]:
    digests = read_digests(home)
    for name, state in states_of_files(home).items():
        yield Check(name, "SHA-256", digests[name], digest_of_file(home / name) or "missing", state == "good", DIGESTS)
    file = RECORD if (home / RECORD).is_file() else METRICS
    record = _record(home)
    scores, part = record.judgement.scores, record.judgement.part
    rows = csv_rows(RunDirectory(home).read_text(_PREDICTIONS))
    classes = list(scores.per_class)
    yield from checks_of_scores(file, part, scores, Answers.of_rows(rows, classes), classes, _PREDICTIONS)
    yield from guarded(file, "against the run", lambda: _against_the_run(folder, record, rows, run, file))
    if (home / PLAN).is_file():
        yield from guarded(file, "verification", lambda: _device(home, record, rows))


def _record(home: Path) -> EvaluationRecord:
    if (home / RECORD).is_file():
        return validated(RunDirectory(home).read_text(RECORD), str(home / RECORD), EvaluationRecord)
    return read_evaluation(home)


def _against_the_run(
    folder: Path, record: EvaluationRecord, rows: Sequence[dict[str, str]], run: RunRecord, file: str
) -> Iterator[Check]:
    if record.other_data or record.judgement.part == "train":
        return
    own = run.judgement(record.judgement.part)
    if record.run_accuracy is not None:
        yield same(file, "run_accuracy", record.run_accuracy, own.scores.accuracy, f"../../{RECORD}")
    agreed, exact = record.against_training_backend, run.judgement("validation")
    if agreed is None or (own.backend, own.settings) != (exact.backend, exact.settings):
        return  # the run's own answers were not those of the backend that trained it
    by_id = {row["id"]: row for row in csv_rows(RunDirectory(folder).read_text(_PREDICTIONS))
             if row["part"] == record.judgement.part}  # fmt: skip
    equal = sum(by_id[row["id"]]["predicted"] == row["predicted"] for row in rows)
    right = sum(by_id[row["id"]]["predicted"] == row["label"] for row in rows)
    source, under = f"../../{_PREDICTIONS}", "against_training_backend"
    yield same(file, f"{under}.label_agreement", agreed.label_agreement, equal / len(rows), source)
    interval = list(wilson(equal, len(rows)))
    yield same(file, f"{under}.label_agreement_interval", list(agreed.label_agreement_interval), interval, source)
    yield same(file, f"{under}.accuracy", agreed.accuracy, right / len(rows), source)


# Devices


def checks_of_journal(folder: Path) -> Iterator[Check]:
    """What a training on a device sent: each file of values against the journal, and how much there was of it."""
    units = Journal(folder / JOURNAL).units()
    collected = [unit for unit in units.values() if unit.event == "collected"]
    for unit in collected:
        file = str(unit.fact("file"))
        found = digest_of_file(folder / file) or "missing"
        yield same(JOURNAL, f"sha256 of {file}", unit.fact("sha256"), found, file)
    plan = read_training(folder)
    if plan is not None:
        fits = len(collected) <= plan.n_steps  # fewer where the training stopped early
        yield Check(PLAN, "n_steps", plan.n_steps, len(collected), fits, JOURNAL, "at most")


def _device(home: Path, record: EvaluationRecord, rows: Sequence[dict[str, str]]) -> Iterator[Check]:
    plan, told = read_plan(home), record.verification
    angles = home / ANGLES
    yield same(PLAN, "angles_sha256", plan.angles_sha256, digest_of_file(angles), ANGLES)
    yield same(PLAN, "samples", [row["id"] for row in rows], list(plan.samples), _PREDICTIONS)
    if told is None:
        return
    yield same(RECORD, "verification.executions", told.executions, plan.n_rows * plan.shots, PLAN)
    for name in ("shots", "n_part", "n_thought", "forecast_seconds"):
        yield same(RECORD, f"verification.{name}", getattr(told, name), getattr(plan, name), PLAN)
    thought = None if plan.expected_flipped is None else 1 - plan.expected_flipped
    yield same(RECORD, "verification.expected_label_agreement", told.expected_label_agreement, thought, PLAN)
    yield from _jobs(home, record, plan)


def _jobs(home: Path, record: EvaluationRecord, plan: SentPlan) -> Iterator[Check]:
    """Each job against the journal and against what the next was made of; then the values of all circuits."""
    came: list[_Came] = []
    units, tags = Journal(home / JOURNAL).units(), read_tags(home)
    for stage in range(1, plan.n_stages + 1):
        unit = units[tags[stage - 1]]
        file = str(unit.fact("file"))
        content = (home / file).read_bytes()
        found = hashlib.sha256(content).hexdigest()
        yield same(JOURNAL, "sha256", unit.fact("sha256"), found, file)
        if stage > 1 and (later := read_stage(home, stage)) is not None:
            name, of_angles = (stage_file(each, stage) for each in (PLAN, ANGLES))
            yield same(name, "angles_sha256", later.angles_sha256, digest_of_file(home / of_angles), of_angles)
            yield same(name, "given_sha256", list(later.given_sha256), [each.sha256 for each in came], came[-1].file)
        try:
            came.append(_Came(stage, file, found, unpack(content), read_sent(home, stage).work.tasks))
        except DataError:
            raise
        except Exception as error:
            yield failed(file, "all", f"{type(error).__name__}: {error}")
            return
    charged = [each.values.usage_seconds for each in came if each.values.usage_seconds is not None]
    usage = sum(charged) if len(charged) == len(came) else None
    assert record.verification is not None
    yield same(RECORD, "verification.usage_seconds", record.verification.usage_seconds, usage, came[-1].file)
    yield from _values(home, record, plan, came)


@dataclass(frozen=True)
class _Came:
    """One job: which, the file of its values, that file's SHA-256, the values, and what was sent."""

    stage: int
    file: str
    sha256: str
    values: Values
    tasks: tuple[Task, ...]

    @property
    def angles(self) -> str:
        """The file of the angles."""
        return stage_file(ANGLES, self.stage)


def _values(home: Path, record: EvaluationRecord, plan: SentPlan, came: Sequence[_Came]) -> Iterator[Check]:
    told = record.verification
    assert told is not None
    pairs: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
    at = iter(told.observables)
    chain = read_angles(home / ANGLES, plan.angles_sha256, dict(enumerate(plan.circuits)))
    jobs = plan.in_order([[(job, own) for own in range(len(job.tasks))] for job in came])
    for number, (job, own) in enumerate(jobs):
        task, found = job.tasks[own], job.values.expectations[own]
        counted = values_of_counts(task.circuit, job.values, own)
        if counted is not None:
            yield from _each_value(job.file, own, found, counted)
        right = exact_values(task)
        chained = exact_values(chain[number]) if job.stage > 1 else None
        pairs += [] if right is None else [(found, right)]
        for column, row in zip(range(found.shape[1]), at, strict=False):
            yield from _observable(row, column, job, found, right, plan.shots)
            if chained is not None:
                name = f"verification.circuit {row.circuit}.{row.observable}.mean_abs_delta_chained"
                far, source = float(np.abs(found[:, column] - chained[:, column]).mean()), f"{ANGLES} and {job.file}"
                yield near(RECORD, name, row.mean_abs_delta_chained, far, source, within=SINGLE)
    if len(pairs) == len(jobs):
        yield from _over_all(record, pairs, plan.shots, ", ".join(job.file for job in came))


def _observable(
    row: ObservableValues,
    column: int,
    job: _Came,
    found: NDArray[np.float64],
    right: NDArray[np.float64] | None,
    shots: int,
) -> Iterator[Check]:
    name = f"verification.circuit {row.circuit}.{row.observable}"
    yield near(RECORD, f"{name}.device", row.device, float(found[:, column].mean()), job.file, within=1e-9)
    if right is None:
        return
    distance = np.abs(found[:, column] - right[:, column])
    shot_noise = expected_distance((right[:, [column]],), shots)
    source = f"{job.angles} and {job.file}"
    yield near(RECORD, f"{name}.exact", row.exact, float(right[:, column].mean()), job.angles, within=SINGLE)
    yield near(RECORD, f"{name}.mean_abs_delta", row.mean_abs_delta, float(distance.mean()), source, within=SINGLE)
    yield near(RECORD, f"{name}.max_abs_delta", row.max_abs_delta, float(distance.max()), source, within=SINGLE)
    yield near(RECORD, f"{name}.expected", row.expected, shot_noise, job.angles, within=_by_shots(shots))


def _over_all(
    record: EvaluationRecord, pairs: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]], shots: int, file: str
) -> Iterator[Check]:
    told, agreed = record.verification, record.against_training_backend
    assert told is not None
    derived, within = expected_distance(tuple(right for _, right in pairs), shots), _by_shots(shots)
    yield near(RECORD, "verification.expected_shot_noise", told.expected_shot_noise, derived, ANGLES, within=within)
    if agreed is not None:
        every = np.concatenate([np.abs(found - right).ravel() for found, right in pairs])
        under, source = "against_training_backend", f"{ANGLES} and {file}"
        for name, number in (("mean_abs_delta_z", float(every.mean())), ("max_abs_delta_z", float(every.max()))):
            yield near(RECORD, f"{under}.{name}", getattr(agreed, name), number, source, within=SINGLE)
        yield same(RECORD, "verification.exact_accuracy", told.exact_accuracy, agreed.accuracy, RECORD)


def _by_shots(shots: int) -> float:
    """Where a value is nearly ±1, its shot noise is a root of what is left, which rounding changes most."""
    return math.sqrt(2 * SINGLE / shots)


def _each_value(file: str, number: int, found: NDArray[np.float64], counted: NDArray[np.float64]) -> Iterator[Check]:
    for column in range(found.shape[1]):
        largest = float(np.abs(found[:, column] - counted[:, column]).max())
        fits, name = largest <= 1e-9, f"task {number}, observable {column}"
        mean = [float(each[:, column].mean()) for each in (found, counted)]
        yield Check(file, f"{name}, mean of values", mean[0], mean[1], fits, f"{file}: counts", "±1e-09 in every row")


def values_of_counts(circuit: Circuit, values: Values, number: int) -> NDArray[np.float64] | None:
    """Expectation values (row, n_observables) from the counts that a device gave; None where it told none.

    Counts are three arrays for each task: the row, the outcome as packed bits, wire 0 first, and how often it occurred.
    """
    arrays = [values.raw.get(f"task{number}/{name}") for name in ("row", "outcome", "count")]
    if any(array is None for array in arrays):
        return None
    if any(set(observable.paulis) - {"Z"} for observable in circuit.observables):
        return None
    row, outcome, count = (np.asarray(array) for array in arrays)
    bits = np.unpackbits(outcome, axis=-1)[:, : circuit.n_qubits]
    n_rows = len(values.expectations[number])
    shots = np.bincount(row, weights=count, minlength=n_rows)
    if (shots == 0).any():
        raise DataError(f"row {int((shots == 0).argmax())} of task {number} has no counts.")
    signs = [1 - 2 * (bits[:, list(each.wires)].sum(-1) % 2).astype(np.float64) for each in circuit.observables]
    return np.stack([np.bincount(row, weights=count * sign, minlength=n_rows) / shots for sign in signs], axis=-1)


def exact_values(task: Task) -> NDArray[np.float64] | None:
    """Expectation values without shots and noise; None where the circuit is too large to be simulated here."""
    if task.circuit.n_qubits > MOST_QUBITS:
        return None
    n_rows = max(1, _STATES >> task.circuit.n_qubits)
    parts = [task.encoding[start : start + n_rows] for start in range(0, len(task.encoding), n_rows)]
    return np.concatenate([expectations(task.circuit, part, task.weights) for part in parts])


# Ladders


def _ladder(home: Path) -> Iterator[Check]:
    ladder: LadderRecord | None = read_ladder(home)
    if ladder is None:
        return
    file = f"{EVALUATIONS}/{LADDER}"
    for step in ladder.steps:
        scores = _record(home / step.evaluation).judgement.scores
        source = f"{EVALUATIONS}/{step.evaluation}/{RECORD}"
        if scores.n == ladder.n_samples:
            yield same(file, f"{step.step}.accuracy", step.accuracy, scores.accuracy, source)
            yield same(file, f"{step.step}.interval", list(step.interval), list(scores.accuracy_interval), source)
