"""Verdicts of a comparison on data whose truth is known: do intervals hold it, and how often is a verdict wrong?

    python tests/benchmarks/verdicts.py
    python tests/benchmarks/verdicts.py --repetitions 200 --jobs 2 --json
    python tests/benchmarks/verdicts.py --repetitions 10000 --cases 27,24 --seed 1000
    python tests/benchmarks/verdicts.py --trained --repetitions 500

Answers of two arms are drawn with effects of group, of seed, of the model of each seed in each fold, and of the sample,
which both arms partly share. The table has, for each design, how often the 95 % interval of the difference and of an
arm's score hold the truth, how often two equal arms are called better or worse, and how often two arms that differ by
exactly the margin are called equivalent. The promise: 93 to 97 % for the first two, at most 5 % for the others, each as
far as so many repetitions can tell.

``--trained`` draws no answers but trains classifiers, on folds whose training parts overlap: a linear one on the
inputs, and linear ones on random features that a seed draws. The truth is the mean over all repetitions. It shows what
overlapping training parts do to an interval, beside that of Nadeau and Bengio's correction.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from qplug.lab.comparison.statistics.design import Design
from qplug.lab.comparison.statistics.differences import tested
from qplug.lab.comparison.statistics.estimates import interval_of
from qplug.lab.comparison.statistics.spread import redrawn

SCORE, OF_GROUP, OF_SEED, OF_MODEL = 0.7, 0.07, 0.01, 0.01
SHARED, OF_ARM = 0.5, 0.3
"""How often an answer depends on luck that both arms share, and on luck that the seeds of one arm share."""


@dataclass(frozen=True)
class Case:
    """One design; without groups where ``n_groups`` is ``n``."""

    folds: int
    seeds: int
    n: int
    n_groups: int

    @property
    def margin(self) -> float:
        """One at which the design could say ``equivalent``."""
        return {200: 0.05, 1000: 0.03}.get(self.n, 0.02)

    def design(self) -> Design:
        """As the statistics lay it out."""
        shares = np.full(self.n_groups, 1 / self.n_groups)
        ratio = 1 / (self.folds - 1) if self.folds > 1 else 0.2
        codes = (np.arange(self.n_groups),)
        return Design(False, self.seeds, self.folds, codes, shares, self.n, ratio, 1 / self.n)


CASES = tuple(
    Case(folds, seeds, n, n_groups)
    for n, n_groups in ((200, 200), (200, 20), (1000, 1000), (1000, 40))
    for folds, seeds in ((1, 3), (1, 5), (1, 10), *((k, s) for k in (4, 5, 10) for s in (1, 5, 10)))
) + tuple(Case(1, seeds, 5000, 5000) for seeds in (5, 10))


EVERY = 2
"""An arm's own interval, a bootstrap's, takes most of the time; it is made in every second repetition."""


def scores(rng: np.random.Generator, case: Case, luck: NDArray[Any], gains: tuple[float, ...]) -> list[NDArray[Any]]:
    """(n_seeds, n_groups) what each group adds to an arm's score, for each gain over the common score."""
    of_group = rng.normal(0, OF_GROUP, case.n_groups) if case.n_groups < case.n else np.zeros(case.n)
    of_model = rng.normal(0, OF_MODEL, (case.seeds, case.folds))[:, np.arange(case.n_groups) % case.folds]
    chance = SCORE + of_group + of_model + rng.normal(0, OF_SEED, (case.seeds, 1))
    shape = (case.seeds, case.n_groups, case.n // case.n_groups)
    which = rng.random(shape, np.float32)
    own = rng.random(shape, np.float32)
    steady = np.where(which < SHARED + OF_ARM, rng.random(shape[1:], np.float32), own)
    drawn = np.where(which < SHARED, luck, steady)
    return [(drawn < (chance + gain)[..., None]).sum(axis=2) / case.n for gain in gains]


def drawn(case: Case, repetitions: int, seed: int) -> dict[str, Any]:
    """How often each promise was kept."""
    design, rng, margin = case.design(), np.random.default_rng(seed), case.margin
    row: dict[str, Any] = asdict(case) | {"margin": margin, "refused": design.reason}
    if design.reason:
        return row
    held, arms = np.zeros(3), []
    for repetition in range(repetitions):
        luck = rng.random((case.n_groups, case.n // case.n_groups), np.float32)
        (b,) = scores(rng, case, luck, (0.0,))
        equal, apart = scores(rng, case, luck, (0.0, margin))
        null, edge = tested(design, equal - b, margin), tested(design, apart - b, margin)
        within = edge.interval[0] <= margin <= edge.interval[1]
        held += (within, null.p < 0.05, edge.p_equivalence < 0.05)
        if repetition % EVERY == 0:
            low, high = interval_of(design, b, float(b.sum(axis=1).mean()), 0.95, 0)
            arms.append(low <= SCORE <= high)
    names = ("covered", "false_difference", "false_equivalent")
    return row | dict(zip(names, (held / repetitions).tolist(), strict=True)) | {"covered_arm": float(np.mean(arms))}


def as_promised(row: dict[str, Any], repetitions: int) -> bool:
    """Within the promise, or beyond it by less than 2.6 standard errors of so many repetitions."""
    if row["refused"]:
        return True
    off = 2.6 * math.sqrt(0.05 * 0.95 / repetitions)
    counts = {"covered": repetitions, "covered_arm": math.ceil(repetitions / EVERY)}
    bands = [abs(row[name] - 0.95) <= 0.02 + 2.6 * math.sqrt(0.03 * 0.97 / n) for name, n in counts.items()]
    return all(bands) and max(row["false_difference"], row["false_equivalent"]) <= 0.05 + off


def classifiers(rng: np.random.Generator, case: Case, n_features: int) -> NDArray[Any]:
    """(2, n_seeds, n_groups) shares of right answers of a linear classifier and of ones on random features."""
    group = np.repeat(np.arange(case.n_groups), case.n // case.n_groups)
    labels, fold = rng.integers(0, 2, case.n), rng.permutation(case.n_groups)[group] % case.folds
    inputs = rng.normal(0, 1, (case.n, 8)) + np.where(np.arange(8) < 3, 0.7, 0) * (labels[:, None] - 0.5)
    if case.n_groups < case.n:
        inputs += rng.normal(0, 0.5, (case.n_groups, 8))[group]
    inputs[:, 0] += 0.6 * inputs[:, 1] ** 2
    weights, shifts = rng.normal(0, 8**-0.5, (case.seeds, 8, n_features)), rng.normal(0, 1, (case.seeds, 1, n_features))
    right = []
    for features in (inputs[None], np.tanh(inputs @ weights + shifts)):
        with_one = np.concatenate([features, np.ones((*features.shape[:2], 1))], axis=2)
        answers = np.empty((len(with_one), case.n))
        for k in range(case.folds):
            seen = with_one[:, fold != k]
            gram = seen.transpose(0, 2, 1) @ seen + 0.1 * np.eye(seen.shape[2])
            fitted = np.linalg.solve(gram, (seen.transpose(0, 2, 1) @ (2.0 * labels[fold != k] - 1))[..., None])
            answers[:, fold == k] = (with_one[:, fold == k] @ fitted)[..., 0]
        right.append(np.broadcast_to((answers > 0) == (labels == 1), (case.seeds, case.n)))
    by_group = np.stack(right).reshape(2, case.seeds, case.n_groups, -1).sum(axis=3) / case.n
    order = np.argsort(fold.reshape(case.n_groups, -1)[:, 0], kind="stable")
    return by_group[..., order]


def trained(case: Case, n_features: int, repetitions: int, seed: int) -> dict[str, Any]:
    """How often intervals over seeds and groups, and the corrected t over folds, hold the mean of all repetitions."""
    design, rng = case.design(), np.random.default_rng(seed)
    values, errors = [], []
    for _ in range(repetitions):
        linear, random = classifiers(rng, case, n_features)
        terms = random - linear
        folds = terms.mean(axis=0).reshape(case.folds, -1).sum(axis=1) * case.folds
        corrected = redrawn(folds, 1 / (case.folds - 1), 1)
        wide = stats.t.ppf(0.975, case.folds - 1) * math.sqrt(float(corrected.variance(1)))
        low, high = (math.nan, math.nan) if design.reason else tested(design, terms, 0.01).interval
        values.append(float(terms.sum(axis=1).mean()))
        errors.append(((high - low) / 2, wide))
    off = np.abs(np.array(values) - np.mean(values))[:, None] <= np.array(errors)
    ours, corrected_t = off.mean(axis=0).tolist()
    told = {"covered": None if design.reason else ours, "covered_corrected_t": corrected_t}
    return asdict(case) | {"n_features": n_features, "refused": design.reason} | told


def shown(value: float | None) -> str:
    """In percent."""
    return "–" if value is None else f"{100 * value:.1f}"


def table(rows: list[dict[str, Any]]) -> str:
    """For people and for the documentation."""
    names = [name for name in ("covered", "covered_arm", "false_difference", "false_equivalent", "covered_corrected_t")
             if any(name in row for row in rows)]  # fmt: skip
    lines = ["| test samples | groups | folds | seeds | " + " | ".join(name.replace("_", " ") for name in names) + " |"]
    lines.append("|--:" * (4 + len(names)) + "|")
    for row in rows:
        groups = "–" if row["n_groups"] == row["n"] else str(row["n_groups"])
        told = [shown(row.get(name)) if name in row or not row["refused"] else "refused" for name in names]
        lines.append("| " + " | ".join([str(row["n"]), groups, str(row["folds"]), str(row["seeds"]), *told]) + " |")
    return "\n".join(lines)


def main() -> None:
    """Prints the table; the exit status is 1 if a promise is not kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trained", action="store_true", help="train classifiers instead of drawing answers")
    parser.add_argument("--cases", metavar="N,…", help="these designs alone, counted from 1 as they are listed here")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    n, first = options.repetitions, options.seed
    with ProcessPoolExecutor(options.jobs) as pool:
        if options.trained:
            sizes, grids = ((200, 200), (1000, 1000), (480, 24)), ((4, 1), (4, 5), (10, 1), (10, 5))
            cases = [Case(k, s, *size) for size in sizes for k, s in grids if size[1] % k == 0 or size[1] == 24]
            cases = [case for case in cases if case.n_groups % case.folds == 0]
            asked = [(case, p) for case in cases for p in (8, 30)]
            tasks = [pool.submit(trained, *each, n, first + i) for i, each in enumerate(asked)]
        else:
            chosen = CASES if options.cases is None else [CASES[int(each) - 1] for each in options.cases.split(",")]
            tasks = [pool.submit(drawn, case, n, first + i) for i, case in enumerate(chosen)]
        rows = []
        for task in tasks:
            rows.append(task.result())
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    kept = options.trained or all(as_promised(row, n) for row in rows)
    print(json.dumps({"repetitions": n, "as_promised": kept, "rows": rows}, indent=1) if options.json else table(rows))
    raise SystemExit(0 if kept else 1)


if __name__ == "__main__":
    main()
