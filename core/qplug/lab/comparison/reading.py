"""Comparisons that there are: their outcomes, their cells, and a list of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qplug.contract.errors import DataError, QplugError, UserError
from qplug.lab.comparison.cell_file import CellResult, cell_path, read_cell
from qplug.lab.comparison.outcome import OUTCOME, VERSION, ComparisonOutcome
from qplug.lab.comparison.plan_file import ComparisonPlan, is_comparison, read_plan
from qplug.lab.config.reading import parse_json
from qplug.lab.runs.directory import RunDirectory
from qplug.lab.runs.typed_file import refuse_newer, validated

Cells = Mapping[str, Mapping[str, Sequence[CellResult]]]
"""Finished cells by data set and arm, in the order of the plan."""


def read_outcome(folder: Path) -> ComparisonOutcome:
    """What a finished comparison came to.

    Raises:
        UserError: there is no comparison in the folder, or it is not finished.
        DataError: the file is damaged, or a newer version wrote it.
    """
    if not (folder / OUTCOME).is_file():
        read_plan(folder)
        raise UserError(f"{folder} is not finished. Go on with: qplug resume {folder}")
    where, text = str(folder / OUTCOME), RunDirectory(folder).read_text(OUTCOME)
    refuse_newer(parse_json(text, where, DataError), where, VERSION, "outcomes of comparisons")
    return validated(text, where, ComparisonOutcome)


def cells_of(folder: Path, plan: ComparisonPlan | None = None) -> Cells:
    """The finished cells of a comparison.

    Raises:
        DataError: a file is damaged.
    """
    found: dict[str, dict[str, list[CellResult]]] = {}
    for cell in (plan or read_plan(folder)).cells:
        if (result := read_cell(folder, cell.key)) is not None:
            found.setdefault(cell.data_set.name, {}).setdefault(cell.arm.name, []).append(result)
    return found


@dataclass(frozen=True)
class Listed:
    """One line of ``qplug compare --list``.

    Attributes:
        problem: what is damaged; empty if nothing is.
    """

    path: Path
    datasets: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    n_cells: int = 0
    n_finished: int = 0
    finished: bool = False
    problem: str = ""


def list_comparisons(root: Path) -> list[Listed]:
    """The comparisons in a folder, the newest first; a damaged one hides no other."""
    if not root.is_dir():
        return []
    folders = sorted((path for path in root.iterdir() if is_comparison(path)), reverse=True)
    return [_listed(folder) for folder in folders]


def _listed(folder: Path) -> Listed:
    try:
        plan = read_plan(folder)
    except QplugError as error:
        return Listed(folder, problem=str(error))
    asked = dict.fromkeys(arm.name for each in plan.data_sets for arm in each.arms if arm.role == "asked")
    return Listed(
        folder,
        datasets=tuple(each.name for each in plan.data_sets),
        heads=tuple(asked),
        n_cells=len(plan.cells),
        n_finished=sum(cell_path(folder, cell.key).is_file() for cell in plan.cells),
        finished=(folder / OUTCOME).is_file(),
    )
