"""What a comparison came to, for people: what ``qplug compare`` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from qplug.lab.comparison.outcome import ComparisonOutcome, DataSetOutcome

_COLOURS = {"better": "green", "worse": "red", "equivalent": "cyan", "undecided": "dim"}
_BESIDE = 3
"""As many data sets have room beside each other in 80 characters."""


def comparison_tables(outcome: ComparisonOutcome) -> list[RenderableType]:
    """Verdicts, tables and remarks of each data set, in 80 characters; several are first shown side by side."""
    beside = _side_by_side(outcome) if len(outcome.data_sets) > 1 else ()
    return [*beside, *(each for data in outcome.data_sets for each in _data_set(data))]


def _side_by_side(outcome: ComparisonOutcome) -> Iterator[RenderableType]:
    """Means with intervals, and verdicts, with a column per data set."""
    from qplug.lab.report import comparison_tables as tables
    from qplug_cli.words import Text

    for first in range(0, len(outcome.data_sets), _BESIDE):
        some = outcome.model_copy(update={"data_sets": outcome.data_sets[first : first + _BESIDE]})
        found = tables.arms_over_data_sets(some)
        yield _table([heading.replace(": ", "\n").replace(" · ", "\n") for heading in found.headings], found.rows)
        yield Text()
        names = dict.fromkeys((pair.a, pair.b) for data in some.data_sets for pair in data.pairs)
        verdicts = [{(pair.a, pair.b): pair.verdict for pair in data.pairs} for data in some.data_sets]
        rows = [(*name, *(each.get(name, "–") for each in verdicts)) for name in names]
        yield _table(("first arm", "against", *(data.dataset for data in some.data_sets)), rows, n_words=2)
        yield Text()


def _data_set(data: DataSetOutcome) -> Iterator[RenderableType]:
    from qplug.lab.report import comparison_words as words
    from qplug_cli.words import Text, styled

    how = words.measure(data.metric)
    stamps = [(f" {stamp}", "bold red") for stamp in data.stamps]
    yield styled((data.dataset, "bold"), f" · {how.title}, margin {words.margin(data)}", *stamps)
    for verdict, line in words.verdict_lines(data.pairs):
        yield styled((f"{verdict:<10} ", _COLOURS[verdict]), line)
    yield from _tables(data)
    for found in data.ablations:
        yield Text(words.ablation_line(found))
    for title, lines in (("left out:", data.left_out), ("warning:", data.warnings)):
        for line in lines:
            yield styled((title, "yellow"), f" {line}")
    yield Text()


def _tables(data: DataSetOutcome) -> Iterator[RenderableType]:
    from qplug.lab.report import comparison_tables as tables
    from qplug.lab.report import comparison_words as words
    from qplug_cli.words import Text

    difference = words.measure(data.metric).heads_difference
    short = {"trained weights": "weights", "training, s": "train s", "smallest detectable": "detectable"}
    short |= {difference: difference.removeprefix("difference, ")}
    arms = tables.arms(data).without("role")
    yield Text()
    yield _table(arms.headings, arms.rows, names=short)
    for first in dict.fromkeys(pair.a for pair in data.pairs):
        own = [pair for pair in data.pairs if pair.a == first]
        found = tables.pairs(data, own, short=True).without("first arm")
        yield Text()
        yield _table(found.headings, found.rows, n_words=2, names={**short, "against": f"{first} against"})
    if data.ablations:
        kept = tables.ablations(data)
        yield Text()
        yield _table(kept.headings, kept.rows, n_words=2)


def _table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, n_words: int = 1, names: Mapping[str, str] | None = None
) -> Table:
    """A table whose first columns break where there is no room, and whose numbers stay whole."""
    from rich.table import Table

    from qplug_cli.words import Text

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    for place, heading in enumerate(headings):
        words = place < n_words
        title = Text((names or {}).get(heading, heading))
        table.add_column(title, justify="left" if words else "right", no_wrap=not words, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table
