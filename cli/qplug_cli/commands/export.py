"""``qplug export``: a finished run's model in other formats."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qplug_cli import output
from qplug_cli.options import Json, NoPlugin, PluginFile

if TYPE_CHECKING:
    from qplug.lab.export.files import Exported

EXAMPLES = """
**Examples**

`qplug export runs/20260101-120000-fsdd-pennylane-pqc-1a2b3c4d5e6f --to qasm3`

`qplug export runs/20260101-120000-digits-mlp-4d5e6f708192 --to onnx --out digits.onnx`
"""


class Format(StrEnum):
    """What a run can be written as."""

    safetensors = "safetensors"
    qasm3 = "qasm3"
    onnx = "onnx"


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run's directory.", show_default=False)],
    to: Annotated[Format, typer.Option(help="The format.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(help="The main file to write; others go beside it.  [default: in export/ of the run directory]"),
    ] = None,
    plugin: PluginFile = None,
    no_plugin: NoPlugin = None,
    json: Json = False,
) -> None:
    """Write a finished run's model for other programs.

    safetensors: all weights, with what they belong to. qasm3: the trained circuits. onnx: the classical network, up to
    the circuits' angles and behind their expectation values.
    """
    from qplug_cli.progress import uncollected

    with uncollected():  # nearly all of the time, libraries are loaded
        files = _export(run, to, out)
    if json:
        output.document({"format": to.value, "files": [{"file": str(one.file), "what": one.what} for one in files]})
        return
    for one in files:
        output.console().print(f"{one.file}: {one.what}", soft_wrap=True)


def _export(run: Path, to: Format, out: Path | None) -> list[Exported]:
    match to:
        case Format.safetensors:
            from qplug.lab.export.weights import export_weights

            return export_weights(run, out)
        case Format.qasm3:
            from qplug.lab.export.circuits import export_circuits

            return export_circuits(run, out)
        case Format.onnx:
            from qplug.lab.export.network import export_network

            return export_network(run, out)
