"""What a comparison came to, derived again from its cells: scores from answers, verdicts from scores."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from qplug.lab.capsule.check import Check, each_leaf, failed, guarded, same
from qplug.lab.capsule.scores import Answers, checks_of_scores
from qplug.lab.comparison.assess import outcome_of
from qplug.lab.comparison.cell_file import CELLS, CellFile, CellResult, cell_path, read_cell
from qplug.lab.comparison.outcome import OUTCOME, ComparisonOutcome
from qplug.lab.comparison.plan_file import PLAN, ComparisonPlan, PlannedCell, read_plan
from qplug.lab.comparison.reading import read_outcome
from qplug.lab.config.training import TrainingOptions
from qplug.lab.runs.typed_file import validated


def checks_of_comparison(folder: Path) -> Iterator[Check]:
    """A check for each number of a finished comparison.

    Raises:
        UserError: there is none, or it is not finished.
        DataError: its plan or its outcome is damaged.
    """
    plan, outcome = read_plan(folder), read_outcome(folder)
    for cell in plan.cells:
        file = cell_path(folder, cell.key).relative_to(folder).as_posix()
        yield from guarded(file, "all", lambda cell=cell, file=file: _cell(folder, cell, file))  # type: ignore[misc]
    yield from _unplanned(folder, plan)
    yield from guarded(OUTCOME, "all", lambda: _outcome(folder, plan, outcome))


def _cell(folder: Path, cell: PlannedCell, file: str) -> Iterator[Check]:
    path = folder / file
    if not path.is_file():
        return  # its arm is left out of the outcome, which is derived without it too
    arrays = file.removesuffix(".json") + ".npz"
    content = validated(path.read_text(encoding="utf-8"), file, CellFile)
    packed = path.with_suffix(".npz").read_bytes()
    yield same(file, "key", content.key, cell.key, PLAN)
    yield same(file, "arrays", content.arrays, hashlib.sha256(packed).hexdigest(), arrays)
    result = read_cell(folder, cell.key)
    assert result is not None
    yield from _against_the_plan(cell, result, file)
    scores = result.record.test
    if len(scores.per_class) != result.probabilities.shape[1]:
        yield failed(
            arrays, "probabilities", f"{result.probabilities.shape[1]} columns, {len(scores.per_class)} classes"
        )
        return
    found = Answers.of_cell(result.labels, result.probabilities)
    yield from checks_of_scores(file, "test", scores, found, list(scores.per_class), arrays)
    yield from _training(result, file, arrays)


def _against_the_plan(cell: PlannedCell, result: CellResult, file: str) -> Iterator[Check]:
    split = result.record.split
    yield same(file, "seed", result.record.seed, cell.split.seed, PLAN)
    yield same(file, "split.fold", split.fold, cell.split.fold, PLAN)
    yield same(file, "split.hashes.all", split.hashes["all"], cell.split.hash, PLAN)
    yield same(file, "split.sizes.train", split.sizes["train"], cell.split.n_train, PLAN)
    yield same(file, "split.sizes.test", split.sizes["test"], len(result.ids), file.removesuffix(".json") + ".npz")
    yield same(PLAN, f"n_test of seed {cell.split.seed}", cell.split.n_test, len(set(result.ids.tolist())), file)


def _training(result: CellResult, file: str, arrays: str) -> Iterator[Check]:
    training, history = result.record.training, result.history
    if "epoch" not in history or "validation_cross_entropy" not in history:
        return
    yield same(file, "training.epochs", training.epochs, len(history["epoch"]), arrays)
    table = result.record.configuration.get("training")
    options = TrainingOptions.model_validate(table if isinstance(table, dict) else {})
    if f"validation_{options.monitor}" in history:
        columns = (history[f"validation_{options.monitor}"].tolist(), history["validation_cross_entropy"].tolist())
        reached = [(options.goodness(value), -loss) for value, loss in zip(*columns, strict=True)]
        phases = history.get("phase")
        start = 0 if phases is None else int((phases < 2).sum())
        best = max(range(start, len(reached)), key=lambda epoch: reached[epoch])
        yield same(file, "training.best_epoch", training.best_epoch, best + 1, arrays)
    if "seconds" in history:
        yield same(file, "training.seconds", training.seconds, float(sum(history["seconds"].tolist())), arrays)


def _unplanned(folder: Path, plan: ComparisonPlan) -> Iterator[Check]:
    """Cells whose arm is no part of the outcome are no fault; a plan none of whose cells are there is."""
    if not any(cell_path(folder, cell.key).is_file() for cell in plan.cells):
        yield failed(PLAN, "cells", f"no file in {CELLS} is of a cell of this plan")


def _outcome(folder: Path, plan: ComparisonPlan, outcome: ComparisonOutcome) -> Iterator[Check]:
    derived = outcome_of(folder, plan, _left_out(plan, outcome)).model_dump(mode="json")
    recorded = outcome.model_dump(mode="json")
    for each in (recorded, derived):
        del each["comparison"]  # the folder may be called something else now
    yield from each_leaf(OUTCOME, recorded, derived, f"{PLAN} and {CELLS}")


def _left_out(plan: ComparisonPlan, outcome: ComparisonOutcome) -> Mapping[tuple[str, str], str]:
    """Why arms were not assessed, beside what the plan says: cells that failed leave no file, but their reason."""
    found = {}
    for planned, assessed in zip(plan.data_sets, outcome.data_sets, strict=True):
        for arm in planned.arms:
            told = (
                line.removeprefix(f"{arm.name}: ") for line in assessed.left_out if line.startswith(f"{arm.name}: ")
            )
            if arm.name not in planned.left_out and (why := next(told, None)) is not None:
                found[planned.name, arm.name] = why
    return found
