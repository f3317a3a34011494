"""``qplug report``: a finished run, or a set of runs, as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qplug_cli import output
from qplug_cli.options import Json

EXAMPLES = """
**Examples**

`qplug report runs/20260101-120000-fsdd-pennylane-pqc-1a2b3c4d5e6f --open`

`qplug report runs/20260101-120000-fsdd-pennylane-pqc-1a2b3c4d5e6f --out fsdd.html`

`qplug report runs/20260101-120000-urbansound8k-mlp-4d5e6f708192-set --runs` – what --fold all gave, and each fold

`qplug report runs/20260101-120000-fsdd-pennylane-pqc-1a2b3c4d5e6f --figures svg,pdf` – for a paper

`qplug report comparisons/20260101-120000-digits-pennylane-pqc-1a2b3c4d5e6f --open`
"""


def report(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", help="The directory of a finished run, set of runs or comparison.", show_default=False
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="The file to write.  [default: report.html in that directory]")
    ] = None,
    figures: Annotated[
        str | None,
        typer.Option(
            metavar="FORMATS", help="Also draw the figures as svg, pdf or svg,pdf, into the folder figures beside them."
        ),
    ] = None,
    runs: Annotated[
        bool, typer.Option("--runs", help="Of a set, also write the report of each run, with links.")
    ] = False,
    samples: Annotated[
        bool,
        typer.Option(
            "--samples/--no-samples",
            help="Whether a run's page has the samples of its surest mistakes, to play or to see, where the data are.",
        ),
    ] = True,
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    json: Json = False,
) -> None:
    """Write a finished run, set of runs or comparison as one HTML file: no network needed, in print, light and dark.

    Of a comparison the LaTeX tables, the table of all cells and the figures are written too.
    """
    from qplug.lab.report.page import write_figures, write_report, write_reports_of_runs

    formats = [word.strip().lower() for word in figures.split(",")] if figures is not None else []
    drawn = write_figures(run, formats) if formats else []
    pages = write_reports_of_runs(run, samples=samples) if runs else []
    file = write_report(run, out, samples=samples).resolve()
    if json:
        told = {"figures": [str(figure) for figure in drawn]} if formats else {}
        told |= {"runs": [str(page.resolve()) for page in pages]} if runs else {}
        output.document({"report": str(file), "bytes": file.stat().st_size, **told})
    else:
        output.console().print(f"written to {file}", soft_wrap=True)
        if pages:
            output.console().print(f"and those of its {len(pages)} runs, with links")
        if drawn:
            output.console().print(f"{len(drawn)} figures in {drawn[0].parent}", soft_wrap=True)
    if open_it:
        import webbrowser

        webbrowser.open(file.as_uri())
