"""The page itself."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from jinja2 import UndefinedError

from qplug.atomic import write_atomically
from qplug.contract.errors import DataError
from qplug.lab.comparison.plan_file import is_comparison
from qplug.lab.comparison.reading import cells_of, read_outcome
from qplug.lab.report import content, folds, sets
from qplug.lab.report.again import judged_again
from qplug.lab.report.comparison import write_comparison
from qplug.lab.report.devices import devices
from qplug.lab.report.figures import pictures
from qplug.lab.report.filling import fill
from qplug.lab.report.folds import FinishedSet, read_set
from qplug.lab.report.sets import FinishedRuns, is_one_of_folds, read_runs
from qplug.lab.report.source import FinishedRun, read_run
from qplug.lab.runs.directory import CONFIG, SET, is_set
from qplug.lab.runs.evaluations import EVALUATIONS
from qplug.lab.runs.ladder_record import read_ladder
from qplug.lab.runs.run_record import MissingKey
from qplug.lab.runs.set_record import read_set as read_set_record

JUDGING = ("confusion_matrix", "roc_pr", "calibration", "embedding", "misclassified")
TRAINING = ("curves", "gradients")


def write_report(path: Path, out: Path | None = None) -> Path:
    """Writes the report of a finished run, set of runs or comparison, and gives the file.

    Args:
        path: the run directory, or the directory of the set or of the comparison.
        out: the file to write; ``report.html`` in that directory by default.

    Raises:
        UserError: there is no such run, it is not finished, or the file cannot be written.
        DataError: one of its files is missing or damaged.
    """
    if is_comparison(path):
        return write_comparison(path, read_outcome(path), cells_of(path), page=out)[0]
    several = is_set(path)
    try:
        page = _page_of_a_set(path) if several else render(read_run(path))
    except (KeyError, MissingKey, UndefinedError) as error:
        lacking = f"({error.key!r}). {error}" if isinstance(error, MissingKey) else f"({error})"
        again = (
            "Look at its runs: qplug runs" if several else f"Repeat the run with: qplug run --config {path / CONFIG}"
        )
        raise DataError(
            f"{path} lacks what a report needs {lacking}; it may be damaged or of another version of qplug. {again}"
        ) from error
    target = out or path / "report.html"
    write_atomically(target, page.encode())
    return target


def render(run: FinishedRun) -> str:
    """The run as HTML: one document with its style and figures in it, that asks nothing of any network.

    All that comes from the run is escaped. The same run gives the same document.
    """
    return fill(
        "report.html",
        run=run,
        record=run.record,
        content=content,
        started=_started(run.name),
        judging=pictures(run, JUDGING),
        judged_again=judged_again(run.directory.path),
        devices=devices(run.directory.path),
        ladder=read_ladder(run.directory.path / EVALUATIONS),
        training=pictures(run, TRAINING),
        circuits=pictures(run, tuple(run.circuits)),
    )


def render_set(found: FinishedSet) -> str:
    """A set of folds as HTML, of the same kind as ``render`` makes of a run."""
    return fill(
        "folds.html",
        found=found,
        metrics=found.metrics,
        content=folds,
        run_content=content,
        started=_started(found.name),
        pooled=folds.pooled(found),
    )


def _page_of_a_set(path: Path) -> str:
    if (path / SET).is_file() and not is_one_of_folds(read_set_record(path)):
        return render_runs(read_runs(path))
    return render_set(read_set(path))


def render_runs(found: FinishedRuns) -> str:
    """A set of several heads or seeds as HTML, of the same kind as ``render`` makes of a run."""
    return fill("set.html", found=found, content=sets, started=_started(found.name))


def _started(name: str) -> str:
    """When the run was started, from the name of its folder; empty if that was changed."""
    try:
        return f"{datetime.strptime(name[:15], '%Y%m%d-%H%M%S'):%Y-%m-%d %H:%M}"
    except ValueError:
        return ""
