"""What was measured, as data and as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from qplug import catalogue


def yardstick() -> str:
    """The backend that others are compared with: the one that trains by default."""
    return catalogue.registry().defaults.training_backend


@dataclass(frozen=True, kw_only=True)
class Row:
    """Forward and backward of one candidate in one case.

    Attributes:
        backend: the backend's name, or the peer's.
        n_qubits: of the circuit.
        n_layers: of the head; None for a head without layers.
        batch: samples per call.
        ms: median milliseconds of a call; None where it was not timed, see ``note``.
        best_ms: milliseconds of the fastest call, for a machine that is busy with other things.
        ratio_to_torch: ``ms`` over those of the yardstick, the default training backend; None where one is missing.
        max_abs_difference: the largest difference of a value from the right one; None where none was computed.
        max_gradient_difference: the largest difference of a directional derivative; likewise.
        floor_ms: milliseconds of the bare operations that the circuit needs.
        ratio_to_floor: ``ms`` over ``floor_ms``.
        first_call_s: seconds of the first call, compilation included.
        calls: how many calls the median is taken of.
        note: why there is no number, or what to know about it.
    """

    backend: str
    n_qubits: int
    n_layers: int | None
    batch: int
    ms: float | None = None
    best_ms: float | None = None
    ratio_to_torch: float | None = None
    max_abs_difference: float | None = None
    max_gradient_difference: float | None = None
    floor_ms: float | None = None
    ratio_to_floor: float | None = None
    first_call_s: float | None = None
    calls: int = 0
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class StepRow:
    """A whole training step of the head on one backend, beside that of a classical network.

    Attributes:
        backend: the backend's name.
        n_qubits: of the circuit.
        n_layers: of the head.
        batch: samples per step.
        ms: median milliseconds of a step; None where it was not timed.
        mlp_ms: the same for a perceptron with one hidden layer.
        ratio_to_mlp: ``ms`` over ``mlp_ms``.
        n_parameters: trainable parameters of the head with its read-out.
        mlp_parameters: trainable parameters of the perceptron.
        note: why there is no number, or what to know about it.
    """

    backend: str
    n_qubits: int
    n_layers: int | None
    batch: int
    ms: float | None = None
    mlp_ms: float | None = None
    ratio_to_mlp: float | None = None
    n_parameters: int | None = None
    mlp_parameters: int | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Report:
    """One run of the benchmark.

    Attributes:
        head: the head's name.
        settings: what was set of its other parameters.
        device: ``cpu`` or ``cuda``.
        device_name: the processor's or the GPU's name.
        threads: of torch's operations on the CPU.
        versions: of the packages that take part.
        tolerances: how far values and gradients may be off before a backend counts as wrong.
        rows: forward and backward.
        steps: training steps, if asked for.
        left_out: backends and peers that did not take part, and why.
    """

    head: str
    settings: dict[str, Any]
    device: str
    device_name: str
    threads: int
    versions: dict[str, str]
    tolerances: dict[str, float]
    rows: list[Row] = field(default_factory=list)
    steps: list[StepRow] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The report as JSON's types; numbers to four digits."""
        return {key: _rounded(value) for key, value in asdict(self).items()}

    def conditions(self) -> str:
        """Under which circumstances it was measured, in one line."""
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        threads = "1 CPU thread" if self.threads == 1 else f"{self.threads} CPU threads"
        return f"{self.head} on {self.device} ({self.device_name}), {threads}; {versions}"


AXES: dict[str, Callable[[Row], int | None]] = {
    "qubits": lambda row: row.n_qubits,
    "batch": lambda row: row.batch,
    "layers": lambda row: row.n_layers,
}
"""What the tables of ``markdown`` vary, one at a time."""


def markdown(axis: str, rows: Sequence[Row]) -> str:
    """One table: a line per size, and per candidate its milliseconds and, beside torch's, how many times that is.

    Args:
        axis: one of ``AXES``.
        rows: the rows along that axis.
    """
    of = AXES[axis]
    names = list(dict.fromkeys(row.backend for row in rows))
    lines = [[axis, "floor", *names], ["---:"] * (len(names) + 2)]
    for size in dict.fromkeys(of(row) for row in rows):
        here = {row.backend: row for row in rows if of(row) == size}
        floor = next((row.floor_ms for row in here.values() if row.floor_ms), None)
        lines.append([str(size), milliseconds(floor), *(_cell(here[name]) if name in here else "–" for name in names)])
    notes = [f"{row.backend}, {axis} {of(row)}: {row.note}" for row in rows if row.ms is None and row.note]
    return "\n".join(
        [*("| " + " | ".join(line) + " |" for line in lines), "", *(f"- {note}" for note in notes)]
    ).strip()


def milliseconds(ms: float | None) -> str:
    """A time for people, to three digits."""
    if ms is None:
        return "–"
    return f"{ms:,.0f}" if ms >= 100 else f"{ms:.3g}"


def ratio(value: float | None) -> str:
    """A ratio for people."""
    if value is None:
        return "–"
    return f"{value:,.0f}×" if value >= 100 else f"{value:.3g}×"


def _cell(row: Row) -> str:
    if row.ms is None:
        return "wrong" if row.note.startswith("wrong") else "–"
    against = row.ratio_to_floor if row.backend == yardstick() else row.ratio_to_torch
    what = " floor" if row.backend == yardstick() else ""
    return f"{milliseconds(row.ms)} ({ratio(against)}{what})" if against is not None else milliseconds(row.ms)


def _rounded(value: Any) -> Any:
    match value:
        case float():
            return float(f"{value:.4g}")
        case dict():
            return {key: _rounded(entry) for key, entry in value.items()}
        case list() | tuple():
            return [_rounded(entry) for entry in value]
        case bool() | int() | str() | None:
            return value
        case _:
            return str(value)


def along(axis: str, rows: Iterable[Row], sizes: Sequence[int], base: Mapping[str, int]) -> list[Row]:
    """The rows that differ from the base case along one axis only."""
    return [
        row
        for row in rows
        if AXES[axis](row) in sizes and all(AXES[other](row) == base[other] for other in AXES if other != axis)
    ]
