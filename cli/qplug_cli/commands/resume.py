"""``qplug resume``: go on with an interrupted run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qplug_cli import results
from qplug_cli.options import Json, NoPlugin

EXAMPLES = """
**Examples**

`qplug resume runs/20260101-120000-fsdd-pennylane-pqc-1a2b3c4d5e6f`

`qplug resume runs/20260101-120000-urbansound8k-mlp-4d5e6f708192-folds` – what is left of --fold all
"""


def resume(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="The directory of an interrupted run, or set of folds.", show_default=False),
    ],
    no_plugin: NoPlugin = None,
    json: Json = False,
) -> None:
    """Go on with a run that was interrupted or killed; the numbers are those of an uninterrupted one."""
    from qplug_cli.progress import TerminalReporter, loading

    with loading():
        from qplug.lab.runner import folds

    with TerminalReporter() as reporter:
        summary = folds.resume(run, reporter)
    results.show(summary, json=json)
