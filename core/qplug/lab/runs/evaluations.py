"""What came of judging a finished run again, beside its first judgement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qplug.contract.errors import DataError
from qplug.lab.runs.directory import METRICS, RunDirectory

EVALUATIONS = "evaluations"
"""Where a run keeps them, a folder each."""


def evaluations(path: Path) -> list[dict[str, Any]]:
    """What came of judging a run again, by name; those that are incomplete or damaged are left out."""
    found = []
    for folder in sorted((path / EVALUATIONS).glob("*/")):
        try:
            content = RunDirectory(folder).read_json(METRICS)
        except DataError:
            continue
        if isinstance(content, dict) and isinstance(content.get(content.get("part", "")), dict):
            found.append(content)
    return found
