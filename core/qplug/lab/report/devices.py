"""What stands on a run's page about devices that were asked: one section for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qplug.lab.measures import percent
from qplug.lab.report.figures import Picture, from_png
from qplug.lab.runs.evaluations import (
    EVALUATIONS,
    EvaluationRecord,
    Verification,
    chain_in_words,
    evaluations,
    thought_over,
)

FIGURE = "verification.png"
_NONE = "–"
_HEADINGS = ("value", "exact mean", "device mean", "|Δ| mean", "largest", "by shots alone")
_TOLD_ELSEWHERE = ("device", "fake", "calibration_date", "depth", "two_qubit_gates", "shots", "job_ids", "ran")


@dataclass(frozen=True)
class Device:
    """What one device answered.

    Attributes:
        heading: which device.
        sentence: what came of it, in words.
        paragraphs: what is to be known of labels, expectation values and jobs.
        headings: of the columns of ``rows``.
        rows: for each expectation value: its name, the exact mean, the device's, mean and largest distance, the mean
            distance that shots alone explain, and, of several jobs, the mean distance from an exact chain.
        facts: names with values: cost, circuit as it ran, calibration.
        qubits: for each qubit used: circuit, number, T1 and T2 in µs, readout error.
        pairs: for each pair of qubits used: circuit, numbers, gate, error.
        picture: the figure, if there is one.
    """

    heading: str
    sentence: str
    paragraphs: list[str]
    headings: list[str]
    rows: list[list[str]]
    facts: list[tuple[str, str]]
    qubits: list[list[str]]
    pairs: list[list[str]]
    picture: list[Picture]


def devices(run: Path) -> list[Device]:
    """A section for each evaluation of a run by a device."""
    return [
        _device(run / EVALUATIONS / record.name, record, record.verification)
        for record in evaluations(run)
        if record.verification is not None
    ]


def _device(home: Path, record: EvaluationRecord, found: Verification) -> Device:
    name = found.named
    circuits = _tables(found.facts.get("circuits"))
    return Device(
        heading=name,
        sentence=_sentence(name, record, found),
        paragraphs=list(_paragraphs(record, found)),
        headings=[*_HEADINGS, *(["|Δ| from an exact chain"] if found.stages else [])],
        rows=[list(_row(row.circuit, row.observable, several=_several(found), numbers=(
            row.exact, row.device, row.mean_abs_delta, row.max_abs_delta, row.expected,
            *([row.mean_abs_delta_chained] if found.stages else [])))) for row in found.observables],
        facts=list(_facts(found)),
        qubits=[
            [str(number), _text(qubit.get("qubit")), _microseconds(qubit.get("t1_seconds")),
             _microseconds(qubit.get("t2_seconds")), _error(qubit.get("readout_error"))]
            for number, circuit in enumerate(circuits, start=1) for qubit in _tables(circuit.get("qubits"))
        ],
        pairs=list(_pairs(circuits)),
        picture=_picture(home, name),
    )  # fmt: skip


def _pairs(circuits: Sequence[Mapping[str, Any]]) -> Iterator[list[str]]:
    """Each pair once, though its gate may go both ways, unless these differ."""
    told = []
    for number, circuit in enumerate(circuits, start=1):
        for pair in _tables(circuit.get("pairs")):
            qubits = pair.get("qubits")
            ordered = sorted(qubits) if isinstance(qubits, list) else qubits
            row = [str(number), _text(ordered), _text(pair.get("gate")), _error(pair.get("error"))]
            if row not in told:
                told.append(row)
    yield from told


def _sentence(name: str, record: EvaluationRecord, found: Verification) -> str:
    scores = record.judgement.scores
    low, high = scores.accuracy_interval
    return (
        f"{scores.n:,} of {found.n_part:,} samples of the {record.judgement.part} part went to {name}, with "
        f"{found.shots:,} shots each. It puts {percent(scores.accuracy)} of them into the right class (95 % interval "
        f"{percent(low)} to {percent(high)}); without shots and noise it is {percent(found.exact_accuracy)} of them."
    )


def _paragraphs(record: EvaluationRecord, found: Verification) -> Iterator[str]:
    agreed, expected = record.against_training_backend, found.expected_label_agreement
    if agreed is None or agreed.mean_abs_delta_z is None:
        return
    over = thought_over(found.n_thought, found.n_part, record.judgement.part)
    thought = f" Before anything was sent, shots alone were thought to leave the label of {percent(expected)}{over}."
    yield (
        f"{percent(agreed.label_agreement)} of them get the label that they get without shots and noise."
        f"{'' if expected is None else thought} Expectation values differ from the exact ones by "
        f"{agreed.mean_abs_delta_z:.3f} on average; shots alone explain {found.expected_shot_noise:.3f}."
    )
    if chained := chain_in_words(found.observables, max(found.stages, default=1)):
        yield chained


def _several(found: Verification) -> bool:
    return len({row.circuit for row in found.observables}) > 1


def _row(circuit: int, observable: str, *, several: bool, numbers: Sequence[float | None]) -> Iterator[str]:
    yield f"circuit {circuit} {observable}" if several else observable
    for number in numbers:
        yield _NONE if number is None else f"{number:.3f}"


def _facts(found: Verification) -> Iterator[tuple[str, str]]:
    yield "jobs", ", ".join(found.job_ids)
    yield "executions", f"{found.executions:,}"
    yield (
        "time of the device",
        (f"{_seconds(found.usage_seconds)} charged, {_seconds(found.forecast_seconds)} forecast"),
    )
    yield "depth, two-qubit gates", f"{_text(found.depth)}, {_text(found.two_qubit_gates)} as they ran"
    yield "calibrated", found.calibration_date or _NONE
    for name, value in found.facts.items():
        if name not in _TOLD_ELSEWHERE and isinstance(value, (str, int, float, bool)):
            yield name.replace("_", " "), f"{value:.4g}" if isinstance(value, float) else _text(value)


def _picture(home: Path, name: str) -> list[Picture]:
    try:
        content = (home / FIGURE).read_bytes()
    except OSError:
        return []
    words = "Expectation values of the device over the exact ones, and the labels that shots alone would change."
    return [from_png(content, name=f"verification-{home.name}", caption=f"{words} On {name}.", alt=words)]


def _tables(value: Any) -> list[Mapping[str, Any]]:
    """What of a backend's facts is a list of tables; they are its own, so nothing is sure of them."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "–".join(map(str, value))
    return _NONE if value is None else "yes" if value is True else "no" if value is False else str(value)


def _seconds(value: float | None) -> str:
    return _NONE if value is None else f"{value:.3g} s"


def _microseconds(value: Any) -> str:
    return f"{1e6 * value:.0f}" if isinstance(value, (int, float)) else _NONE


def _error(value: Any) -> str:
    return f"{value:.2g}" if isinstance(value, (int, float)) else _NONE
