"""Comparisons: planned once, carried out here or by an executor, gone on with, added to, and assessed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from qplug import catalogue
from qplug.atomic import write_atomically
from qplug.contract.errors import ConfigError, UserError, some_of
from qplug.lab.comparison.assess import outcome_of
from qplug.lab.comparison.cell_file import CELLS, cell_path
from qplug.lab.comparison.computing import Computing, chosen_cells, compute
from qplug.lab.comparison.outcome import OUTCOME, ComparisonOutcome
from qplug.lab.comparison.plan_file import ComparisonPlan, PlannedArm, PlannedCell, read_plan, write_plan
from qplug.lab.comparison.planning import planned
from qplug.lab.comparison.reading import cells_of
from qplug.lab.comparison.request import Request
from qplug.lab.config.resolve import resolve
from qplug.lab.pipeline.components import assemble
from qplug.lab.runner.code import changes_of_code, code_of, naming_what_is_gone
from qplug.lab.runner.reporter import Reporter
from qplug.lab.runner.workplace import Workplace
from qplug.lab.runs.directory import RunDirectory
from qplug.lab.runs.files import json_bytes

_MANY = 5


def begin(request: Request, out: Path, place: Workplace, reporter: Reporter, *, folder: Path | None = None) -> Path:
    """Plans a comparison and gives its folder, in which nothing is computed yet.

    Args:
        request: what is compared.
        out: where the folder is made, with a name of its own.
        place: where the data are.
        reporter: told what goes on.
        folder: the folder, where its name is chosen by the caller.

    Raises:
        UserError: something is asked that cannot be done, or the folder holds another comparison.
    """
    with catalogue.without(place.disabled):
        plan = planned(request, place, reporter)
    if folder is not None:
        if (folder / CELLS).exists():
            raise UserError(f"{folder} holds a comparison already; add to it, or choose another folder.")
        folder.mkdir(parents=True, exist_ok=True)
    else:
        heads = [arm.name for arm in plan.data_sets[0].arms if arm.role == "asked"]
        named = hashlib.sha256("".join(cell.key for cell in plan.cells).encode()).hexdigest()[:12]
        label = "+".join(heads) if len(heads) < 4 else f"{len(heads)}-heads"
        made = RunDirectory.create(out, dataset="+".join(request.datasets), head=label, short_hash=named)
        made.close()
        folder = made.path
    write_plan(folder, plan)
    return folder


def extend(folder: Path, more: Request, said: Iterable[str], place: Workplace, reporter: Reporter) -> None:
    """Adds data sets, heads, seeds, folds or ablations to a comparison; what is finished of it stays.

    Raises:
        UserError: what is said cannot be changed afterwards.
    """
    before = read_plan(folder)
    request = before.request.extended(more, said)
    if place.data_dir is None and len(before.data_sets) == 1 and before.data_sets[0].data_dir:
        place = place.with_data_dir(Path(before.data_sets[0].data_dir))
    with catalogue.without(place.disabled):
        plan = planned(request, place, reporter)
    lost = {cell.key for cell in before.cells if cell_path(folder, cell.key).is_file()} - {
        cell.key for cell in plan.cells
    }
    if lost and not {"folds"} & set(said):
        reporter.warn(
            f"{len(lost)} finished cells are not part of it any more, because data, code or packages have changed"
        )
    write_plan(folder, plan)
    (folder / OUTCOME).unlink(missing_ok=True)


def carry_out(
    computing: Computing, reporter: Reporter, *, cells: str | None = None
) -> tuple[ComparisonOutcome | None, str]:
    """Computes what is not finished, and gives what the comparison came to once nothing is left.

    Args:
        computing: the comparison, and who computes.
        reporter: told what goes on.
        cells: which cells only, as ``A-B``.

    Returns:
        The outcome, None while cells are left for others; and what failed, in words.

    Raises:
        ConfigError: code has changed since it was planned.
        QplugError: nothing is left that could be compared.
        Interrupted: the user stopped it; the message says how to go on.
    """
    with catalogue.without(computing.place.disabled):
        _refuse_changed_code(computing.plan)
        compute(computing, chosen_cells(computing.plan, cells), reporter)
    failed = [cell for cell in computing.plan.cells if computing.has_failed(cell) and not computing.is_there(cell)]
    if any(not computing.is_there(cell) for cell in computing.plan.cells if cell not in failed):
        return None, ""
    reporter.stage("assessing")
    outcome = _assessed(computing, failed)
    return outcome, _in_words(computing, failed)


def finish(folder: Path, plan: ComparisonPlan, left_out: Mapping[tuple[str, str], str]) -> ComparisonOutcome:
    """Assesses the finished cells and writes ``outcome.json``.

    Args:
        folder: of the comparison.
        plan: its cells.
        left_out: why arms are not assessed, by data set and name.
    """
    outcome = outcome_of(folder, plan, left_out)
    write_atomically(folder / OUTCOME, json_bytes(outcome.model_dump(mode="json")))
    return outcome


def _assessed(computing: Computing, failed: Sequence[PlannedCell]) -> ComparisonOutcome:
    reasons: dict[tuple[str, str], str] = {}
    for cell in failed:
        n = sum(each.arm is cell.arm and each.data_set is cell.data_set for each in failed)
        reasons.setdefault(
            (cell.data_set.name, cell.arm.name),
            f"{n} of its {len(cell.data_set.splits)} cells failed: {computing.failure(cell)}",
        )
    return finish(computing.folder, computing.plan, reasons)


def _in_words(computing: Computing, failed: Sequence[PlannedCell]) -> str:
    if not failed:
        return ""
    texts = [f"{cell.name}: {computing.failure(cell)}" for cell in failed]
    return (
        f"{len(failed)} of {len(computing.plan.cells)} cells failed ({some_of(texts, _MANY)}); their arms are left "
        f"out. Once it is mended: qplug resume {computing.folder} --again"
    )


def _refuse_changed_code(plan: ComparisonPlan) -> None:
    for data_set in plan.data_sets:
        for arm in data_set.arms:
            changed = list(_changes(plan, arm))
            if changed:
                raise ConfigError(
                    f"the comparison cannot go on, because code has changed since it was planned: "
                    f"{'; '.join(changed)}. Put it back as it was, or plan it anew by adding to it: "
                    f"qplug compare PLAN --heads …"
                )


def _changes(plan: ComparisonPlan, arm: PlannedArm) -> list[str]:
    before = {place: about.model_dump() for place, about in arm.code.items()}
    with naming_what_is_gone(before):
        config = resolve([{**arm.settings, "seed": plan.request.seeds[0]}])
    return list(changes_of_code(before, code_of(config, assemble(config))))


@dataclass(frozen=True)
class Size:
    """How large a comparison is.

    Attributes:
        n_cells: how many cells there are.
        n_finished: how many of them are finished.
        seconds: of one process for those that are left, from those that are finished of the same arm; None if an arm
            has none.
        n_bytes: of all cells' files; None as long as there is none.
    """

    n_cells: int
    n_finished: int
    seconds: float | None
    n_bytes: float | None


def first_cells(plan: ComparisonPlan) -> list[PlannedCell]:
    """The first cell of each arm, which tell how long the others take."""
    found: dict[tuple[str, str], PlannedCell] = {}
    for cell in plan.cells:
        found.setdefault((cell.data_set.name, cell.arm.name), cell)
    return list(found.values())


def size_of(folder: Path, plan: ComparisonPlan) -> Size:
    """How large a comparison is, and how long what is left of it takes, from the cells that are finished."""
    results, left, seconds = cells_of(folder, plan), 0.0, []
    for data_set in plan.data_sets:
        for arm in data_set.arms:
            found = results.get(data_set.name, {}).get(arm.name, [])
            n_left = len(data_set.splits) - len(found)
            took = [cell.record.training.seconds + _BESIDE for cell in found]
            seconds.append(bool(took) or not n_left)
            left += n_left * plan.request.trials * (fmean(took) if took else 0.0)
    finished = [cell for cell in plan.cells if cell_path(folder, cell.key).is_file()]
    sizes = [
        sum(cell_path(folder, cell.key, ending).stat().st_size for ending in (".json", ".npz")) for cell in finished
    ]
    return Size(
        n_cells=len(plan.cells),
        n_finished=len(finished),
        seconds=left if all(seconds) else None,
        n_bytes=fmean(sizes) * len(plan.cells) if sizes else None,
    )


_BESIDE = 0.5
"""Seconds that a warm process takes beside the training of a cell."""
