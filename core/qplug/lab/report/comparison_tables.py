"""The tables of a comparison as words, before they become HTML, LaTeX or lines of a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter

from qplug.lab.comparison.outcome import ArmOutcome, CircuitCost, ComparisonOutcome, DataSetOutcome, PairOutcome
from qplug.lab.report import comparison_words as words
from qplug.lab.report.comparison_words import NONE, Measure, measure


@dataclass(frozen=True)
class Grid:
    """A table of words.

    Attributes:
        headings: of the columns.
        rows: as many words each.
        n_words: how many columns, from the left, hold words; the rest hold numbers.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    n_words: int = 1

    def without(self, heading: str) -> Grid:
        """The table without one of its columns of words."""
        place = self.headings.index(heading)
        rows = tuple(row[:place] + row[place + 1 :] for row in self.rows)
        return Grid(self.headings[:place] + self.headings[place + 1 :], rows, self.n_words - 1)


def arms(data: DataSetOutcome) -> Grid:
    """Each arm with its mean and interval."""
    how = measure(data.metric)
    columns: dict[str, Callable[[ArmOutcome], str]] = {
        "arm": lambda arm: arm.name,
        "role": lambda arm: arm.role,
        "trained weights": lambda arm: words.whole(arm.n_parameters),
        "cells": lambda arm: words.whole(arm.n_cells),
        how.headed: lambda arm: how.value(arm.mean),
        "95 % interval": lambda arm: how.interval(arm.interval),
        "training, s": lambda arm: words.seconds(arm.seconds),
    }
    if any(arm.n_trials for arm in data.arms):
        columns["trials"] = lambda arm: words.whole(arm.n_trials)
    rows = tuple(tuple(column(arm) for column in columns.values()) for arm in data.arms)
    return Grid(tuple(columns), rows, n_words=2)


def pairs(data: DataSetOutcome, chosen: Sequence[PairOutcome], *, short: bool = False) -> Grid:
    """Each of the chosen pairs with its difference, tests and verdict; the short form has what decides."""
    how = measure(data.metric)
    columns = [column for column in _pair_columns(how) if not short or column[2]]
    for heading, p in _BESIDE.items():
        if not short and any(p(pair) is not None for pair in chosen):
            columns.append((heading, partial(_probability, p), False))
    rows = tuple(tuple(column(pair) for _, column, _ in columns) for pair in chosen)
    return Grid(tuple(name for name, _, _ in columns), rows, n_words=3)


_BESIDE: Mapping[str, Callable[[PairOutcome], float | None]] = {
    "p, McNemar": attrgetter("p_mcnemar"),
    "p, corrected t": attrgetter("p_corrected_t"),
}
"""Tests that are told where the data allow them, and that no verdict is made of."""


def _probability(of: Callable[[PairOutcome], float | None], pair: PairOutcome) -> str:
    return words.probability(of(pair))


def _pair_columns(how: Measure) -> list[tuple[str, Callable[[PairOutcome], str], bool]]:
    """Heading, content, and whether it stands in the short form."""
    return [
        ("first arm", lambda pair: pair.a, True),
        ("against", lambda pair: pair.b, True),
        ("verdict", lambda pair: pair.verdict, True),
        (how.heads_difference, lambda pair: how.difference(pair.difference), True),
        ("95 % interval", lambda pair: how.interval(pair.interval, signed=True), True),
        ("90 % interval", lambda pair: how.interval(pair.equivalence_interval, signed=True), False),
        ("p", lambda pair: words.probability(pair.p), False),
        ("p after Holm", lambda pair: words.probability(pair.p_holm), True),
        ("p, equivalence", lambda pair: words.probability(pair.p_equivalence), False),
        ("effect size", lambda pair: NONE if pair.effect_size is None else _signed(pair.effect_size), False),
        ("smallest detectable", lambda pair: how.value(pair.smallest_detectable), True),
        ("seeds needed", _seeds_needed, False),
    ]


def _seeds_needed(pair: PairOutcome) -> str:
    """Of what is undecided; what is decided needs no more."""
    return words.whole(pair.seeds_needed if pair.verdict == "undecided" else None)


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", words.MINUS)


def methods(chosen: Sequence[PairOutcome]) -> list[str]:
    """Which tests were used."""
    return list(dict.fromkeys(pair.method for pair in chosen if pair.method not in ("", "none")))


def ablations(data: DataSetOutcome) -> Grid:
    """How much of each head's score above chance its rewritten circuits keep."""
    rows = tuple(
        (found.arm, found.ablation, words.share(found.kept), words.share_interval(found.interval))
        for found in data.ablations
    )
    return Grid(("head", "circuit", "kept, %", "95 % interval"), rows, n_words=2)


def settings(data: DataSetOutcome) -> Grid:
    """What each arm is, and the settings that its trials chose."""
    rows = tuple(
        (arm.name, arm.description, ", ".join(f"{name} {value}" for name, value in arm.chosen.items()) or NONE)
        for arm in data.arms
    )
    return Grid(("arm", "what it is", "chosen by trials"), rows, n_words=3)


_CIRCUIT: Mapping[str, Callable[[CircuitCost], int | None]] = {
    "qubits": lambda cost: cost.qubits,
    "gates": lambda cost: cost.gates,
    "on two qubits": lambda cost: cost.two_qubit_gates,
    "depth": lambda cost: cost.depth,
    "gates, transpiled": lambda cost: cost.transpiled_gates,
    "on two qubits, transpiled": lambda cost: cost.transpiled_two_qubit_gates,
    "depth, transpiled": lambda cost: cost.transpiled_depth,
}


def circuits(data: DataSetOutcome) -> Grid:
    """What the circuits of the arms are and cost; no rows where no arm has any."""
    rows = tuple(
        (arm.name, *(words.whole(column(arm.circuit)) for column in _CIRCUIT.values()),
         words.seconds(arm.circuit.simulated_ms))
        for arm in data.arms
        if arm.circuit is not None
    )  # fmt: skip
    return Grid(("arm", *_CIRCUIT, "simulated in, ms"), rows)


def arms_over_data_sets(outcome: ComparisonOutcome) -> Grid:
    """Each arm's mean and interval, a column per data set."""
    names = list(dict.fromkeys(arm.name for data in outcome.data_sets for arm in data.arms))
    columns = [{arm.name: _mean(arm, measure(data.metric)) for arm in data.arms} for data in outcome.data_sets]
    rows = tuple((name, *(column.get(name, NONE) for column in columns)) for name in names)
    return Grid(("arm", *(_headed(data, measure(data.metric).headed) for data in outcome.data_sets)), rows)


def pairs_over_data_sets(outcome: ComparisonOutcome) -> Grid:
    """Each pair's difference, interval and verdict, a column per data set."""
    names = list(dict.fromkeys((pair.a, pair.b) for data in outcome.data_sets for pair in data.pairs))
    columns = [
        {(pair.a, pair.b): _difference(pair, measure(data.metric)) for pair in data.pairs} for data in outcome.data_sets
    ]
    rows = tuple((*name, *(column.get(name, NONE) for column in columns)) for name in names)
    heads = (_headed(data, measure(data.metric).heads_difference) for data in outcome.data_sets)
    return Grid(("first arm", "against", *heads), rows, n_words=2)


def _headed(data: DataSetOutcome, words_below: str) -> str:
    return " · ".join([data.dataset, *data.stamps]) + f": {words_below}"


def _mean(arm: ArmOutcome, how: Measure) -> str:
    ends = words.known(arm.interval)
    told = f" [{how.value(ends[0])}, {how.value(ends[1])}]" if ends else ""
    return f"{how.value(arm.mean)}{told}"


def _difference(pair: PairOutcome, how: Measure) -> str:
    ends = words.known(pair.interval)
    told = f" [{how.difference(ends[0])}, {how.difference(ends[1])}]" if ends else ""
    return f"{how.difference(pair.difference)}{told}, {pair.verdict}"
