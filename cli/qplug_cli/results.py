"""Results on stdout: one JSON document, or tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qplug.lab.measures import SUMMARY
from qplug_cli import output

if TYPE_CHECKING:
    from qplug.lab.runner.plan import Plan


def show(summary: Mapping[str, Any], *, json: bool) -> None:
    """Prints what a run came to.

    Args:
        summary: what ``run_once`` or ``run_every_fold`` gave.
        json: as JSON, else as a table.
    """
    if json:
        output.document(summary)
    else:
        _print_summary(summary)


def show_plan(plan: Plan, *, json: bool) -> None:
    """Prints what a run would do."""
    if json:
        output.document(plan.to_json())
    else:
        _print_plan(plan)


def _print_summary(summary: Mapping[str, Any]) -> None:
    from rich.table import Table

    from qplug_cli.words import styled

    console = output.console()
    stamps = [(f" {stamp}", "bold red") for stamp in summary["stamps"]]
    console.print(styled((summary["dataset"], "bold"), f" · {summary['head']} · {_where(summary)}", *stamps))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("")
    for name in SUMMARY:
        table.add_column(name.replace("_", " "), justify="right")
    for part in ("validation", "test"):
        table.add_row(part, *_cells(summary[part], summary.get(f"{part}_sd")))
    console.print(table)
    for warning in summary["warnings"]:
        console.print(styled(("warning:", "yellow"), f" {warning}"))
    for line in summary.get("reference", ()):
        console.print(f"known: {line}", style="dim")
    counts = summary["parameters"]
    # The counts are sums: with four folds, each sample trains three times.
    folds = f"all {len(summary['folds'])} folds together: " if "folds" in summary else ""
    console.print(
        f"{folds}{summary['n_train']} train, {summary['n_validation']} validation, {summary['n_test']} test · "
        f"{counts['trainable']:,} trainable parameters, {counts['quantum']} of them in circuits · "
        f"trained in {summary['train_seconds']:.1f} s"
    )
    folders = [fold["run"] for fold in summary.get("folds", ())] or [summary["run"]]
    for folder in folders:
        console.print(f"written to {folder}", soft_wrap=True)
    if "set" in summary:
        console.print(f"mean and spread in {summary['set']}", soft_wrap=True)


def _where(summary: Mapping[str, Any]) -> str:
    backend = f"{summary['backend']} · " if summary["backend"] else ""
    folds = summary.get("folds")
    fold = f", mean of {len(folds)} folds" if folds else (f", fold {summary['fold']}" if summary.get("fold") else "")
    return f"{backend}seed {summary['seed']} · split {summary['split']}{fold}"


def _cells(metrics: Mapping[str, float | None], spread: Mapping[str, float] | None) -> Sequence[str]:
    if spread is None:
        return [_number(metrics[name]) for name in SUMMARY]
    return [f"{_number(metrics[name])} ± {_number(spread[name])}" for name in SUMMARY]


def _number(value: float | None) -> str:
    return "nan" if value is None else f"{value:.3f}"


def _print_plan(plan: Plan) -> None:
    from rich.table import Table

    from qplug_cli.words import styled

    console = output.console()
    console.print(styled((plan.config.dataset.name, "bold"), f" · split {plan.split} · seed {plan.config.seed}"))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("step", "name", "shape behind it", "computed"):
        table.add_column(heading)
    table.add_column("trainable", justify="right")
    table.add_column("")
    for step in plan.description.steps:
        shape = " × ".join(map(str, step.shape))
        trainable = f"{step.trainable:,}" if step.trainable else ""
        table.add_row(step.kind, step.name, shape, step.computed, trainable, step.note)
    console.print(table)
    counts = plan.description.parameters
    console.print(f"{counts.total:,} parameters, {counts.trainable:,} trainable, {counts.quantum} in circuits")
    for line in (*plan.course.lines(), *plan.work):
        console.print(line)
    console.print("Nothing was computed or written. Leave --dry-run out to run it.")
