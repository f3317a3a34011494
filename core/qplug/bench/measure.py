"""The benchmark itself: every candidate in every case, checked, then timed in turns."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from qplug.bench.candidates import Candidate
from qplug.bench.floor import floor_steps
from qplug.bench.forecast import PATIENCE, Forecast, PeakMemory, free_memory
from qplug.bench.problem import GRADIENTS, MOST_QUBITS, VALUES, Problem, Truth, circuit_problem, head_problem
from qplug.bench.report import Row, yardstick
from qplug.bench.sizes import Case
from qplug.bench.timing import Effort, Step, Timing, interleaved, timed
from qplug.contract.errors import QplugError

Say = Callable[[str], None]


@dataclass(frozen=True)
class _Ready:
    """A candidate whose values were found right.

    Attributes:
        step: the call to time.
        row: what is known about it so far.
        memory: bytes that the first call needed, if that is known.
        only: seconds of the first call, if it is to be the only one.
    """

    step: Step
    row: Row
    memory: int | None
    only: float | None


class Benchmark:
    """Measures forward and backward, case after case.

    Args:
        device: where the floor's tensors lie; candidates have their own.
        effort: how long to measure.
        patient: try everything, however long it would take; memory is still respected.
        say: is told what happens.
    """

    def __init__(self, device: str, effort: Effort, *, patient: bool, say: Say) -> None:
        self.device = device
        self.effort = effort
        self.patient = patient
        self.say = say
        self._forecast = Forecast()
        self._truths: dict[tuple[Any, ...], Truth] = {}
        self._called: set[str] = set()

    def rows(self, candidates: Sequence[Candidate], cases: Sequence[Case]) -> Iterator[Row]:
        """One row per case and candidate, smaller cases first."""
        smallest = min(case.work for case in cases)
        for case in sorted(cases, key=lambda case: case.work):
            self.say(f"{case}:")
            found = {each.name: self._warmed(each, case, is_smallest=case.work == smallest) for each in candidates}
            ready = {name: each for name, each in found.items() if isinstance(each, _Ready)}
            timings, floor = self._timings(ready, case)
            self._remember(ready, timings, case)
            yield from _finished([each.row if isinstance(each, _Ready) else each for each in found.values()],
                                 timings, floor)  # fmt: skip

    def refusal(self, name: str, case: Case) -> str:
        """Why a candidate is not tried in a case, from what it took in smaller ones; empty if it may be."""
        limit = None if self.patient else PATIENCE * self.effort.budget
        return self._forecast.refusal(name, case, seconds=limit, memory=free_memory())

    def _warmed(self, candidate: Candidate, case: Case, *, is_smallest: bool) -> _Ready | Row:
        """The candidate, warm and compared with the truth; or why it is not timed."""
        if candidate.patient and not is_smallest and not self.patient:
            told: _Ready | Row = _row(candidate, case, "skipped: minutes; timed in the smallest case unless --patient")
        elif reason := self.refusal(candidate.name, case):
            told = _row(candidate, case, reason)
        else:
            self.say(f"  {candidate.name} …")
            told = self._first_call(candidate, case)
        row = told.row if isinstance(told, _Ready) else told
        if row.note:
            self.say(f"  {candidate.name}: {row.note}")
        return told

    def _first_call(self, candidate: Candidate, case: Case) -> _Ready | Row:
        try:
            problem = (head_problem if candidate.level == "head" else circuit_problem)(case, candidate.device)
            step = candidate.prepare(problem)
            with PeakMemory() as peak:
                seconds, outcome = timed(step, settle(candidate.device))
        except QplugError as error:
            return _row(candidate, case, f"refused: {error}")
        except Exception as error:  # somebody else's library may raise anything, and the others go on
            return _row(candidate, case, f"failed: {type(error).__name__}: {' '.join(str(error).split())[:200]}")
        row = replace(_row(candidate, case), first_call_s=seconds)
        only = seconds if seconds > self.effort.budget and self._is_warm(candidate) else None
        self._called.add(candidate.name)
        if case.n_qubits > MOST_QUBITS:
            return _Ready(step, replace(row, note=f"values not checked above {MOST_QUBITS} qubits"), peak.bytes, only)
        difference = self._truth(candidate, case, problem).difference(outcome)
        row = replace(row, max_abs_difference=difference.values, max_gradient_difference=difference.gradients)
        if difference.too_large:
            return replace(
                row,
                note=f"wrong: values differ by up to {difference.values:.2g} (allowed {VALUES:.0e}), "
                f"gradients by {difference.gradients:.2g} (allowed {GRADIENTS:.0e})",
            )
        return _Ready(step, row, peak.bytes, only)

    def _is_warm(self, candidate: Candidate) -> bool:
        """Whether a slow first call says how slow the candidate is, rather than what it imports or compiles."""
        return candidate.patient or (candidate.name in self._called and not candidate.compiles)

    def _truth(self, candidate: Candidate, case: Case, problem: Problem) -> Truth:
        # The rows that a batch repeats are the same for every batch.
        key = (candidate.level, case.circuit, problem.n_distinct)
        if key not in self._truths:
            self._truths[key] = Truth(problem)
        return self._truths[key]

    def _timings(self, ready: Mapping[str, _Ready], case: Case) -> tuple[dict[str, Timing], float | None]:
        """The candidates' timings, and the floor in seconds."""
        if not ready:
            return {}, None
        steps = {name: each.step for name, each in ready.items() if each.only is None}
        floors = {f"floor {n}": floor for n, floor in enumerate(floor_steps(case.circuit, case.batch, self.device))}
        for floor in floors.values():
            floor()
        gc.collect()
        timings = interleaved({**steps, **floors}, self.effort, settle(self.device))
        floor_seconds = min(timings.pop(name).seconds for name in floors)
        timings |= {name: Timing([each.only]) for name, each in ready.items() if each.only is not None}
        self.say("  " + ", ".join(f"{name} {timings[name].seconds * 1e3:.3g} ms" for name in ready))
        return timings, floor_seconds

    def _remember(self, ready: Mapping[str, _Ready], timings: Mapping[str, Timing], case: Case) -> None:
        for name, each in ready.items():
            self._forecast.remember(name, case, timings[name].seconds, each.memory)


def _row(candidate: Candidate, case: Case, note: str = "") -> Row:
    return Row(
        backend=candidate.name, n_qubits=case.n_qubits, n_layers=case.n_layers, batch=case.batch, note=note
    )  # fmt: skip


def _finished(rows: Sequence[Row], timings: Mapping[str, Timing], floor: float | None) -> Iterator[Row]:
    """The rows with their times and ratios."""
    ours = timings[yardstick()].seconds if yardstick() in timings else None
    for row in rows:
        row = replace(row, floor_ms=None if floor is None else floor * 1e3)
        timing = timings.get(row.backend)
        if timing is None or floor is None:
            yield row
            continue
        yield replace(
            row,
            ms=timing.seconds * 1e3,
            best_ms=min(timing.calls) * 1e3,
            ratio_to_torch=timing.seconds / ours if ours else None,
            ratio_to_floor=timing.seconds / floor,
            calls=len(timing.calls),
            note="; ".join(filter(None, (row.note, "one call" if len(timing.calls) == 1 else ""))),
        )


def settle(device: str) -> Step | None:
    """What waits until a device has done its work; None where calls return when it is done."""
    return torch.cuda.synchronize if device == "cuda" else None
