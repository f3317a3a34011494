"""``qplug jobs``: the work that runs have sent to devices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qplug.contract.errors import UserError
from qplug_cli import output
from qplug_cli.options import Json, NoPlugin, PluginFile

if TYPE_CHECKING:
    from rich.table import Table

    from qplug.lab.runner.jobs import SentWork

_MOST_IDS = 4
_ANY = 100_000
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
    console = output.console()
    table = _table(found)
    if console.measure(table, options=console.options.update(max_width=_ANY)).maximum <= console.width:
        console.print(table)
    else:  # names are there to be copied, so they are never folded
        for line in _lines(found):
            console.print(line, soft_wrap=True)
    for each in found:
        if each.reason:
            console.print(f"{Path(each.run).name}: {each.reason}")


def _table(found: Sequence[SentWork]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("run", "backend", "state", "job"):
        table.add_column(heading, no_wrap=True)
    for heading in ("samples", "shots", "forecast", "used"):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in found:
        samples = "training" if each.n_samples is None else f"{each.n_samples:,}"
        table.add_row(
            Path(each.run).name, _backend(each), each.state + _stage(each), _jobs(each.job_ids), samples,
            f"{each.shots:,}", _seconds(each.forecast_seconds), _seconds(each.usage_seconds),
        )  # fmt: skip
    return table


def _lines(found: Sequence[SentWork]) -> Iterator[str]:
    """What the table says, for a terminal that is too narrow for it: each run, and below it its work."""
    run = None
    for each in found:
        if each.run != run:
            run = each.run
            yield Path(run).name
        yield f"  {_backend(each)}: {each.state}{_stage(each)}, job {_jobs(each.job_ids)}"
        samples = "training" if each.n_samples is None else f"{each.n_samples:,} samples"
        seconds = f"forecast {_seconds(each.forecast_seconds)}, used {_seconds(each.usage_seconds)}"
        yield f"  {samples}, {each.shots:,} shots, {seconds}"


def _backend(work: SentWork) -> str:
    device = work.backend.get("fake") or ""
    return str(work.backend.get("name")) + (f" ({device})" if device else "")


def _stage(work: SentWork) -> str:
    return "" if work.stage is None else f" (job {work.stage[0]} of {work.stage[1]})"


def _jobs(ids: Sequence[str]) -> str:
    """All of them, or of the many steps of a training the first and the last."""
    return ", ".join(ids if len(ids) <= _MOST_IDS else (ids[0], "…", ids[-1])) or "–"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g} s"
