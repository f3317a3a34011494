"""``qplug compare``: whether one head is better than another, with intervals and a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qplug.contract.errors import QplugError, UserError
from qplug_cli import blocks, output
from qplug_cli.options import ExecutorName, Jobs, Json, NoPlugin, OnBadFile, PerGpu, PluginFile

if TYPE_CHECKING:
    from qplug.lab.comparison.computing import Computing
    from qplug.lab.comparison.outcome import ComparisonOutcome
    from qplug.lab.comparison.request import Request
    from qplug_cli.progress import TerminalReporter

EXAMPLES = """
**Examples**

`qplug compare --dataset digits --heads pennylane-pqc --jobs 2` – against the baselines, ten seeds

`qplug compare --dataset fsdd,ravdess --data-dir ~/data --heads pennylane-pqc,qiskit-qnn --seeds 20`

`qplug compare --recipe crema-d-transfer --data-dir ~/data --ablate` – what is left without the circuit's parts

`qplug compare comparisons/20260101-120000-digits-pennylane-pqc-1a2b3c4d5e6f --heads mlp` – add an arm to it

`qplug compare big/plan.toml --dataset cifar-10 --heads pennylane-ry-rz-ring --plan` – plan only: how many, how long

`qplug compare big/plan.toml --cells 0-99` – one shard of it, as in an array of jobs; any shard may run again

`qplug compare --list` – the comparisons in ./comparisons
"""

_Components = "Components"
_HELD = "What is held equal"


def compare(
    plan: Annotated[
        Path | None,
        typer.Argument(
            metavar="[COMPARISON]",
            help="A comparison that there is, its plan.toml, or where to put a new one.",
            show_default=False,
        ),
    ] = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME,…", help="Data sets; each gets its own verdicts.", rich_help_panel=_Components),
    ] = None,
    heads: Annotated[
        list[str] | None,
        typer.Option(
            "--heads",
            "--head",
            metavar="NAME,…",
            help="Heads to be compared with the baselines and one another.  [default: the recipe's]",
            rich_help_panel=_Components,
        ),
    ] = None,
    features: Annotated[str | None, typer.Option(metavar="NAME", rich_help_panel=_Components)] = None,
    backbone: Annotated[str | None, typer.Option(metavar="NAME", rich_help_panel=_Components)] = None,
    reducer: Annotated[str | None, typer.Option(metavar="NAME", rich_help_panel=_Components)] = None,
    backend: Annotated[
        str | None, typer.Option(metavar="NAME", help="Where circuits are evaluated.", rich_help_panel=_Components)
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(metavar="NAME", help="A whole pipeline to start from.", rich_help_panel=_Components)
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KIND.PARAM=VALUE",
            help="Set one parameter of all arms; with DATASET: before it, on that data set alone. Repeatable.",
        ),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(
            metavar="N", help="How many seeds, or which: 10, 0-19 or 1,5,7.  [default: 10]", rich_help_panel=_HELD
        ),
    ] = None,
    fold: Annotated[
        str | None,
        typer.Option(metavar="K|all", help="Which fold is the test part.  [default: all]", rich_help_panel=_HELD),
    ] = None,
    split: Annotated[str | None, typer.Option(metavar="NAME", rich_help_panel=_HELD)] = None,
    epochs: Annotated[int | None, typer.Option(min=1, rich_help_panel=_HELD)] = None,
    threads: Annotated[int | None, typer.Option(min=1, rich_help_panel=_HELD)] = None,
    device: Annotated[str | None, typer.Option(metavar="auto|cpu|cuda", rich_help_panel=_HELD)] = None,
    trials: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Step sizes and weight decays that each run of each arm tries on validation.  [default: 1]",
            rich_help_panel=_HELD,
        ),
    ] = None,
    on_bad_file: Annotated[OnBadFile | None, typer.Option(rich_help_panel=_HELD)] = None,
    allow_leak: Annotated[
        bool, typer.Option("--allow-leak", help="Go on where a group stands in two parts.", rich_help_panel=_HELD)
    ] = False,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="Short runs on generated files.", rich_help_panel=_HELD)
    ] = False,
    margin: Annotated[
        float | None,
        typer.Option(
            help="Differences up to it do not matter; 0.01 is one point.  [default: 0.01]", rich_help_panel="Verdict"
        ),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="accuracy, balanced_accuracy or macro_f1.  [default: accuracy]",
            rich_help_panel="Verdict",
        ),
    ] = None,
    ablate: Annotated[
        bool,
        typer.Option(
            "--ablate",
            help="Also with parts of the circuit taken away: what earns the score?",
            rich_help_panel="Verdict",
        ),
    ] = False,
    baselines: Annotated[
        bool,
        typer.Option(
            "--baselines/--no-baselines", help="Compare with the usual classical arms.", rich_help_panel="Verdict"
        ),
    ] = True,
    transpile: Annotated[
        bool,
        typer.Option(
            "--transpile/--no-transpile",
            help="Compile the circuits for a modelled device, if Qiskit is there, to tell their gates.",
            rich_help_panel="Verdict",
        ),
    ] = True,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder of the data set, or of all data sets.", rich_help_panel="Work")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where comparisons are kept.", rich_help_panel="Work")] = Path(
        "comparisons"
    ),
    jobs: Jobs = None,
    executor: ExecutorName = None,
    per_gpu: PerGpu = None,
    only_plan: Annotated[
        bool,
        typer.Option(
            "--plan",
            help="Write the plan, compute one cell of each arm, and say how large it all is.",
            rich_help_panel="Work",
        ),
    ] = False,
    cells: Annotated[
        str | None, typer.Option(metavar="A-B", help="Only these cells of the plan.", rich_help_panel="Work")
    ] = None,
    keep_runs: Annotated[
        bool, typer.Option("--keep-runs", help="Keep the whole directory of each run.", rich_help_panel="Work")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Try cells again that failed.", rich_help_panel="Work")
    ] = False,
    list_them: Annotated[bool, typer.Option("--list", help="The comparisons there are.")] = False,
    plugin: PluginFile = None,
    no_plugin: NoPlugin = None,
    json: Json = False,
) -> None:
    """Find out whether a head is better than others: same data, same budget, several seeds, intervals, a verdict.

    Each arm is trained with each seed on each fold; cells that are finished are kept, so that a comparison can be
    stopped, gone on with (qplug resume) and added to. A report, a LaTeX table and all results lie beside its plan.
    """
    if list_them:
        _list(out, json=json)
        return
    from qplug.catalogue.lacking import refuse_lacking
    from qplug.lab.config.branches import from_head
    from qplug_cli.progress import TerminalReporter, loading

    others = {"features": features, "backbone": backbone, "reducer": reducer, "backend": backend}
    arms = [from_head(name) for name in _names(heads)]
    refuse_lacking({"arms": [*arms, *({"dataset": name} for name in _names(dataset)), others]})
    with loading():
        from qplug.lab.comparison import compare as lab
        from qplug.lab.comparison.executors import executor_of, executor_settings
        from qplug.lab.runner.workplace import Workplace

    of_the_executor, assigned = executor_settings(assignments or ())
    said: dict[str, Any] = {
        "datasets": _names(dataset), "heads": _names(heads), "features": features, "backbone": backbone,
        "reducer": reducer, "backend": backend, "recipe": recipe, "seeds": None if seeds is None else _seeds(seeds),
        "folds": _fold(fold), "split": split, "assignments": tuple(assigned), "epochs": epochs,
        "threads": threads, "device": device, "on_bad_file": None if on_bad_file is None else str(on_bad_file),
        "allow_leak": allow_leak or None, "smoke": smoke or None, "metric": metric, "margin": margin,
        "trials": trials, "ablate": ablate or None, "baselines": None if baselines else False,
        "transpile": None if transpile else False,
    }  # fmt: skip
    said = {name: value for name, value in said.items() if value not in (None, ())}
    place = Workplace.from_environment().with_data_dir(None if data_dir is None else data_dir.expanduser().resolve())
    with TerminalReporter() as reporter:
        folder = _folder(plan)
        if folder is not None and (folder / "plan.toml").is_file():
            if said:
                lab.extend(folder, _request(said, given_data_set=True), said, place, reporter)
        elif folder is not None and not said:
            raise UserError(
                f"{plan} holds no comparison. To plan one there, say what it compares: --dataset NAME --heads NAME; "
                "those there are: qplug compare --list"
            )
        else:
            folder = lab.begin(_request(said), out, place, reporter, folder=folder)
        from qplug.lab.comparison.computing import Computing
        from qplug.lab.comparison.plan_file import read_plan

        by = executor_of(executor, jobs, per_gpu, place, of_the_executor)
        alone = jobs is None and cells is None  # other shards may be at work beside this one
        work = Computing(folder, read_plan(folder), place, by, keep_runs, again, jobs or 1, may_spread=alone)
        if only_plan:
            _show_size(work, reporter, json=json)
            return
        outcome, failed = completed(work, reporter, cells)
    show(folder, outcome, json=json)
    if failed:
        raise QplugError(failed)


def completed(
    work: Computing, reporter: TerminalReporter, cells: str | None = None
) -> tuple[ComparisonOutcome | None, str]:
    """Computes what is left, and writes the report once nothing is.

    Returns:
        The outcome, None while cells are left for others; and what failed, in words.
    """
    from qplug.lab.comparison import compare as lab

    outcome, failed = lab.carry_out(work, reporter, cells=cells)
    if outcome is not None:
        reporter.stage("writing the report")
        _write_report(work.folder, outcome)
    return outcome, failed


def show(folder: Path, outcome: ComparisonOutcome | None, *, json: bool) -> None:
    """Prints what a comparison came to.

    Args:
        folder: of the comparison.
        outcome: None while cells are left.
        json: as one JSON document.
    """
    if json:
        output.document({"comparison": str(folder), **_plain(outcome)})
        return
    console = output.console()
    if outcome is None:
        console.print("cells are left")
        blocks.end(console, str(folder), blocks.command("resume", str(folder)))
        return
    from qplug_cli.comparison_page import comparison_tables

    for part in comparison_tables(outcome):
        console.print(part)
    blocks.end(console, str(folder), blocks.command("report", str(folder), "--open"))


def _plain(outcome: ComparisonOutcome | None) -> dict[str, Any]:
    if outcome is None:
        return {"finished": False}
    told = outcome.model_dump(mode="json")
    data_sets = told.pop("data_sets")
    told.pop("comparison")
    whole = {"finished": True, **told}
    return {**whole, **data_sets[0]} if len(data_sets) == 1 else {**whole, "data_sets": data_sets}


def _write_report(folder: Path, outcome: ComparisonOutcome) -> None:
    from qplug.lab.comparison.reading import cells_of
    from qplug.lab.report.comparison import write_comparison

    write_comparison(folder, outcome, cells_of(folder))


def _folder(plan: Path | None) -> Path | None:
    if plan is None:
        return None
    plan = plan.expanduser().resolve()
    return plan.parent if plan.suffix == ".toml" else plan


def _request(said: dict[str, Any], *, given_data_set: bool = False) -> Request:
    from pydantic import ValidationError

    from qplug.catalogue.registry import recipe
    from qplug.lab.comparison.request import Request

    whole = dict(said)
    if "datasets" not in whole:
        if given_data_set:
            whole["datasets"] = ("-",)
        elif "recipe" in whole:
            whole["datasets"] = (recipe(whole["recipe"]).run["dataset"]["name"],)
        else:
            raise UserError("no data set is named. Name one with --dataset NAME; all data sets: qplug list datasets")
    try:
        return Request.new(whole)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise UserError(f"--{name.replace('_', '-')} {said.get(name)!r}: {first['msg']}.") from None


def _names(given: Sequence[str] | None) -> tuple[str, ...]:
    names = [name.strip() for text in given or () for name in text.split(",")]
    return tuple(dict.fromkeys(name for name in names if name))


def _seeds(text: str) -> tuple[int, ...]:
    from qplug.lab.comparison.grid import seeds_of

    if text.strip().isdecimal():
        n = int(text)
        if not n:
            raise UserError("--seeds 0: a comparison needs at least one seed.")
        return seeds_of(f"0-{n - 1}")
    return seeds_of(text.rstrip(","))


def _fold(text: str | None) -> str | int | None:
    if text is None or text == "all":
        return text
    if not text.isdecimal():
        raise UserError(f"--fold takes the number of a fold, or all; got {text!r}.")
    return int(text)


def _show_size(work: Computing, reporter: TerminalReporter, *, json: bool) -> None:
    from qplug.lab.comparison import compare as lab
    from qplug.lab.comparison.computing import compute
    from qplug.lab.comparison.layout import told
    from qplug.lab.comparison.progress import spoken

    compute(work, lab.first_cells(work.plan), reporter)
    size = lab.size_of(work.folder, work.plan)
    path = work.folder / "plan.toml"
    if json:
        output.document({"plan": str(path), "cells": size.n_cells, "finished": size.n_finished,
                         "seconds": size.seconds, "bytes": size.n_bytes})  # fmt: skip
        return
    console = output.console()
    left = size.n_cells - size.n_finished
    console.print(f"{size.n_cells:,} cells, {size.n_finished:,} of them finished")
    if note := told(work.plan):
        console.print(note)
    if size.seconds is not None:
        console.print(f"about {spoken(size.seconds)} for the other {left:,} in one process")
    if size.n_bytes is not None:
        console.print(f"about {size.n_bytes / 1e6:,.1f} MB of files in all")
    console.print(f"carry it out: qplug compare {path}", soft_wrap=True)
    console.print(f"or a shard of it: qplug compare {path} --cells 0-{max(0, size.n_cells // 10 - 1)}", soft_wrap=True)


def _list(out: Path, *, json: bool) -> None:
    from qplug.lab.comparison.reading import list_comparisons

    found = list_comparisons(out)
    if json:
        output.document(
            [{"comparison": str(each.path), "datasets": each.datasets, "heads": each.heads, "cells": each.n_cells,
              "finished_cells": each.n_finished, "finished": each.finished, "problem": each.problem}
             for each in found]
        )  # fmt: skip
        return
    console = output.console()
    if not found:
        console.print(f"There is no comparison in {out}. Start one with: qplug compare --dataset NAME --heads NAME")
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("comparison", "data sets", "heads", "cells"):
        table.add_column(heading, overflow="fold")
    for each in found:
        state = each.problem or f"{each.n_finished} of {each.n_cells}{'' if each.finished else ', not finished'}"
        table.add_row(each.path.name, ", ".join(each.datasets), ", ".join(each.heads), state)
    console.print(table)
