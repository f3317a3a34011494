"""Results that show themselves: as a table on a terminal, as HTML in a notebook, in one line elsewhere."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True)
class Sheet:
    """What is shown of a result.

    Attributes:
        title: one line.
        headings: of the columns.
        rows: of the table.
        remarks: lines below it.
        stamps: what everything that shows the result must say.
    """

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    remarks: Sequence[str] = ()
    stamps: Sequence[str] = ()


class Shown(ABC):
    """A result that shows itself."""

    @abstractmethod
    def sheet(self) -> Sheet:
        """What is shown of it."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.sheet().title}>"

    def __rich__(self) -> RenderableType:
        """As a table, for ``rich.print``."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        sheet = self.sheet()
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for heading in sheet.headings:
            table.add_column(Text(heading))
        for row in sheet.rows:
            table.add_row(*map(Text, row))
        stamps = [(f" {stamp}", "bold red") for stamp in sheet.stamps]
        return Group(Text.assemble((sheet.title, "bold"), *stamps), table, *map(Text, sheet.remarks))

    def _repr_html_(self) -> str:
        """As HTML, for notebooks."""
        sheet = self.sheet()
        stamps = "".join(f' <strong style="color:#c00">{escape(stamp)}</strong>' for stamp in sheet.stamps)
        head = "".join(f"<th>{escape(heading)}</th>" for heading in sheet.headings)
        rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in sheet.rows)
        below = "".join(f"<p>{escape(remark)}</p>" for remark in sheet.remarks)
        return (
            f"<div><p><strong>{escape(sheet.title)}</strong>{stamps}</p><table><thead><tr>{head}</tr></thead>"
            f"<tbody>{rows}</tbody></table>{below}</div>"
        )


def number(value: float | None) -> str:
    """A measured value in three digits; a dash for none."""
    return "–" if value is None else f"{value:.3f}"
