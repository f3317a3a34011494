"""One table of metrics, and whatever lists metrics lists those."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
import torch

from qplug.lab.config.training import LOWER_IS_BETTER, OF_TWO_CLASSES, Metric
from qplug.lab.judging.metrics import metrics
from qplug.lab.measures import LISTED, METRICS, SUMMARY
from qplug.lab.runs.run_record import Scores
from qplug.lab.training import scores

PAGES = Path(__file__).parents[2] / "docs" / "reference"


def test_what_is_computed_and_what_can_be_monitored_is_what_the_table_has() -> None:
    judged = metrics(torch.tensor([0, 1]), torch.eye(2), ["a", "b"])
    assert {name for name, value in judged.items() if isinstance(value, float)} == set(METRICS) == set(get_args(Metric))
    three = metrics(torch.tensor([0, 1, 2]), torch.eye(3), ["a", "b", "c"])
    assert set(METRICS) <= set(Scores.model_fields)
    assert {key for key in METRICS if key not in three} == OF_TWO_CLASSES
    assert set(scores.scores(torch.eye(2), torch.tensor([0, 1]))) <= set(METRICS)


def test_which_way_is_better_and_where_it_ends_is_what_the_numbers_say() -> None:
    labels = torch.tensor([0, 1] * 10)
    right, wrong = (metrics(labels, 60.0 * torch.eye(2)[answers], ["a", "b"]) for answers in (labels, 1 - labels))
    for key, metric in METRICS.items():
        assert (right[key] < wrong[key]) == (metric.better == "lower") == (key in LOWER_IS_BETTER)
        assert right[key] == pytest.approx(metric.low if metric.better == "lower" else metric.high, abs=1e-9)
        assert metric.high is None or wrong[key] <= metric.high


def test_a_value_is_written_as_the_table_says() -> None:
    assert METRICS["accuracy"].written(0.7125) == "71.2\N{NO-BREAK SPACE}%"
    assert METRICS["cross_entropy"].written(0.7129) == "0.713"
    assert METRICS["roc_auc"].written(None) == "–"


def test_summaries_and_lists_show_what_they_showed() -> None:
    assert SUMMARY == ("accuracy", "balanced_accuracy", "macro_f1", "precision", "cross_entropy")
    assert LISTED == ("accuracy", "balanced_accuracy", "macro_f1", "cross_entropy")


def test_the_documentation_has_the_table_of_today(benchmark_script: Callable[[str], Any]) -> None:
    page = (PAGES / "run-directory.md").read_text("utf-8")
    today = benchmark_script("reference").with_metrics_table(page)
    assert today == page, "write it anew: python tests/benchmarks/reference.py"
    for key, metric in METRICS.items():
        assert f"| `{key}` | {metric.title} |" in page
        assert f"`{key}`" in (PAGES / "command-line.md").read_text("utf-8")


def test_the_table_needs_nothing_heavy() -> None:
    source = inspect.getsource(inspect.getmodule(METRICS["accuracy"].__class__) or object)
    imported = {line.split()[1] for line in source.splitlines() if line.startswith(("import ", "from "))}
    assert imported <= {"__future__", "collections.abc", "dataclasses", "types", "typing"}
