"""Writes what of docs/reference comes from the code: the table of metrics and the schemas of records and registry.

python tests/benchmarks/reference.py
"""

from __future__ import annotations

import json
from pathlib import Path

from qplug.lab.config.registry_faults import registry_schema
from qplug.lab.measures import METRICS
from qplug.lab.runs.run_record import RunRecord

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
PAGE = REFERENCE / "run-directory.md"
SCHEMA = REFERENCE / "record.schema.json"
REGISTRY_SCHEMA = REFERENCE / "registry.schema.json"
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


def record_schema() -> str:
    """The JSON schema of ``record.json``."""
    return json.dumps(RunRecord.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Writes them all."""
    SCHEMA.write_text(record_schema(), "utf-8")
    REGISTRY_SCHEMA.write_text(json.dumps(registry_schema(), indent=2, ensure_ascii=False) + "\n", "utf-8")
    PAGE.write_text(with_metrics_table(PAGE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
