"""Every recipe and every twin runs from end to end on generated files in its data set's official layout."""

from __future__ import annotations

from pathlib import Path

import pytest

from qplug import catalogue
from qplug.lab.config.recipes import with_recipe
from qplug.lab.config.resolve import resolve
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import run_once
from qplug.lab.runner.workplace import Workplace
from qplug.lab.runs.record_file import read_record

RECIPES = sorted(catalogue.registry().recipes)
SEEDS = (0, 1, 2)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recipes")


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_runs_on_generated_files_with_any_seed(name: str, home: Path) -> None:
    # Twins share features. Figures have tests of their own, and would take half of the time.
    place = Workplace(cache=home / "cache", workers=1, figures=False)
    losses = set()
    for seed in SEEDS:
        summary = run_once(with_recipe([{"seed": seed}], name, smoke=True), home / "runs", Silent(), workplace=place)
        assert summary["stamps"] == ["SYNTHETIC DATA"]
        assert summary["seed"] == seed
        metrics = read_record(summary["run"]).metrics()
        assert metrics["n_test"] > 0
        assert 0 <= metrics["test"]["accuracy"] <= 1
        assert (metrics["parameters"]["quantum"] > 0) == (not name.endswith("-classical"))
        losses.add(metrics["test"]["cross_entropy"])
    assert len(losses) == len(SEEDS)


def test_every_hybrid_recipe_has_a_classical_twin_of_as_many_parameters() -> None:
    hybrids = {name for name in RECIPES if not catalogue.recipe(name).base and name != "quickstart"}
    assert hybrids == {
        "qc-cnn-gtzan",
        "qc-cnn-birdsong",
        "urbansound8k-fusion",
        "crema-d-transfer",
        "image-hybrid-mnist",
        "image-hybrid-cifar10",
    }
    for name in hybrids:
        assert catalogue.recipe(f"{name}-classical").base == name
        assert f"{name}-original" in RECIPES


@pytest.mark.parametrize("name", [name for name in RECIPES if name.startswith("crema-d-transfer")])
def test_a_made_up_backbone_does_not_learn_with_the_step_of_the_head(name: str) -> None:
    config = resolve(with_recipe([], name, smoke=True))
    assert not config.backbone.parameters["frozen"]
    assert config.training.backbone_learning_rate == 0.0003
    assert config.training.head_epochs <= 1
