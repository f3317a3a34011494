"""A run in a few numbers, as ``qplug run --json`` prints it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qplug.lab.measures import SUMMARY
from qplug.lab.runs.directory import RunDirectory


def summary(directory: RunDirectory, content: Mapping[str, Any]) -> dict[str, Any]:
    """The summary of a run from what its ``metrics.json`` holds."""
    short = {part: {name: content[part][name] for name in SUMMARY} for part in ("test", "validation")}
    return {"run": str(directory.path), **content, **short}
