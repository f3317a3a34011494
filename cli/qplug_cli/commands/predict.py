"""``qplug predict``: class probabilities for new files."""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from qplug.atomic import write_atomically
from qplug.contract.errors import DataError
from qplug_cli import blocks, output
from qplug_cli.options import Json, NoPlugin, OnBadFile, PluginFile

EXAMPLES = """
**Examples**

`qplug predict runs/20260101-120000-fsdd-pennylane-pqc-1a2b3c4d5e6f new.wav`

`qplug predict runs/20260101-120000-digits-mlp-4d5e6f708192 *.png --json`

`qplug predict RUN recordings/ --out answers.csv` – a whole folder, as a table

`qplug predict RUN new.wav --backend aer` – its circuits on another backend
"""

WIDE = 120
"""Columns of a terminal from which more than the second answer is shown; the files' names come first."""


def predict(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run's directory.", show_default=False)],
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Recordings or images, or folders of them.", show_default=False)
    ],
    backend: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Where its circuits run.  [default: the backend that trained it]"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the answers as CSV: file, label, p_CLASS of each class.")
    ] = None,
    on_bad_file: Annotated[
        OnBadFile, typer.Option(help="What to do about files that cannot be used: leave these out, or refuse all.")
    ] = OnBadFile.skip,
    plugin: PluginFile = None,
    no_plugin: NoPlugin = None,
    json: Json = False,
) -> None:
    """Class probabilities for new recordings or images, from a finished run's best model."""
    from qplug.lab.runs.directory import refuse_missing
    from qplug_cli.progress import TerminalReporter, loading

    refuse_missing(run)
    with loading():
        from qplug.lab.runner.loaded import predict as classify

    with TerminalReporter(warnings_only=True) as reporter:
        rows = classify(run, files, reporter, backend=backend, on_bad_file=on_bad_file.value)
    if out is not None:
        write_atomically(out, _csv(rows))
    if json:
        output.document(rows)
        return
    if out is None:
        _show(rows)
    _show_end(run, out, len(rows))


def _show_end(run: Path, out: Path | None, n: int) -> None:
    """How often the run's answers were right, and how to see it for files whose classes are known."""
    from qplug.lab.runs.record_file import read_record

    console = output.console()
    with suppress(DataError):  # a damaged record tells nothing, and the answers do not depend on it
        test = read_record(run).test
        console.print(blocks.interval("its test", test.accuracy, test.n, test.accuracy_interval))
    judge = blocks.command("evaluate", str(run), "--dataset", "folder", "--data-dir")
    following = f"{judge} FOLDER, with a folder for each class"
    if out is None:
        console.print(f"next: {following}", soft_wrap=True)
    else:
        console.print(f"{n} answers")
        blocks.end(console, str(out), following)


def _csv(rows: list[dict[str, Any]]) -> bytes:
    """The answers as a table, its columns named as in a run's predictions."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "label", *(f"p_{name}" for name in rows[0]["probabilities"])])
    for row in rows:
        writer.writerow([row["file"], row["label"], *(f"{chance:.6f}" for chance in row["probabilities"].values())])
    return text.getvalue().encode("utf-8", "surrogateescape")


def _show(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    from qplug_cli.words import Text

    console = output.console()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("file", overflow="fold")
    for heading in ("class", "probability", "then"):
        table.add_column(heading, no_wrap=True)
    n_others = 3 if console.width >= WIDE else 1
    for row in rows:
        ranked = sorted(row["probabilities"].items(), key=lambda item: -item[1])
        others = ", ".join(f"{name} {chance:.3f}" for name, chance in ranked[1 : 1 + n_others])
        table.add_row(Text(row["file"]), Text(row["label"]), f"{ranked[0][1]:.3f}", Text(others))
    console.print(table)
