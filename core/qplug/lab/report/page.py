"""The page itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from jinja2 import UndefinedError

from qplug.atomic import write_atomically
from qplug.contract.errors import DataError, UserError
from qplug.lab.comparison.plan_file import is_comparison
from qplug.lab.comparison.reading import cells_of, read_outcome
from qplug.lab.report import content, folds, sets
from qplug.lab.report.again import judged_again
from qplug.lab.report.comparison import write_comparison
from qplug.lab.report.comparison_figures import drawn
from qplug.lab.report.devices import devices
from qplug.lab.report.drawing import FORMATS, of_run, write_drawn
from qplug.lab.report.figures import pictures
from qplug.lab.report.filling import fill
from qplug.lab.report.folds import FinishedSet, read_set
from qplug.lab.report.links import PAGE, links_of_folds, links_of_runs, whole_of
from qplug.lab.report.samples import mistakes
from qplug.lab.report.set_figures import fold_pictures, of_folds, of_runs, run_pictures
from qplug.lab.report.sets import FinishedRuns, is_one_of_folds, read_runs
from qplug.lab.report.source import FinishedRun, read_run
from qplug.lab.runs.directory import CONFIG, SET, is_set
from qplug.lab.runs.evaluations import EVALUATIONS
from qplug.lab.runs.ladder_record import read_ladder
from qplug.lab.runs.run_record import MissingKey
from qplug.lab.runs.set_record import read_set as read_set_record

JUDGING = ("confusion_matrix", "roc_pr", "calibration", "embedding", "misclassified")
TRAINING = ("curves", "gradients")


def write_report(path: Path, out: Path | None = None, *, samples: bool = False) -> Path:
    """Writes the report of a finished run, set of runs or comparison, and gives the file.

    Args:
        path: the run directory, or the directory of the set or of the comparison.
        out: the file to write; ``report.html`` in that directory by default. Elsewhere it has no links to other pages.
        samples: whether a run's page has the samples of its surest mistakes, where the data are at hand.

    Raises:
        UserError: there is no such run, it is not finished, or the file cannot be written.
        DataError: one of its files is missing or damaged.
    """
    if is_comparison(path):
        return write_comparison(path, read_outcome(path), cells_of(path), page=out)[0]
    several, linked = is_set(path), out is None or out.resolve().parent == path.resolve()
    try:
        page = (
            _page_of_a_set(path, linked=linked) if several else render(read_run(path), samples=samples, linked=linked)
        )
    except (KeyError, MissingKey, UndefinedError) as error:
        lacking = f"({error.key!r}). {error}" if isinstance(error, MissingKey) else f"({error})"
        again = (
            "Look at its runs: qplug runs" if several else f"Repeat the run with: qplug run --config {path / CONFIG}"
        )
        raise DataError(
            f"{path} lacks what a report needs {lacking}; it may be damaged or of another version of qplug. {again}"
        ) from error
    target = out or path / PAGE
    write_atomically(target, page.encode())
    return target


def write_figures(path: Path, formats: Sequence[str]) -> list[Path]:
    """Draws the figures of a finished run, set or comparison anew from its files, into its folder ``figures``.

    Those of a run that its folder does not keep the numbers of (``drawing.ONLY_PNG``) are left as they are.

    Args:
        path: the directory.
        formats: of ``drawing.FORMATS``.

    Raises:
        UserError: there is no such run, it is not finished, or a file cannot be written.
        DataError: one of its files is missing or damaged.
    """
    if unknown := sorted(set(formats) - set(FORMATS)):
        raise UserError(
            f"figures cannot be written as {', '.join(map(repr, unknown))}. Possible: {', '.join(FORMATS)} "
            "or both; PNG is there always."
        )
    if is_comparison(path):
        outcome = read_outcome(path)
        return write_drawn(path, ((one.name, one.figure) for one in drawn(outcome, cells_of(path))), formats)
    if not is_set(path):
        return write_drawn(path, of_run(read_run(path)), formats)
    return write_drawn(path, of_folds(read_set(path)) if _of_folds(path) else of_runs(read_runs(path)), formats)


def write_reports_of_runs(path: Path, *, samples: bool = False) -> list[Path]:
    """Writes the report of every run of a finished set, each with a link to that of the set, and gives the files.

    Args:
        path: the directory of the set; its own report is written by ``write_report``, best after these.
        samples: as ``write_report`` takes it.

    Raises:
        UserError: it is no set of runs, is not finished, or a file cannot be written.
        DataError: a file is missing or damaged.
    """
    if is_comparison(path) or not (path / SET).is_file():
        raise UserError(f"{path} has no runs in its folder: it is no set of runs. Leave --runs out.")
    found = read_set_record(path)
    if not (path / PAGE).exists():
        write_report(path)  # what is not there is not linked to
    return [write_report(path / cell.folder, samples=samples) for cell in found.cells]


def render(run: FinishedRun, *, samples: bool = False, linked: bool = False) -> str:
    """The run as HTML: one document with its style and figures in it, that asks nothing of any network.

    All that comes from the run is escaped. The same run gives the same document; with ``samples``,
    the same data too.
    """
    return fill(
        "report.html",
        run=run,
        record=run.record,
        content=content,
        started=_started(run.name),
        judging=pictures(run, JUDGING),
        mistakes=mistakes(run) if samples else None,
        whole=whole_of(run, linked=linked),
        judged_again=judged_again(run.directory.path),
        devices=devices(run.directory.path),
        ladder=read_ladder(run.directory.path / EVALUATIONS),
        training=pictures(run, TRAINING),
        circuits=pictures(run, tuple(run.circuits)),
    )


def render_set(found: FinishedSet, *, linked: bool = False) -> str:
    """A set of folds as HTML, of the same kind as ``render`` makes of a run."""
    return fill(
        "folds.html",
        found=found,
        metrics=found.metrics,
        content=folds,
        run_content=content,
        started=_started(found.name),
        pictures=fold_pictures(found),
        links=links_of_folds(found) if linked else {},
    )


def _page_of_a_set(path: Path, *, linked: bool) -> str:
    return render_set(read_set(path), linked=linked) if _of_folds(path) else render_runs(read_runs(path), linked=linked)


def _of_folds(path: Path) -> bool:
    """Whether a set is each fold of a split once; older versions wrote no others."""
    return not (path / SET).is_file() or is_one_of_folds(read_set_record(path))


def render_runs(found: FinishedRuns, *, linked: bool = False) -> str:
    """A set of several heads or seeds as HTML, of the same kind as ``render`` makes of a run."""
    return fill(
        "set.html",
        found=found,
        content=sets,
        pictures=run_pictures(found),
        links=links_of_runs(found) if linked else {},
        started=_started(found.name),
    )


def _started(name: str) -> str:
    """When the run was started, from the name of its folder; empty if that was changed."""
    try:
        return f"{datetime.strptime(name[:15], '%Y%m%d-%H%M%S'):%Y-%m-%d %H:%M}"
    except ValueError:
        return ""
