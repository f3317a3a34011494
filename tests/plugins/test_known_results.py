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


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("gtzan", {"genres": ("blues", "metal")}),
        ("mnist", {"only": ("3", "6")}),
        ("cifar-10", {"only": ("cat", "dog")}),
    ],
)
def test_results_of_all_classes_say_so_where_some_are_chosen(name: str, parameters: dict[str, tuple[str, ...]]) -> None:
    (found,) = [point.load() for point in DATASETS if point.name == name]
    whole = found().reference
    assert whole == found.reference
    lines = found(**parameters).reference
    assert len(lines) == len(whole)
    assert all(re.match(r"all ten \w+, not those chosen here: ", line) for line in lines)
    assert [line.partition("here: ")[2] for line in lines] == list(whole)


def test_the_floor_of_ravdess_is_that_of_the_emotions_chosen() -> None:
    (found,) = [point.load() for point in DATASETS if point.name == "ravdess"]
    assert [line for line in found().reference if "always" in line] == [found.reference[0]]
    assert "accuracy 13.3 %" in found().reference[0]
    six = found(emotions="crema-d").reference
    assert "accuracy 18.2 %" in six[0]
    assert all(line.startswith("all eight, ") for line in six[1:])
    assert "13.3 %" not in " ".join(six)
