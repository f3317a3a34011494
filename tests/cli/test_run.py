"""``qplug run``: how its options become settings."""

import json

import pytest

from qplug.contract.errors import UserError
from qplug_cli.commands import run as command


def features(capsys, **options):
    command.run(dataset="digits", backbone="identity", head=["linear"], dry_run=True, json=True, **options)
    return json.loads(capsys.readouterr().out)["config"]["features"]


def test_a_part_is_named_with_one_of_its_presets(capsys) -> None:
    told = features(capsys, features="pixels:cifar-10")
    assert (told["name"], told["size"], told["channels"]) == ("pixels", 32, 3)
    assert "preset" not in told


def test_what_is_set_goes_before_a_preset_that_a_flag_names(capsys) -> None:
    told = features(capsys, features="pixels:cifar-10", assignments=["features.size=12"])
    assert (told["size"], told["channels"]) == (12, 3)


def test_a_preset_goes_before_a_file(capsys, tmp_path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[features]\nname = "pixels"\nsize = 12\naspect = "crop"\n')
    told = features(capsys, features="pixels:mnist", config=file)
    assert (told["size"], told["aspect"]) == (28, "crop")


def test_several_heads_and_seeds_are_planned_as_a_set(capsys) -> None:
    command.run(dataset="digits", backbone="identity", head=["linear", "mlp"], seed="3-4", dry_run=True, json=True)
    plans = json.loads(capsys.readouterr().out)["plans"]
    assert [plan["config"]["head"]["name"] for plan in plans] == ["linear", "mlp"]
    assert [plan["config"]["seed"] for plan in plans] == [3, 3]


def test_seeds_that_are_none_are_refused_before_anything_else() -> None:
    with pytest.raises(UserError, match="the range 9-0 runs backwards"):
        command.run(dataset="no such data set", seed="9-0")


def test_an_ablation_is_a_setting_of_the_run_by_flag_and_by_set(capsys) -> None:
    for options in ({"ablation": "no-entanglers"}, {"assignments": ["ablation=no-entanglers"]}):
        command.run(dataset="digits", backbone="identity", head=["pennylane-pqc"], dry_run=True, json=True, **options)
        plan = json.loads(capsys.readouterr().out)
        assert plan["config"]["ablation"] == "no-entanglers"
        assert "ablation no-entanglers, on torch" in [step["note"] for step in plan["steps"]]
