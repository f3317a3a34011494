"""A preset stands for its parameters in the layer that names it: over the layers below, under what is set there."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from qplug import catalogue
from qplug.catalogue.layers import Layer
from qplug.contract.errors import UnknownName
from qplug.contract.interfaces import Component, Dataset
from qplug.lab.config.branches import from_head
from qplug.lab.config.layers import from_assignments, from_defaults, from_file
from qplug.lab.config.presets import written_out
from qplug.lab.config.recipes import with_recipe
from qplug.lab.config.resolve import resolve
from qplug.lab.config.toml import short_hash, to_toml

DIGITS = {"dataset": {"name": "digits"}}
BIG = {"name": "pixels", "preset": "cifar-10"}
"""32 pixels in colour; the data set's own defaults are 8 pixels in grey."""

WIDE = """
from qplug import Head, HeadCapabilities


class Part(Head):
    summary = "a head with presets, made for a test"
    capabilities = HeadCapabilities(interface=1)
    presets = {"wide": {"width": 8, "depth": 4}, "deep": {"depth": 9}}

    def __init__(self, *, width: int = 3, depth: int = 1) -> None:
        self.width = width
        self.depth = depth

    def build(self, n_inputs, n_classes):
        raise NotImplementedError
"""


def features(*layers: Layer) -> dict[str, Any]:
    return dict(resolve([*layers, DIGITS]).features.parameters)


def test_a_preset_goes_before_what_the_data_set_suggests() -> None:
    assert features({"features": BIG}) == {"size": 32, "channels": 3, "aspect": "stretch", "normalise": "channel"}


def test_what_is_set_beside_a_preset_goes_before_it() -> None:
    assert features({"features": {**BIG, "size": 12}})["size"] == 12
    assert features({"features": {**BIG, "size": 12}})["channels"] == 3


def test_what_is_set_above_a_preset_goes_before_it() -> None:
    given = features(from_assignments(["features.size=12"]), {"features": BIG})
    assert (given["size"], given["channels"]) == (12, 3)


def test_a_preset_goes_before_what_is_set_below_it_and_leaves_the_rest() -> None:
    below = {"features": {"name": "pixels", "size": 12, "aspect": "crop"}}
    given = features(from_assignments(["features.preset=cifar-10"]), below)
    assert (given["size"], given["channels"], given["aspect"]) == (32, 3, "crop")


def test_of_two_presets_the_upper_one_counts_alone() -> None:
    layers = [{"features": {"preset": "qc-cnn"}}, {"features": {"name": "mel", "preset": "qc-cnn-birdsong"}}]
    table = written_out(layers, "features")
    assert table[0]["features"]["n_fft"] == 2048
    assert table[1] == {"features": {"name": "mel"}}


def test_the_preset_of_a_component_that_is_not_taken_is_forgotten_with_it() -> None:
    below = {"features": {"name": "not-there", "preset": "nothing"}}
    assert features({"features": {"name": "pixels"}}, below)["size"] == 8


def test_a_preset_without_a_name_belongs_to_the_component_that_is_taken_by_default() -> None:
    assert features(from_assignments(["features.preset=mnist"]))["size"] == 28


def test_a_data_set_can_suggest_a_preset() -> None:
    layer = from_defaults({"features": "pixels", "features.preset": "mnist"})
    assert written_out([layer], "features") == [{"features": {"name": "pixels", "size": 28, "channels": 1}}]


def test_branches_have_presets_of_their_own(site) -> None:
    site.add_head("wide", WIDE)
    branches: Layer = {
        "branch": [
            {"head": {"name": "wide", "preset": "wide", "depth": 2}, "reducer": {"name": "identity"}},
            {"head": {"name": "wide", "width": 5, "depth": 5}},
        ]
    }
    config = resolve([from_assignments(["branch2.head.preset=deep"]), branches, DIGITS])
    assert [dict(branch.head.parameters) for branch in config.branches] == [
        {"width": 8, "depth": 2},
        {"width": 5, "depth": 9},
    ]
    summed = [from_assignments(["branch2.head.preset=wide", "branch2.head.width=6"]), from_head("linear + wide")]
    assert resolve([*summed, DIGITS]).branches[1].head.parameters == {"width": 6, "depth": 4}


def test_a_resolved_run_holds_full_parameters_and_no_preset(tmp_path: Path) -> None:
    config = resolve([{"features": {**BIG, "size": 12}}, DIGITS])
    file = tmp_path / "run.toml"
    file.write_text(to_toml(config))
    assert "preset" not in file.read_text()
    again = resolve([from_file(file)])
    assert again == config
    assert short_hash(again) == short_hash(config)
    plain = resolve([{"features": {"name": "pixels", "size": 12, "channels": 3}}, DIGITS])
    assert short_hash(plain) == short_hash(config)


@pytest.mark.parametrize(
    "recipe",
    [
        "qc-cnn-gtzan",
        "qc-cnn-birdsong",
        "urbansound8k-fusion",
        "crema-d-transfer",
        "image-hybrid-mnist",
        "image-hybrid-cifar10",
    ],
)
def test_the_four_systems_take_their_features_from_presets(recipe: str) -> None:
    asked = catalogue.recipe(recipe).run["features"]
    assert set(asked) == {"name", "preset"}
    extractor = cast("type[Component]", catalogue.load("features", asked["name"]))
    given = resolve(with_recipe([], recipe)).features.parameters
    assert given.items() >= extractor.presets[asked["preset"]].items()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["features.preset=mnits"], r"preset of features pixels is called 'mnits'\. Did you mean 'mnist'\? Its"),
        (["backbone.preset=big"], r"preset of backbone cnn3 is called 'big'\. It has no presets"),
        (["branch1.head.preset=big"], r"preset of head mlp is called 'big'\. It has no presets"),
        (["training.preset=long"], r"parameter of training is called 'preset'"),
    ],
)
def test_an_unknown_preset_is_refused_with_those_there_are(settings: list[str], said: str) -> None:
    branches = from_head("mlp + linear") if settings[0].startswith("branch") else {}
    with pytest.raises(UnknownName, match=said):
        resolve([from_assignments(settings), branches, DIGITS])


@pytest.mark.parametrize("name", [entry.name for entry in catalogue.entries("dataset") if entry.status == "ready"])
def test_data_sets_name_the_preset_that_they_suggest_rather_than_repeat_it(name: str) -> None:
    defaults = cast("type[Dataset]", catalogue.load("dataset", name)).defaults
    suggested = from_defaults(defaults).get("features", {})
    if "name" in suggested:
        extractor = cast("type[Component]", catalogue.load("features", suggested["name"]))
        assert [preset for preset, values in extractor.presets.items() if values.items() <= suggested.items()] == []
