"""``qplug verify``: whether a run's files are what the run wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qplug.contract.errors import DataError
from qplug_cli import output
from qplug_cli.options import Json

EXAMPLES = """
**Examples**

`qplug verify runs/20260101-120000-fsdd-pennylane-pqc-1a2b3c4d5e6f`

`qplug verify runs/20260101-120000-digits-mlp-4d5e6f708192 --json`
"""


def verify(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's directory.", show_default=False)],
    json: Json = False,
) -> None:
    """Hold a run's files against their digests, and its metrics against its predictions."""
    from qplug_cli.progress import loading

    with loading():
        from qplug.lab.runner.verify import verify as examine

    verdict = examine(run)
    if json:
        output.document(
            {"run": str(run), "good": not verdict.faults, "files": verdict.files, "metrics": verdict.metrics}
        )
    elif not verdict.faults:
        judged = f"; the metrics of {verdict.n_judged} parts follow from the predictions" if verdict.n_judged else ""
        output.console().print(f"{len(verdict.files)} files are what the run wrote{judged}.")
    if verdict.faults:
        raise DataError(f"{run} is damaged: {'; '.join(verdict.faults)}. Put the files back from a copy, or run again.")
