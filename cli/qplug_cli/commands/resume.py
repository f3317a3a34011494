"""``qplug resume``: go on with an interrupted run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qplug.contract.errors import QplugError, UserError
from qplug_cli import results
from qplug_cli.device_options import Budget, NoWait, Samples, Shots, Yes, spending
from qplug_cli.options import ExecutorName, ExecutorSettings, Figures, Jobs, Json, NoPlugin, PerGpu, PluginFile

if TYPE_CHECKING:
    from qplug.lab.comparison.computing import Computing

EXAMPLES = """
**Examples**

`qplug resume runs/20260101-120000-fsdd-pennylane-pqc-1a2b3c4d5e6f`

`qplug resume runs/20260101-120000-crema-d-pennylane-pqc-8a9b0c1d2e3f --yes` – its work at a device

`qplug resume runs/20260101-120000-urbansound8k-mlp-4d5e6f708192-set --jobs 2` – what is left of a set of runs
"""


def resume(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", help="The directory of an interrupted run, set of runs, or comparison.", show_default=False
        ),
    ],
    jobs: Jobs = None,
    executor: ExecutorName = None,
    per_gpu: PerGpu = None,
    assignments: ExecutorSettings = None,
    figures: Figures = True,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder of a set's data, if it is not where it was.", show_default=False)
    ] = None,
    samples: Samples = None,
    shots: Shots = None,
    budget: Budget = None,
    yes: Yes = False,
    no_wait: NoWait = False,
    again: Annotated[bool, typer.Option("--again", help="Try cells of a comparison again that failed.")] = False,
    plugin: PluginFile = None,
    no_plugin: NoPlugin = None,
    json: Json = False,
) -> None:
    """Go on with a run, a set of runs or a comparison that was interrupted; the numbers are those of one that was not.

    Work that a finished run has left with a device is fetched; nothing is sent twice.
    """
    from qplug.lab.runs.directory import refuse_missing
    from qplug_cli.progress import TerminalReporter, loading

    refuse_missing(run)
    with loading():
        from qplug.lab.comparison import executors, sets
        from qplug.lab.comparison.computing import Computing
        from qplug.lab.comparison.plan_file import is_comparison, read_plan
        from qplug.lab.runner.workplace import Workplace

    settings, others = executors.executor_settings(assignments or ())
    if others:
        raise UserError(f"--set {others[0]}: settings of what was begun cannot be changed, only executor.PARAM=VALUE.")
    folder = None if data_dir is None else data_dir.expanduser().resolve()
    place = replace(Workplace.from_environment().with_data_dir(folder), figures=figures)
    if is_comparison(run):
        by = executors.executor_of(executor, jobs, per_gpu, place, settings)
        _resume_comparison(
            Computing(run, read_plan(run), place, by, again=again, at_once=jobs or 1, may_spread=jobs is None),
            json=json,
        )
        return
    with TerminalReporter() as reporter:
        allowed = spending(reporter, budget, yes=yes, no_wait=no_wait, size=(samples, shots))
        by = executors.executor_of(executor, jobs, per_gpu, place, settings)
        summary = sets.resume(run, reporter, executor=by, workplace=place, spending=allowed)
    results.show(summary, json=json)


def _resume_comparison(work: Computing, *, json: bool) -> None:
    from qplug_cli.commands.compare import completed, show
    from qplug_cli.progress import TerminalReporter

    with TerminalReporter() as reporter:
        outcome, failed = completed(work, reporter)
    show(work.folder, outcome, json=json)
    if failed:
        raise QplugError(failed)
