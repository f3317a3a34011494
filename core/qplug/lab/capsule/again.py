"""A run's answers from its weights and the data, where these are there; this alone needs torch and components."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from qplug.lab.capsule.check import Check, failed, same
from qplug.lab.capsule.run import PREDICTIONS, rows_of
from qplug.lab.runner.asked import Asked, again_of, inputs
from qplug.lab.runner.loaded import load_classifier
from qplug.lab.runner.reporter import Reporter
from qplug.lab.runner.workplace import Workplace
from qplug.lab.runs.directory import WEIGHTS, RunDirectory
from qplug.lab.runs.record_file import read_record, record_name
from qplug.lab.runs.run_record import RunRecord

WITHIN = 1e-4
"""How far a probability may be from the one that was written, which another processor computed in 24 bits."""


def checks_with_data(folder: Path, place: Workplace, reporter: Reporter) -> Iterator[Check]:
    """Each part judged again by the weights that were kept.

    Raises:
        UserError: the data are not there.
        DataError: files of the run or of the data are damaged.
    """
    record = read_record(folder)
    yield from _network(folder, record, reporter)
    trained_on = record.judgement("validation")
    for judgement in record.judgements:
        exact = judgement.backend == trained_on.backend and judgement.settings == trained_on.settings
        part: Literal["test", "validation"] = "test" if judgement.part == "test" else "validation"
        if not exact:
            reporter.note(f"the {part} part was judged on {judgement.backend}, by chance, and is not judged again")
            continue
        yield from _part(folder, part, place, reporter)


def _network(folder: Path, record: RunRecord, reporter: Reporter) -> Iterator[Check]:
    """What the weights themselves tell."""
    from qplug.lab.pipeline.classifier import count_parameters

    model = load_classifier(RunDirectory.open(folder), reporter.warn).model
    counted, written = count_parameters(model), record.training.parameters
    for name in ("total", "quantum"):
        number = f"training.parameters.{name}"
        yield same(record_name(RunDirectory(folder)), number, getattr(written, name), getattr(counted, name), WEIGHTS)
    told, derived = list(record.training.branch_weights), model.branches.weights.tolist()
    yield same(record_name(RunDirectory(folder)), "training.branch_weights", told, derived, WEIGHTS)


def _part(folder: Path, part: Literal["test", "validation"], place: Workplace, reporter: Reporter) -> Iterator[Check]:
    from qplug.lab.judging.judge import judge

    again = again_of(RunDirectory.open(folder), Asked(part=part), place, reporter)
    view, on = inputs(again, reporter)
    reporter.stage(f"judging on {part}")
    judged = judge(view, on, device=again.config.device, on_step=reporter.progress)
    derived = {row["id"]: row for row in judged.predictions()}
    written = [row for row in rows_of(folder) if row["part"] == part]
    yield same(PREDICTIONS, f"{part}: ids", sorted(row["id"] for row in written), sorted(derived), "the data")
    if any(row["id"] not in derived for row in written):
        yield failed(PREDICTIONS, f"{part}: answers", "not all of its samples are among the data")
        return
    others = [row["id"] for row in written if row["predicted"] != derived[row["id"]]["predicted"]]
    source = f"{WEIGHTS} and the data"
    told = f"±{WITHIN:g}" + (f"; other answers: {', '.join(others[:3])}" if others else "")
    columns = [name for name in written[0] if name.startswith("p_")]
    for name in columns:
        pairs = [(float(row[name]), float(derived[row["id"]][name])) for row in written]
        before, after = (sum(each) / len(pairs) for each in zip(*pairs, strict=True))
        holds = max(abs(left - right) for left, right in pairs) <= WITHIN
        yield Check(PREDICTIONS, f"{part}: mean of {name}", before, after, holds, source, f"±{WITHIN:g} in every row")
    n_same = len(written) - len(others)
    yield Check(PREDICTIONS, f"{part}: equal answers", len(written), n_same, _only_near(written, others), source, told)


def _only_near(written: list[dict[str, str]], others: list[str]) -> bool:
    """Whether answers differ only where two classes were as good as equal."""
    for row in written:
        if row["id"] in others:
            best = sorted((float(value) for name, value in row.items() if name.startswith("p_")), reverse=True)
            if best[0] - best[1] > 2 * WITHIN:
                return False
    return True
