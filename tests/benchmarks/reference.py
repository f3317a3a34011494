"""Writes what of docs/reference comes from the code: the table of metrics.

python tests/benchmarks/reference.py
"""

from __future__ import annotations

from pathlib import Path

from qplug.lab.measures import METRICS

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
PAGE = REFERENCE / "run-directory.md"
START, END = "<!-- metrics -->\n", "<!-- /metrics -->\n"


def metrics_table() -> str:
    """Every metric as a row of Markdown."""
    rows = ["| metric | name | what it is | range | better |", "|---|---|---|---|---|"]
    for metric in METRICS.values():
        meaning = metric.meaning + (" Two classes only." if metric.of_two_classes else "")
        unit = f" {metric.unit}" if metric.unit else ""
        rows.append(f"| `{metric.key}` | {metric.title} | {meaning} | {metric.range}{unit} | {metric.better} |")
    return "\n".join(rows) + "\n"


def with_metrics_table(page: str) -> str:
    """The page with the table of today between its marks."""
    before, _, rest = page.partition(START)
    return before + START + "\n" + metrics_table() + "\n" + END + rest.partition(END)[2]


def main() -> None:
    """Writes them all."""
    PAGE.write_text(with_metrics_table(PAGE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
