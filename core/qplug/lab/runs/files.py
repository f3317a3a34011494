"""Text, JSON, CSV, figures and weights as the bytes of a file, and back."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qplug.contract.errors import DataError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""How text begins that a spreadsheet would calculate, and such text behind apostrophes of its own."""
_RESOLUTION = 200  # dots per inch: sharp in print at the figures' own size


def circuit_name(number: int) -> str:
    """The name of a circuit's files without ending; circuits are counted from 1, in the order of the branches."""
    return "circuit" if number == 1 else f"circuit-{number}"


def json_bytes(content: Any) -> bytes:
    """JSON as people read it; numbers that JSON does not know (NaN, infinity) become null."""
    return (json.dumps(_plain(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def csv_bytes(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """A table with a header; the columns of all rows, in the order in which they first occur.

    Text that a spreadsheet would take for a formula stands behind an apostrophe, which ``csv_rows`` takes away.

    Raises:
        DataError: if there are no rows, because nobody could tell the columns.
    """
    if not rows:
        raise DataError("a table needs at least one row.")
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({column: _no_formula(value) for column, value in row.items()} for row in rows)
    return text.getvalue().encode()


def csv_rows(text: str) -> list[dict[str, str]]:
    """The rows that ``csv_bytes`` wrote."""
    rows = csv.DictReader(io.StringIO(text, newline=""))
    return [{column: _as_was(value) for column, value in row.items()} for row in rows]


def _no_formula(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def _as_was(value: str) -> str:
    return value[1:] if isinstance(value, str) and value.startswith("'") and _FORMULA.match(value) else value


def png_bytes(figure: Figure) -> bytes:
    """A figure as PNG; the same figure gives the same bytes."""
    return _drawn(figure, format="png", dpi=_RESOLUTION, metadata={"Software": None})


def svg_bytes(figure: Figure) -> bytes:
    """A figure as SVG, letters as outlines, which look the same everywhere; the same figure gives the same bytes."""
    return _drawn(figure, format="svg", metadata={"Date": None, "Creator": None})


def pdf_bytes(figure: Figure) -> bytes:
    """A figure as PDF, text as text; the same figure gives the same bytes."""
    return _drawn(figure, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})


def _drawn(figure: Figure, **how: Any) -> bytes:
    from matplotlib import rc_context
    from matplotlib.text import Text

    image = io.BytesIO()
    # Whoever drew it, names of users may hold dollar signs; labels of ticks are made while a figure is drawn.
    with rc_context(
        {
            "text.parse_math": False,
            "text.usetex": False,
            "svg.fonttype": "path",
            "svg.hashsalt": "qplug",
            "pdf.fonttype": 42,
        }
    ):
        for text in figure.findobj(Text):
            text.set_parse_math(False)
            text.set_usetex(False)
        figure.savefig(image, **how)
    return image.getvalue()


def _plain(value: Any) -> Any:
    if type(value) in (str, int, bool):  # most values are
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if hasattr(value, "tolist"):  # tensors, numpy arrays and their scalars
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, bool | int | float | str | None) else str(value)
