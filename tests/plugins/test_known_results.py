"""What the data sets say is known about them, against the page that lists it."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from qplug.lab.measures import METRICS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "data-sets.md"
SOURCE = re.compile(r"arXiv:\d+\.\d+|doi \S+?(?=[,;)]|$)")
DATASETS = [point for point in entry_points(group="qplug.datasets") if point.value.startswith("qplug_")]


@pytest.mark.parametrize("name", sorted(point.name for point in DATASETS))
def test_the_page_names_every_source_of_a_known_result(name: str) -> None:
    (found,) = [point.load() for point in DATASETS if point.name == name]
    page = PAGE.read_text(encoding="utf-8")
    sources = SOURCE.findall(" ".join(map(str, found.reference)))
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
    lines = [str(claim) for claim in found(**parameters).reference]
    assert len(lines) == len(whole)
    assert all(re.match(r"all ten \w+, not those chosen here: ", line) for line in lines)
    assert [line.partition("here: ")[2] for line in lines] == [str(claim) for claim in whole]


def test_the_floor_of_ravdess_is_that_of_the_emotions_chosen() -> None:
    (found,) = [point.load() for point in DATASETS if point.name == "ravdess"]
    whole, six = ([str(claim) for claim in each.reference] for each in (found(), found(emotions="crema-d")))
    assert [line for line in whole if "always" in line] == whole[:2]
    assert "accuracy 13.3 %" in whole[0]
    assert "balanced accuracy 12.5 %" in whole[1]
    assert "accuracy 18.2 %" in six[0]
    assert "balanced accuracy 16.7 %" in six[1]
    assert all(line.startswith("all eight, ") for line in six[2:])
    assert "13.3 %" not in " ".join(six)


@pytest.mark.parametrize("name", sorted(point.name for point in DATASETS))
def test_every_known_result_is_a_number_of_a_metric_that_there_is(name: str) -> None:
    (found,) = [point.load() for point in DATASETS if point.name == name]
    assert all(claim.metric in METRICS and claim.unit == "%" and 0 < claim.value < 100 for claim in found.reference)
    assert all(claim.protocol and claim.source for claim in found.reference)
    assert len(set(found.reference)) == len(found.reference)
