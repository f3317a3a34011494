"""Names and settings become one configuration with every default filled in, and survive the way through TOML."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from qplug.contract.errors import ConfigError, NotSupported, ParameterError, UnknownName
from qplug.lab.config.branches import from_head
from qplug.lab.config.layers import from_assignments, from_file
from qplug.lab.config.recipes import with_recipe
from qplug.lab.config.resolve import resolve
from qplug.lab.config.toml import short_hash, to_layer, to_toml

DIGITS = {"dataset": {"name": "digits"}}


def test_every_default_is_filled_in() -> None:
    config = resolve([DIGITS])
    assert config.features.name == "pixels"
    assert config.backbone.name == "cnn3"
    assert config.branches[0].reducer.name == "linear"
    assert config.branches[0].head.parameters["n_qubits"] == 8
    assert config.backend.name == "torch"


def test_the_data_set_s_defaults_give_way_to_the_user_s_settings() -> None:
    assert resolve([DIGITS]).features.parameters["size"] == 8
    assert resolve([from_assignments(["features.size=16"]), DIGITS]).features.parameters["size"] == 16


def test_a_metric_of_two_classes_is_not_monitored_with_ten() -> None:
    with pytest.raises(NotSupported, match=r"training.monitor is 'roc_auc', .* but the data set has 10\."):
        resolve([from_assignments(["training.monitor=roc_auc"]), DIGITS])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"seed": "-1"}, "seed must be an integer in .*; got '-1'. Set it with --seed VALUE; its default is 0."),
        ({"on_bad_file": "ignore"}, "got 'ignore'. Set it with --on-bad-file VALUE"),
        ({"allow_leak": "perhaps"}, "got 'perhaps'. Set it with --allow-leak; its default is false."),
        ({"training": {"epochs": "0"}}, "got '0'. Set it with --set training.epochs=VALUE"),
    ],
)
def test_a_refused_option_names_the_flag_that_sets_it(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ParameterError, match=told):
        resolve([options, DIGITS])


def test_a_frozen_backbone_is_reduced_by_pca() -> None:
    config = resolve([from_assignments(["backbone.frozen=true"]), DIGITS])
    assert config.branches[0].reducer.name == "pca"


@pytest.mark.parametrize(
    "settings",
    [
        [],
        ["head.n_layers=3", "training.learning_rate=0.1", "seed=4"],
        ["training.gradient_clip=1.5", "training.quantum_learning_rate=none"],
    ],
)
def test_a_configuration_survives_the_way_through_toml(tmp_path: Path, settings: list[str]) -> None:
    config = resolve([from_assignments(settings), DIGITS])
    file = tmp_path / "run.toml"
    file.write_text(to_toml(config))
    again = resolve([from_file(file)])
    assert again == config
    assert short_hash(again) == short_hash(config)
    assert re.fullmatch("[0-9a-f]{12}", short_hash(config))  # 24 bits would name 300 pairs of 100,000 runs alike


def test_branches_survive_the_way_through_toml(tmp_path: Path) -> None:
    config = resolve([from_head("linear + 0.5*linear:pennylane-pqc"), DIGITS])
    assert [branch.weight for branch in config.branches] == [1.0, 0.5]
    assert [branch.reducer.name for branch in config.branches] == ["identity", "linear"]
    assert config.heads == "linear+pennylane-pqc"
    file = tmp_path / "run.toml"
    file.write_text(to_toml(config))
    assert resolve([from_file(file)]) == config


def test_one_of_several_branches_is_set_by_its_number() -> None:
    layers = [from_assignments(["branch2.head.n_layers=3", "branch1.weight=0.25"]), from_head("mlp + pennylane-pqc")]
    config = resolve([*layers, DIGITS])
    assert config.branches[1].head.parameters["n_layers"] == 3
    assert config.branches[0].weight == 0.25


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["branch3.weight=1"], r"branch3\.… names branch 3, but there are 2"),
        (["branch1.weight=much"], r"weight 'much' of branch 1 is no number"),
        (["branch2.weight=nan"], r"weight 'nan' of branch 2 is no number"),
        (["branch1.weight=-inf"], r"weight '-inf' of branch 1 is no number"),
        (["branch1.backbone.width=1"], r"branch1\.backbone\.width: set weight"),
        (["head.n_layers=3"], r"Say which one is meant"),
    ],
)
def test_settings_that_name_no_branch_are_refused(settings: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        resolve([from_assignments(settings), from_head("mlp + pennylane-pqc"), DIGITS])


@pytest.mark.parametrize("text", ["linear +", "0.5**linear", "a:b:c"])
def test_a_sum_of_heads_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        from_head(text)


def test_a_weight_that_is_no_number_is_refused() -> None:
    with pytest.raises(ConfigError, match="the weight 'half' of the branch 'half"):
        from_head("half*linear")


def test_the_place_of_the_data_does_not_change_the_hash() -> None:
    here, there = ({"data_dir": place, **DIGITS} for place in ("/a", "/b"))
    assert short_hash(resolve([here])) == short_hash(resolve([there]))
    assert short_hash(resolve([{"seed": 1, **DIGITS}])) != short_hash(resolve([DIGITS]))


def test_without_a_data_set_the_quickstart_is_meant() -> None:
    config = resolve(with_recipe([{"head": {"name": "mlp"}}]))
    assert (config.dataset.name, config.recipe, config.branches[0].head.name) == ("chirps", "quickstart", "mlp")


def test_a_resolved_configuration_is_not_changed_by_the_recipe_it_names() -> None:
    layers = with_recipe([{"recipe": "quickstart", "head": {"name": "linear"}, **DIGITS}])
    assert resolve(layers).dataset.name == "digits"
    assert len(layers) == 1


def test_a_named_data_set_needs_no_recipe() -> None:
    assert resolve(with_recipe([DIGITS])).recipe is None


def test_unknown_and_ill_typed_options_are_refused() -> None:
    with pytest.raises(UnknownName, match=r"'epoch'.*Did you mean 'epochs'"):
        resolve([from_assignments(["training.epoch=3"]), DIGITS])
    with pytest.raises(ParameterError, match=r"epochs .* must be an integer in \[1, 100000\]; got 'three'"):
        resolve([from_assignments(["training.epochs=three"]), DIGITS])
    with pytest.raises(ParameterError, match=r"seed .*got '-1'"):
        resolve([{"seed": "-1"}, DIGITS])
    with pytest.raises(ConfigError, match="no data set is named"):
        resolve([{"seed": 1}])


@pytest.mark.parametrize(("name", "n_parameters"), [("quantum", 154), ("pennylane-ry-rz-ring", 66)])
def test_a_perceptron_can_match_a_quantum_head(name: str, n_parameters: int) -> None:
    config = resolve([from_assignments([f"head.match={name}"]), {"head": {"name": "mlp"}}, DIGITS])
    branch = config.branches[0]
    assert branch.head.parameters["match_parameters"] == n_parameters
    assert branch.reducer.parameters["n_outputs"] == {"quantum": 8}.get(name, 4)


def test_only_quantum_heads_can_be_matched() -> None:
    with pytest.raises(NotSupported, match=r"head\.match=linear names no quantum head"):
        resolve([from_assignments(["head.match=linear"]), {"head": {"name": "mlp"}}, DIGITS])


def test_the_layer_holds_no_none() -> None:
    def leaves(value: object) -> list[object]:
        if isinstance(value, dict):
            return [leaf for entry in value.values() for leaf in leaves(entry)]
        return [value]

    assert None not in leaves(to_layer(resolve([DIGITS])))
