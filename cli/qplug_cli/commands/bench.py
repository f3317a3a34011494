"""``qplug bench``: how fast a quantum head is on every backend, and through other libraries."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from qplug.contract.errors import UserError
from qplug_cli import output
from qplug_cli.options import Json, NoPlugin, PluginFile, Settings
from qplug_cli.visible import visible

if TYPE_CHECKING:
    from rich.console import Console

    from qplug.bench import Options, Report

EXAMPLES = """
**Examples**

`qplug bench --head pennylane-pqc` – the head at its default size, on every backend

`qplug bench --head pennylane-pqc --qubits 8,12 --layers 2 --batch 32,256 --peers` – beside other libraries

`qplug bench --head pennylane-pqc --qubits 8 --batch 32 --backends torch --step` – beside a classical network

`qplug bench --backbone quanvolution --batch 12544` – the circuit in a backbone, with the patches of 64 pictures

`qplug bench --head pennylane-pqc --table > tables.md` – by qubits, batch and layers, as Markdown
"""


class Device(StrEnum):
    """Where tensors live."""

    cpu = "cpu"
    cuda = "cuda"


def bench(
    head: Annotated[str | None, typer.Option(help="A quantum head by name.", show_default=False)] = None,
    backbone: Annotated[
        str | None, typer.Option(help="Instead: a backbone that holds circuits, by name; its first one is timed.")
    ] = None,
    qubits: Annotated[str | None, typer.Option(metavar="N,N,…", help="Qubits.  [default: the head's own]")] = None,
    layers: Annotated[str | None, typer.Option(metavar="N,N,…", help="Layers.  [default: the head's own]")] = None,
    batch: Annotated[str | None, typer.Option(metavar="N,N,…", help="Samples per call.  [default: 32]")] = None,
    backends: Annotated[
        str | None, typer.Option(metavar="A,B,…", help="Backends.  [default: all installed ones that give gradients]")
    ] = None,
    peers: Annotated[
        bool,
        typer.Option("--peers", help="Also through other libraries, as their users call them: all that plugins bring."),
    ] = False,
    step: Annotated[
        bool, typer.Option("--step", help="Also whole training steps, beside a classical network of as many weights.")
    ] = False,
    table: Annotated[
        bool, typer.Option("--table", help="One axis at a time from 8 qubits, 2 layers, batch 32; prints Markdown.")
    ] = False,
    settings: Settings = None,
    device: Annotated[Device, typer.Option(help="Where tensors live.")] = Device.cpu,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads of one operation.  [default: as many as torch takes]")
    ] = None,
    budget: Annotated[float, typer.Option(min=0.0, help="Seconds for each backend in each case.")] = 10.0,
    patient: Annotated[bool, typer.Option("--patient", help="Skip nothing for being slow.")] = False,
    json: Json = False,
    plugin: PluginFile = None,
    no_plugin: NoPlugin = None,
) -> None:
    """Time forward and backward of a quantum head, gradients to its inputs and weights, on every backend in one run.

    Values and gradients are first compared with a plain reference, and a backend that is wrong is not timed. Calls are
    timed in turns, so that a busy machine slows all of them alike: trust the ratios before the milliseconds.
    """
    name = head or backbone
    if name is None or (head and backbone):
        raise UserError("bench times one circuit: give --head NAME, or --backbone NAME of one that holds circuits.")
    axes = {"qubits": _numbers(qubits, "--qubits"), "layers": _numbers(layers, "--layers")}
    batches = _numbers(batch, "--batch")
    if threads is not None:  # for the libraries that decide when they are imported
        os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    from qplug.bench import Effort, Options
    from qplug.bench import bench as measure

    options = Options(
        settings=dict(_setting(text) for text in settings or ()),
        kind="head" if head else "backbone",
        backends=_names(backends),
        peers=peers,
        step=step,
        device=device.value,
        threads=threads,
        patient=patient,
        effort=Effort(budget=budget),
        say=_say,
    )
    if table:
        _tables(name, {**axes, "batch": batches}, options, json=json)
        return
    report = measure(name, axes["qubits"], axes["layers"], batches or [32], options)
    if json:
        output.document(report.as_json())
    else:
        _print(report, output.console())


def _tables(head: str, axes: dict[str, list[int]], options: Options, *, json: bool) -> None:
    from qplug.bench import bench_tables

    report, text = bench_tables(head, axes, options)
    if json:
        output.document(report.as_json())
    else:
        sys.stdout.write(text)


def _numbers(text: str | None, option: str) -> list[int]:
    """The numbers in a list such as ``8,12``; none if the option was not given.

    Raises:
        UserError: not a list of positive whole numbers.
    """
    if text is None:
        return []
    entries = [entry.strip() for entry in text.split(",")]
    if not all(entry.isdecimal() and int(entry) > 0 for entry in entries):
        raise UserError(f"{option} takes positive whole numbers with commas between them, such as 8,12; got {text!r}.")
    return list(dict.fromkeys(int(entry) for entry in entries))


def _names(text: str | None) -> list[str] | None:
    if text is None:
        return None
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise UserError(f"--backends takes names with commas between them, such as torch,default.qubit; got {text!r}.")
    return names


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UserError(f"--set takes PARAM=VALUE, such as --set rotation=x; got {text!r}.")
    return name.strip().removeprefix("head.").removeprefix("backbone."), value.strip()


def _say(line: str) -> None:
    sys.stderr.write(visible(line) + "\n")
    sys.stderr.flush()


def _print(report: Report, console: Console) -> None:
    from qplug.bench.report import milliseconds, ratio, yardstick
    from qplug_cli.words import Text

    console.print(Text(report.conditions() + "\n", "dim"))
    times, ratios = milliseconds, ratio
    headings = (
        "backend",
        "qubits",
        "layers",
        "batch",
        "ms",
        f"to {yardstick()}",
        "floor ms",
        "to floor",
        "difference",
        "note",
    )
    _print_table(
        headings,
        [
            (
                *(row.backend, row.n_qubits, row.n_layers, row.batch, times(row.ms), ratios(row.ratio_to_torch)),
                *(times(row.floor_ms), ratios(row.ratio_to_floor), _scientific(row.max_abs_difference), row.note),
            )
            for row in report.rows
        ],
        console,
    )
    if report.steps:
        heading = Text.assemble("\n", ("whole training step", "bold"), ": head with read-out, cross-entropy, Adam")
        console.print(heading)
        headings = ("backend", "qubits", "layers", "batch", "ms", "MLP ms", "to MLP", "weights", "MLP weights", "note")
        _print_table(
            headings,
            [
                (
                    *(row.backend, row.n_qubits, row.n_layers, row.batch, times(row.ms), times(row.mlp_ms)),
                    *(ratios(row.ratio_to_mlp), row.n_parameters, row.mlp_parameters, row.note),
                )
                for row in report.steps
            ],
            console,
        )


def _print_table(headings: Sequence[str], rows: Sequence[Sequence[object]], console: Console) -> None:
    from rich.table import Table

    from qplug_cli.words import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for heading in headings:
        is_text = heading in ("backend", "note")
        # A name that is cut names nothing: on a narrow terminal the notes give way.
        width = max((len(str(row[0])) for row in rows), default=0) if heading == "backend" else None
        table.add_column(heading, min_width=width, no_wrap=not is_text, justify="left" if is_text else "right")
    for row in rows:
        table.add_row(*(Text("–" if cell is None else str(cell)) for cell in row))
    console.print(table)


def _scientific(value: float | None) -> str:
    return "–" if value is None else f"{value:.0e}"
