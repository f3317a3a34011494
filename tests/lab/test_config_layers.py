"""Settings from flags, files, recipes and defaults become one layer, in the right order of precedence."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from qplug.catalogue.layers import merge
from qplug.contract.errors import ConfigError, UnknownName
from qplug.lab.config.layers import checked, from_assignments, from_defaults, from_file, from_flags, from_names


def test_the_first_layer_takes_precedence() -> None:
    merged = merge([{"seed": 1}, {"seed": 2, "split": "random"}])
    assert merged == {"seed": 1, "split": "random"}


def test_parameters_of_the_same_component_are_merged_key_by_key() -> None:
    merged = merge([{"head": {"n_layers": "3"}}, {"head": {"name": "pennylane-pqc", "n_qubits": 8, "n_layers": 2}}])
    assert merged["head"] == {"name": "pennylane-pqc", "n_qubits": 8, "n_layers": "3"}


def test_another_component_drops_the_parameters_of_the_one_below() -> None:
    merged = merge([{"head": {"name": "linear"}}, {"head": {"name": "pennylane-pqc", "n_qubits": 8}}])
    assert merged["head"] == {"name": "linear"}


def test_parameters_that_are_set_belong_to_the_component_that_a_flag_names() -> None:
    flags, assignments = {"head": {"name": "mlp"}}, {"head": {"hidden": "16"}}
    recipe = {"head": {"name": "pennylane-pqc", "n_qubits": 8}}
    assert merge([flags, assignments, recipe])["head"] == {"name": "mlp", "hidden": "16"}
    assert merge([assignments, recipe])["head"] == {"name": "pennylane-pqc", "n_qubits": 8, "hidden": "16"}


def test_the_same_component_named_twice_keeps_its_parameters() -> None:
    merged = merge([{"head": {"name": "mlp"}}, {"head": {"name": "mlp", "hidden": [16]}}])
    assert merged["head"] == {"name": "mlp", "hidden": [16]}


def test_a_head_named_above_branches_replaces_them() -> None:
    branches = {"branch": [{"head": {"name": "linear"}}, {"head": {"name": "pennylane-pqc"}, "weight": 0.5}]}
    assert merge([{"head": {"name": "mlp"}}, branches]) == {"head": {"name": "mlp"}}


def test_branches_above_replace_a_single_reducer_and_head() -> None:
    branches = [{"head": {"name": "linear"}}]
    below = {"reducer": {"name": "pca"}, "head": {"name": "mlp"}, "seed": 4}
    assert merge([{"branch": branches}, below]) == {"branch": branches, "seed": 4}


def test_assignments_become_tables() -> None:
    layer = from_assignments(["head.n_layers=3", "head.rotation = y", "training.epochs=5", "seed=7"])
    assert layer == {"head": {"n_layers": "3", "rotation": "y"}, "training": {"epochs": "5"}, "seed": "7"}


@pytest.mark.parametrize("text", ["head.n_layers", "head", "=3"])
def test_a_malformed_assignment_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=f"--set '{text}' must"):
        from_assignments([text])


def test_an_assignment_to_a_kind_without_a_parameter_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'head=mlp' must name a parameter: head\.PARAM=VALUE"):
        from_assignments(["head=mlp"])


def test_an_unknown_kind_is_refused_with_a_near_one() -> None:
    with pytest.raises(UnknownName, match=r"no kind to set is called 'haed'\. Did you mean 'head'"):
        from_assignments(["haed.n_layers=3"])


@pytest.mark.parametrize(
    ("text", "flags", "told"),
    [
        ("n_layers=3", {}, "Did you mean --set head.n_layers=3?"),
        ("n_mels=40", {}, "Did you mean --set features.n_mels=40?"),
        ("epochs=5", {}, "Did you mean --set training.epochs=5?"),
        ("shots=9", {"backend": "aer"}, "Did you mean --set training.shots=9 or --set backend.shots=9?"),
        ("hidden=8", {"head": "mlp"}, "Did you mean --set head.hidden=8?"),
        ("sed=8", {}, "Did you mean --set seed=8?"),
        ("no_such=1", {"head": "no-such-head"}, "write KIND.PARAM=VALUE, such as head.n_layers=3. Kinds: dataset, "),
    ],
)
def test_a_parameter_set_without_its_kind_is_looked_for_in_the_parts(text: str, flags: Any, told: str) -> None:
    with pytest.raises(UnknownName, match=re.escape(told)) as caught:
        from_flags(from_names(flags), [text])
    assert f"--set {text} does not say whose parameter it is" in str(caught.value)


def test_defaults_of_a_data_set_become_a_layer() -> None:
    layer = from_defaults({"features": "mel", "features.n_mels": 40, "training.epochs": 8, "split": "official"})
    assert layer == {"features": {"name": "mel", "n_mels": 40}, "training": {"epochs": 8}, "split": "official"}


def test_an_unknown_key_in_a_file_is_refused_with_a_near_one(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text('sede = 3\n[dataset]\nname = "digits"\n')
    with pytest.raises(UnknownName, match=r"key of .*run\.toml is called 'sede'\. Did you mean 'seed'"):
        from_file(file)


def test_a_file_that_is_no_toml_is_refused_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text("seed = = 3\n")
    with pytest.raises(ConfigError, match=r"run\.toml is not valid TOML: .*line 1"):
        from_file(file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no file .*absent\.toml"):
        from_file(tmp_path / "absent.toml")


def test_another_layout_version_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"x has format = 9, but this version of qplug reads format = 1"):
        checked({"format": 9}, where="x")


def test_a_component_that_is_no_table_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"head must be a table .* got 'mlp'"):
        checked({"head": "mlp"}, where="x")


@pytest.mark.parametrize("assignment", ["head.n_qubits=4", "reducer.n_outputs=4"])
def test_a_setting_that_could_belong_to_any_of_the_branches_is_refused_not_lost(assignment: str) -> None:
    flags = {"branch": [{"head": {"name": "linear"}}, {"head": {"name": "pennylane-pqc"}}]}
    with pytest.raises(ConfigError, match=r"Say which one is meant: --set branch1\.head\.PARAM=VALUE"):
        from_flags(flags, [assignment])
    assert from_flags(flags, ["branch2.head.n_qubits=4"]) == {**flags, "branch2": {"head.n_qubits": "4"}}
