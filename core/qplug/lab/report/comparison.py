"""The report of a comparison: a page, tables in LaTeX, every cell in one table, and figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qplug.atomic import write_atomically
from qplug.lab.comparison.outcome import ComparisonOutcome, DataSetOutcome
from qplug.lab.report import comparison_content as content
from qplug.lab.report import comparison_origin as origin
from qplug.lab.report import comparison_tables as tables
from qplug.lab.report import comparison_words as words
from qplug.lab.report.comparison_csv import Cells, cells_csv
from qplug.lab.report.comparison_figures import Drawn, drawn
from qplug.lab.report.comparison_latex import latex
from qplug.lab.report.figures import Picture, from_png
from qplug.lab.report.filling import fill
from qplug.lab.runs.files import png_bytes, svg_bytes

PAGE, LATEX, CSV, FIGURES = "report.html", "comparison.tex", "cells.csv", "figures"


def write_comparison(folder: Path, outcome: ComparisonOutcome, cells: Cells, *, page: Path | None = None) -> list[Path]:
    """Writes all files of the report of a comparison and gives them, the page first. The same cells, the same files.

    Args:
        folder: of the comparison.
        outcome: what it came to.
        cells: by data set and arm.
        page: the file of the page; ``report.html`` in the folder by default.

    Raises:
        UserError: a file cannot be written.
    """
    figures = folder / FIGURES
    figures.mkdir(parents=True, exist_ok=True)
    written, pictures = [], []
    for found in drawn(outcome, cells):
        png = png_bytes(found.figure)
        for ending, made in (("png", png), ("svg", svg_bytes(found.figure))):
            written.append(figures / f"{found.name}.{ending}")
            write_atomically(written[-1], made)
        pictures.append((found, from_png(png, name=found.name, caption=found.caption, alt=found.alt)))
    texts = {
        page or folder / PAGE: render(outcome, cells, pictures).encode(),
        folder / LATEX: latex(outcome).encode(),
        folder / CSV: cells_csv(outcome, cells),
    }
    for path, made in texts.items():
        write_atomically(path, made)
    return [*texts, *written]


def render(outcome: ComparisonOutcome, cells: Cells, pictures: Sequence[tuple[Drawn, Picture]]) -> str:
    """The page: one document with its style and figures in it, that asks nothing of any network.

    All that comes from the comparison is escaped. The same outcome, cells and pictures give the same document.
    """

    def figures(data: DataSetOutcome, kind: str) -> list[Picture]:
        return [picture for found, picture in pictures if (found.dataset, found.kind) == (data.dataset, kind)]

    return fill(
        "comparison.html", outcome=outcome, cells=cells, content=content, tables=tables, words=words, origin=origin,
        figures=figures,
    )  # fmt: skip
