"""Results on stdout: one JSON document, or tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qplug.lab.measures import SUMMARY
from qplug_cli import blocks, output

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from qplug.lab.runner.plan import Plan


def show(summary: Mapping[str, Any], *, json: bool) -> None:
    """Prints what a run came to.

    Args:
        summary: what ``run_once`` or ``run_set`` gave.
        json: as JSON, else as a table.
    """
    if json:
        output.document(summary)
    elif len(summary.get("arms", ())) > 1:
        _print_arms(summary)
    else:
        _print_summary(summary)


def show_plans(plans: Sequence[Plan], *, n_seeds: int, json: bool) -> None:
    """Prints what a run would do, or the runs of a set.

    Args:
        plans: one for each head.
        n_seeds: with how many seeds each would run.
        json: as JSON, else as tables.
    """
    if json:
        told = [plan.to_json() for plan in plans]
        output.document(told[0] if len(told) == 1 else {"plans": told})
        return
    for plan in plans:
        _print_plan(plan)
    console = output.console()
    if n_seeds > 1:
        console.print(f"Each with {n_seeds} seeds.")
    console.print("Nothing was computed or written. Leave --dry-run out to run it.")


def print_heading(console: Console, summary: Mapping[str, Any], words: str) -> None:
    """Prints the data set, what was done with it, and the stamps of that."""
    from qplug_cli.words import styled

    stamps = [(f" {stamp}", "bold red") for stamp in summary["stamps"]]
    console.print(styled((summary["dataset"], "bold"), words, *stamps))


def metrics_table(first: str, *others: str) -> Table:
    """An empty table: the given columns, then one for each metric of a summary."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(first)
    for name in (*others, *SUMMARY):
        table.add_column(name.replace("_", " "), justify="right")
    return table


def _print_remarks(console: Console, summary: Mapping[str, Any]) -> None:
    from qplug_cli.words import styled

    for warning in summary["warnings"]:
        console.print(styled(("warning:", "yellow"), f" {warning}"))
    for line in summary.get("reference", ()):
        console.print(f"known: {line}", style="dim")


def _print_summary(summary: Mapping[str, Any]) -> None:
    console = output.console()
    print_heading(console, summary, f" · {summary['head']} · {_where(summary)}")
    table = metrics_table("")
    for part in ("validation", "test"):
        table.add_row(part, *_cells(summary[part], summary.get(f"{part}_sd")))
    console.print(table)
    _print_remarks(console, summary)
    counts = summary["parameters"]
    # The counts are sums: with four folds, each sample trains three times.
    n_runs = summary.get("n_runs")
    runs = f"all {n_runs} runs together: " if n_runs else ""
    console.print(
        f"{runs}{summary['n_train']} train, {summary['n_validation']} validation, {summary['n_test']} test · "
        f"{counts['trainable']:,} trainable parameters, {counts['quantum']} of them in circuits · "
        f"trained in {summary['train_seconds']:.1f} s"
    )
    if isinstance(summary["run"], str):
        _print_interval(console, summary)
        blocks.end(console, summary["run"], blocks.command("report", summary["run"]))
    if (verified := summary.get("verification")) is not None:
        from qplug_cli.device_pages import show_verification, show_waiting

        (show_waiting if "waiting" in verified else show_verification)(verified)
    if "set" in summary:
        _print_interval_of_folds(console, summary)
        _print_end_of_set(console, summary)


def _print_interval(console: Console, summary: Mapping[str, Any]) -> None:
    """How far the test part's size alone lets the accuracy be off."""
    accuracy, n = summary["test"]["accuracy"], summary["n_test"]
    if accuracy is not None and n:
        console.print(blocks.interval("test", accuracy, n))


def _print_interval_of_folds(console: Console, summary: Mapping[str, Any]) -> None:
    """That of all folds' test samples together; runs that differ in their seeds judge the same ones again."""
    folds = summary.get("folds", ())
    if not folds or any(fold["test"]["accuracy"] is None for fold in folds):
        return
    n = sum(fold["n_test"] for fold in folds)
    right = sum(round(fold["test"]["accuracy"] * fold["n_test"]) for fold in folds)
    if n:
        console.print(blocks.interval("all folds together: test", right / n, n))


def _print_end_of_set(console: Console, summary: Mapping[str, Any]) -> None:
    blocks.end(console, summary["set"], blocks.command("report", summary["set"], "--runs"))


def _print_arms(summary: Mapping[str, Any]) -> None:
    console = output.console()
    print_heading(console, summary, f" · split {summary['split']}{_counted(summary)}")
    table = metrics_table("head, on test", "runs")
    for arm in summary["arms"]:
        table.add_row(arm["name"], str(arm["n_runs"]), *_cells(arm["test"], arm["test_sd"]))
    console.print(table)
    _print_remarks(console, summary)
    console.print("mean ± standard deviation over the runs; whether heads differ takes a test")
    _print_end_of_set(console, summary)


def _counted(summary: Mapping[str, Any]) -> str:
    """Seeds and folds of a set, as far as there are several."""
    seeds, folds = summary.get("seeds", ()), summary.get("fold_numbers", ())
    told = f", {len(seeds)} seeds" if len(seeds) > 1 else (f", seed {seeds[0]}" if seeds else "")
    return told + (f", {len(folds)} folds" if len(folds) > 1 else "")


def _where(summary: Mapping[str, Any]) -> str:
    backend = f"{summary['backend']} · " if summary["backend"] else ""
    if summary.get("n_runs"):
        return f"{backend}split {summary['split']}{_counted(summary)}, mean of {summary['n_runs']} runs"
    if "folds" in summary:
        return f"{backend}seed {summary['seed']} · split {summary['split']}, mean of {len(summary['folds'])} folds"
    fold = f", fold {summary['fold']}" if summary.get("fold") else ""
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
    for line in (*plan.training.lines(), *plan.work):
        console.print(line)
