"""What stands on a run's page about the times it was judged again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from qplug.lab.measures import percent
from qplug.lab.report.content import parameters_of
from qplug.lab.runs.evaluations import EvaluationRecord, evaluations

_NONE = "–"


def judged_again(run: Path) -> list[list[str]]:
    """For each evaluation: where, samples, accuracy, its interval, label agreement, mean and largest |Δ⟨Z⟩|."""
    return [[place_of(record), *_numbers(record)] for record in evaluations(run)]


def place_of(record: EvaluationRecord) -> str:
    """What was judged, and where."""
    judged = record.judgement
    settings = ", ".join(f"{name} {text}" for name, text in parameters_of(judged.settings) if text)
    words = [f"{judged.part} part" + (f" of {record.dataset}" if record.other_data else "")]
    if judged.backend:
        words.append(judged.backend + (f" ({settings})" if settings else ""))
    if judged.modelled_noise:
        words.append("modelled noise: a fake device")
    return ", ".join(words)


def _numbers(record: EvaluationRecord) -> Iterator[str]:
    scores, against = record.judgement.scores, record.against_training_backend
    low, high = scores.accuracy_interval
    yield f"{scores.n:,}"
    yield percent(scores.accuracy)
    yield f"{percent(low)} to {percent(high)}"
    yield _NONE if against is None else percent(against.label_agreement)
    for value in (None, None) if against is None else (against.mean_abs_delta_z, against.max_abs_delta_z):
        yield _NONE if value is None else f"{value:.2g}"
