"""What the data sets say is known about them, against the page that lists it."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "data-sets.md"
SOURCE = re.compile(r"arXiv:\d+\.\d+|doi \S+?(?=[,;)]|$)")
DATASETS = [point for point in entry_points(group="qplug.datasets") if point.value.startswith("qplug_")]


@pytest.mark.parametrize("name", sorted(point.name for point in DATASETS))
def test_the_page_names_every_source_of_a_known_result(name: str) -> None:
    (found,) = [point.load() for point in DATASETS if point.name == name]
    page = PAGE.read_text(encoding="utf-8")
    sources = SOURCE.findall(" ".join(found.reference))
    assert sources or name not in {"crema-d", "ravdess", "urbansound8k", "gtzan", "birdsong", "cifar-10"}
    assert [source for source in sources if source not in page] == []
