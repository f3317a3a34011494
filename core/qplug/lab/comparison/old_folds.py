"""Sets of folds as older versions made them, whose runs stand beside the set: gone on with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qplug.contract.errors import Interrupted, UserError
from qplug.lab.comparison.summary import over_folds
from qplug.lab.config.resolve import resolve
from qplug.lab.runner.complete import Cell, complete
from qplug.lab.runner.reporter import Reporter
from qplug.lab.runner.workplace import Workplace
from qplug.lab.runs.directory import FOLDS, METRICS, RunDirectory


def resume_folds(path: Path, reporter: Reporter, *, workplace: Workplace | None = None) -> dict[str, Any]:
    """Goes on with an interrupted set of folds of an older version; finished runs are kept.

    Raises:
        UserError: it is finished, or another process works on it.
        Interrupted: the user stopped it again.
    """
    place = workplace or Workplace.from_environment()
    with RunDirectory.reopen(path) as directory:
        if directory.status == "finished":
            raise UserError(f"all folds of {path} are finished; there is nothing to resume. Look at them: qplug runs")
        found = directory.read_json(FOLDS, whole=True)
        summaries: list[dict[str, Any]] = []
        for number in found["folds"]:
            name = found["runs"].setdefault(str(number), f"{directory.name}-{number}")
            directory.write_json(FOLDS, found)  # first: a run that nobody names is no fold
            run = directory.path.parent / name
            reporter.note(f"fold {number} of {found['settings']['dataset']['name']}")
            try:
                record = complete(_cell(run, found["settings"], number), place, reporter)
            except (Interrupted, KeyboardInterrupt):
                raise Interrupted(
                    f"stopped in fold {number}; {len(summaries)} of {len(found['folds'])} folds are finished. "
                    f"Go on with: qplug resume {directory.path}"
                ) from None
            summaries.append(record.summary(str(run)))
        # Named without their folder, so that all of them may be moved together.
        directory.write_json(METRICS, over_folds([{**each, "run": Path(each["run"]).name} for each in summaries]))
        return {"set": str(directory.path), **over_folds(summaries)}


def _cell(run: Path, settings: dict[str, Any], number: int) -> Cell:
    """The run of a fold; what its ``run.toml`` says if it was begun, since that names threads and device too."""
    from qplug.lab.config.layers import from_file

    begun = run / "run.toml"
    return Cell(resolve([from_file(begun)] if begun.is_file() else [{"fold": number}, settings]), run)
