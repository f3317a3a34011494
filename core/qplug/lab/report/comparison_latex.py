r"""The tables of a comparison in LaTeX: to be ``\input`` into a paper, or compiled alone."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from functools import partial

from qplug.lab.comparison.outcome import ComparisonOutcome, DataSetOutcome
from qplug.lab.report import comparison_tables as tables
from qplug.lab.report import comparison_words as words
from qplug.lab.report.comparison_tables import Grid

_MOST_ROWS = 30
"""A table with more rows is continued in a next one: a float does not break over pages."""
_MOST_DATA_SETS = 3
"""As many columns of means with intervals stand side by side."""
_LONGEST_WORDS = 11
"""Characters of words in one line of a table."""

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_", "%": r"\%",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}", "`": r"\textasciigrave{}", "'": "'", "[": "{[}", "]": "{]}",
    "\N{NO-BREAK SPACE}": "~", words.MINUS: "$-$", "–": "--", "—": "---", "…": r"\ldots{}", "·": r"$\cdot$",
    "×": r"$\times$", "±": r"$\pm$", "≤": r"$\le$", "≥": r"$\ge$", "→": r"$\to$", "Δ": r"$\Delta$", "θ": r"$\theta$",
    "⟨": r"$\langle$", "⟩": r"$\rangle$", "‘": "`", "’": "'", "“": "``", "”": "''", "≈": r"$\approx$",
}  # fmt: skip

_LACKING = "ĦħĸĿŀŉŦŧſ"
"""Letters of European languages that T1 has not."""

_HEAD = r"""% The tables of a comparison, written by qplug. It compiles alone; a paper that uses booktabs, and
% fontenc with T1, takes it in by \input.
\expandafter\ifx\csname @nodocument\endcsname\relax
  \def\qplugend{}
\else
  \documentclass[a4paper,landscape]{article}
  \usepackage[T1]{fontenc}
  \usepackage[margin=15mm]{geometry}
  \usepackage{booktabs}
  \def\qplugend{\end{document}}
  \begin{document}
\fi
"""


def escaped(text: str) -> str:
    """A text that LaTeX prints as it is; letters that its standard fonts lack as their code points."""
    return "".join(map(_letter, unicodedata.normalize("NFC", text)))


def _letter(letter: str) -> str:
    if letter in _SPECIAL:
        return _SPECIAL[letter]
    if letter.isspace() or unicodedata.category(letter).startswith("C"):
        return " "
    # Up to there the letters are those of European languages, which T1 has.
    return letter if ord(letter) < 0x180 and letter.isprintable() and _is_known(letter) else f"(U+{ord(letter):04X})"


def _is_known(letter: str) -> bool:
    return letter.isascii() or (letter.isalpha() and letter not in _LACKING)


def latex(outcome: ComparisonOutcome) -> str:
    """Arms and pairs of every data set, and of all side by side where there are several."""
    parts = [_HEAD]
    several = outcome.data_sets
    if len(several) > 1:
        for first in range(0, len(several), _MOST_DATA_SETS):
            some = outcome.model_copy(update={"data_sets": several[first : first + _MOST_DATA_SETS]})
            parts += _over_data_sets(some, f"all-{first // _MOST_DATA_SETS + 1}" if first else "all")
    for number, data in enumerate(several, 1):
        parts += _data_set(data, number)
    return "\n".join([*parts, r"\qplugend", ""])


def _over_data_sets(outcome: ComparisonOutcome, label: str) -> Iterator[str]:
    stamps = _stamped(words.stamps_of(outcome.data_sets))
    arms = "Mean score of each arm with its 95 % interval, by data set."
    yield from _tables(tables.arms_over_data_sets(outcome), arms + stamps, f"arms-{label}")
    pairs = "Difference of each pair of arms with its 95 % interval and verdict, by data set."
    yield from _tables(tables.pairs_over_data_sets(outcome), pairs + stamps, f"pairs-{label}")


def _data_set(data: DataSetOutcome, number: int) -> Iterator[str]:
    how, stamps = words.measure(data.metric), _stamped(data.stamps)
    caption = f"{data.dataset}: {how.title} of each arm on the test part, mean over its cells."
    yield from _tables(tables.arms(data), caption + stamps, f"arms-{number}")
    caption = f"{data.dataset}: differences in {how.title}, first arm minus the other; margin {words.margin(data)}."
    yield from _tables(tables.pairs(data, data.pairs, short=True), caption + stamps, f"pairs-{number}")
    if data.ablations:
        caption = f"{data.dataset}: share of the score above chance that is kept when a head's circuit is rewritten."
        yield from _tables(tables.ablations(data), caption + stamps, f"ablations-{number}")


def _stamped(stamps: Sequence[str]) -> str:
    return f" {', '.join(stamps)}." if stamps else ""


def _tables(grid: Grid, caption: str, label: str) -> Iterator[str]:
    for first in range(0, len(grid.rows), _MOST_ROWS):
        rows = grid.rows[first : first + _MOST_ROWS]
        more = " (continued)" if first else ""
        ending = f"-{first // _MOST_ROWS + 1}" if first else ""
        yield _table(Grid(grid.headings, rows, grid.n_words), caption + more, label + ending)


def _table(grid: Grid, caption: str, label: str) -> str:
    lines = [
        r"\begin{table}[htbp]\centering\setlength{\belowcaptionskip}{4pt}",
        rf"\caption{{{escaped(caption)}}}\label{{tab:qplug-{label}}}",
        r"\footnotesize\setlength{\tabcolsep}{2.5pt}",
        rf"\begin{{tabular}}{{{_columns(grid)}}}",
        r"\toprule",
        _row(_broken(heading) for heading in grid.headings),
        r"\midrule",
        *(_row(map(partial(_cell, n_words=grid.n_words), range(len(row)), row)) for row in grid.rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
        "",
    ]
    return "\n".join(lines)


def _columns(grid: Grid) -> str:
    """Long words get a column in which they break, so that the table fits the text of a page in portrait."""
    widest = [max(len(row[place]) for row in grid.rows) for place in range(grid.n_words)]
    left = ["p{1.7cm}" if length > _LONGEST_WORDS else "l" for length in widest]
    return "@{}" + "".join(left) + "r" * (len(grid.headings) - grid.n_words) + "@{}"


def _cell(place: int, text: str, *, n_words: int) -> str:
    """A cell; words break without being stretched, and a verdict stands below its numbers."""
    if place < n_words:
        return rf"\raggedright {escaped(text)}" if len(text) > _LONGEST_WORDS else escaped(text)
    numbers, comma, verdict = text.rpartition(", ")
    return _stacked((numbers, verdict), "t") if comma and verdict.isalpha() else escaped(text)


def _broken(heading: str) -> str:
    """A heading in short lines; what is told of a data set stands below its name."""
    above, colon, below = heading.rpartition(": ")
    lines = ([above] if colon else []) + textwrap.wrap(below, _LONGEST_WORDS, break_long_words=False)
    return escaped(heading) if len(lines) < 2 else _stacked(lines, "b")


def _stacked(lines: Sequence[str], place: str) -> str:
    return rf"\begin{{tabular}}[{place}]{{@{{}}r@{{}}}}" + r"\\".join(map(escaped, lines)) + r"\end{tabular}"


def _row(cells: Iterator[str] | map[str]) -> str:
    return " & ".join(cells) + r" \\"
