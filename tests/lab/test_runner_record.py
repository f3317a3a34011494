"""What a run leaves behind says what it is worth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from qplug.catalogue import load
from qplug.contract.claim import Claim
from qplug.lab.config.layers import from_assignments
from qplug.lab.config.recipes import with_recipe
from qplug.lab.config.resolve import resolve
from qplug.lab.runner.record import known_results, stamped
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import run_once
from qplug.lab.runs.directory import RunDirectory

from .places import without_figures


def tables(folder: Path, dataset: str, *more: str) -> list[list[dict[str, str]]]:
    """The rows of each table of a small run."""
    chosen = {"dataset": {"name": dataset}, "backbone": {"name": "identity"}, "head": {"name": "linear"}}
    run = run_once(
        [from_assignments(["training.epochs=1", *more]), chosen], folder, Silent(), workplace=without_figures()
    )
    return [RunDirectory.open(Path(run["run"])).read_csv(name) for name in ("predictions.csv", "history.csv")]


def test_the_stamp_of_a_run_stands_last_in_each_row_of_each_table(tmp_path: Path) -> None:
    for rows in tables(tmp_path, "chirps", "dataset.n_samples=100"):
        assert {row["stamps"] for row in rows} == {"SYNTHETIC DATA"}
        assert list(rows[0])[-1] == "stamps"


def test_a_run_without_stamps_has_no_column_for_them(tmp_path: Path) -> None:
    for rows in tables(tmp_path, "digits"):
        assert "stamps" not in rows[0]


def test_several_stamps_stand_in_one_column() -> None:
    assert stamped([{"epoch": 1}], []) == [{"epoch": 1}]
    assert stamped([{"epoch": 1}], ["SYNTHETIC DATA", "LEAKY"]) == [{"epoch": 1, "stamps": "SYNTHETIC DATA; LEAKY"}]


OWN = [Claim(metric="accuracy", value=80, unit="%", protocol="published", source="A. Nobody")]


def known(recipe: str, *assignments: str, smoke: bool = False, reference: Sequence[Claim] = OWN) -> list[Claim]:
    layers = with_recipe([from_assignments(assignments)], recipe, smoke=smoke)
    return known_results(resolve(layers), reference)


@pytest.mark.parametrize("variant", ["", "-classical", "-original"])
def test_the_original_of_a_recipe_is_told_for_all_its_variants(variant: str) -> None:
    own, original, classical = known(f"urbansound8k-fusion{variant}")
    assert own == OWN[0]
    assert (original.metric, original.value, original.unit) == ("accuracy", 71.9, "%")
    assert original.protocol.startswith("the original of urbansound8k-fusion: hybrid; one run")
    assert (classical.value, "classical branch alone" in classical.protocol) == (74.4, True)


def test_on_other_data_the_original_says_nothing() -> None:
    assert known("crema-d-transfer", "dataset.name=ravdess", "backbone.weights=none", "backbone.frozen=false") == OWN


def test_what_the_data_set_tells_already_is_not_told_twice() -> None:
    told = load("dataset", "birdsong").reference
    assert {claim.value for claim in told} == {95.04, 92.88}
    assert known("qc-cnn-birdsong", reference=told) == list(told)
    assert len(known("qc-cnn-birdsong")) == 3


def test_nothing_is_known_of_generated_data() -> None:
    assert known("urbansound8k-fusion", smoke=True) == []
