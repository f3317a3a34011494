"""``qplug jobs``: the work that runs have sent to devices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qplug.contract.errors import UserError
from qplug_cli import output
from qplug_cli.options import Json, NoPlugin, PluginFile

if TYPE_CHECKING:
    from qplug.lab.runner.jobs import SentWork

_MOST_IDS = 4
EXAMPLES = """
**Examples**

`qplug jobs` – all work that the runs in ./runs have sent

`qplug jobs runs/20260101-120000-crema-d-pennylane-pqc-8a9b0c1d2e3f --json`

`qplug jobs cancel runs/20260101-120000-crema-d-pennylane-pqc-8a9b0c1d2e3f` – what waits at the device is stopped
"""


def jobs(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[cancel] [RUN]", help="A run's directory; none: all in --out. With cancel: stop what waits.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where run directories are.")] = Path("runs"),
    plugin: PluginFile = None,
    no_plugin: NoPlugin = None,
    json: Json = False,
) -> None:  # fmt: skip
    """The work that runs have sent to remote backends: with the device, done, failed or cancelled.

    Nothing is asked of a device: what is shown stands in the journals of the runs. qplug resume RUN fetches what is
    done.
    """
    given = list(words or ())
    stopping = given[:1] == ["cancel"]
    places = [Path(word) for word in given[stopping:]]
    if len(places) > 1 or (stopping and not places):
        raise UserError(f"qplug jobs takes one RUN, and qplug jobs cancel needs one; got {' '.join(given)!r}.")
    from qplug.lab.runner.jobs import cancel, sent_work

    if stopping:
        found = cancel(places[0])
    else:
        found = sent_work(places[0]) if places else sent_work(out) if out.is_dir() else []
    if json:
        output.document([_told(each) for each in found])
    elif found:
        _show(found)
    else:
        output.console().print(f"No run in {places[0] if places else out} has sent anything to a device.")


def _told(work: SentWork) -> dict[str, Any]:
    told = asdict(work)
    if told["stage"] is None:
        del told["stage"]
    return told


def _show(found: Sequence[SentWork]) -> None:
    from rich.table import Table

    console = output.console()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("run", overflow="fold")
    for heading in ("backend", "state", "job"):
        table.add_column(heading, overflow="fold")
    for heading in ("samples", "shots", "forecast", "used"):
        table.add_column(heading, justify="right")
    for each in found:
        device = each.backend.get("fake") or ""
        name = str(each.backend.get("name")) + (f" ({device})" if device else "")
        samples = "training" if each.n_samples is None else f"{each.n_samples:,}"
        table.add_row(
            Path(each.run).name, name, each.state + _stage(each), _jobs(each.job_ids), samples,
            f"{each.shots:,}", _seconds(each.forecast_seconds), _seconds(each.usage_seconds),
        )  # fmt: skip
    console.print(table)
    for each in found:
        if each.reason:
            console.print(f"{Path(each.run).name}: {each.reason}")


def _stage(work: SentWork) -> str:
    return "" if work.stage is None else f" (job {work.stage[0]} of {work.stage[1]})"


def _jobs(ids: Sequence[str]) -> str:
    """All of them, or of the many steps of a training the first and the last."""
    return ", ".join(ids if len(ids) <= _MOST_IDS else (ids[0], "…", ids[-1])) or "–"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g} s"
