"""What ``qplug show run`` tells of a finished run, or set of runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qplug_cli import output, results

if TYPE_CHECKING:
    from qplug.lab.runs.evaluations import EvaluationRecord


def show_run(path: Path, *, json: bool) -> None:
    """Prints a finished run with all its evaluations, or what a finished set came to.

    Raises:
        UserError: there is no such run, or it is not finished.
        DataError: it is damaged.
    """
    from qplug.lab.runs.directory import SET
    from qplug.lab.runs.evaluations import evaluations
    from qplug.lab.runs.record_file import read_record

    if (path / SET).is_file():
        results.show(_of_a_set(path), json=json)
        return
    summary, again = read_record(path).summary(str(path)), evaluations(path)
    if json:
        output.document({**summary, "evaluations": [record.summary() for record in again]})
        return
    results.show(summary, json=False)
    if again:
        _print_evaluations(again)


def _of_a_set(path: Path) -> dict[str, Any]:
    from qplug.lab.comparison.summary import located, over_set
    from qplug.lab.runs.directory import RunDirectory
    from qplug.lab.runs.set_record import read_set, summaries_of

    RunDirectory(path).require_finished("there is nothing to show")
    record = read_set(path)
    return located(path, over_set(record, summaries_of(path, record)))


def _print_evaluations(found: list[EvaluationRecord]) -> None:
    from rich.table import Table

    from qplug.lab.report.again import place_of

    console = output.console()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("judged again")
    for heading in ("samples", "accuracy", "95 % interval", "same label", "mean |Δ⟨Z⟩|"):
        table.add_column(heading, justify="right")
    for record in found:
        scores, against = record.judgement.scores, record.against_training_backend
        low, high = scores.accuracy_interval
        same = "–" if against is None else f"{100 * against.label_agreement:.1f} %"
        distance = None if against is None else against.mean_abs_delta_z
        table.add_row(
            place_of(record), f"{scores.n:,}", f"{scores.accuracy:.3f}", f"{low:.3f} to {high:.3f}", same,
            "–" if distance is None else f"{distance:.2g}",
        )  # fmt: skip
    console.print(table)
