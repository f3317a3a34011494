import json
from typing import Any

import pytest

from qplug.contract.errors import ConfigError, NotSupported, UnknownName, UserError
from qplug_cli.commands import diagnose as command

SMALL = {"qubits": "2", "layers": "1", "assignments": ["head.n_qubits=2", "head.n_layers=1"]}


def diagnose(**options: Any) -> None:
    command.diagnose(**{"head": "pennylane-pqc", "seed": 0, **options})


@pytest.mark.parametrize("text", ["8,x", "0", "", "8,,9", "5-3", "2.5", "0-4"])
def test_sizes_that_are_none_are_refused_by_what_was_written(text) -> None:
    with pytest.raises(UserError, match=rf"--qubits takes positive whole numbers .* got '{text}'"):
        diagnose(qubits=text)


def test_ranges_and_lists_of_sizes() -> None:
    assert command._numbers("2-4, 8", "--qubits") == [2, 3, 4, 8]
    with pytest.raises(UserError, match="--layers 1-1000 are 1000 sizes; at most 64"):
        command._numbers("1-1000", "--layers")


def test_an_unknown_head_is_refused() -> None:
    with pytest.raises(UnknownName, match="'penylane-pqc'"):
        diagnose(head="penylane-pqc")


def test_a_classical_head_is_refused() -> None:
    with pytest.raises(NotSupported, match="the head 'linear' has no circuit"):
        diagnose(head="linear")


def test_what_would_change_nothing_is_refused() -> None:
    with pytest.raises(UserError, match=r"--backbone, --set reducer\.scale=2 would change nothing: without a data set"):
        diagnose(backbone="identity", assignments=["reducer.scale=2"])


def test_a_setting_without_a_kind_is_refused() -> None:
    with pytest.raises(UnknownName, match="--set scale=1 does not say whose parameter it is"):
        diagnose(assignments=["scale=1"])
    with pytest.raises(ConfigError, match="--set 'head' must"):
        diagnose(assignments=["head"])


def test_a_folder_that_cannot_be_made_is_told_before_the_work(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=f"{tmp_path}/file cannot be written: a part of its path is a file"):
        diagnose(**SMALL, out=tmp_path / "file")


def test_tables_and_advice_are_printed_for_people(capsys) -> None:
    diagnose(**SMALL)
    printed = capsys.readouterr().out
    assert "as set" in printed
    for word in ("gradients: ", "scale: ", "prediction: ", "standard normal inputs", "± is one standard error"):
        assert word in printed


def test_json_on_the_training_part_of_a_data_set(capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("QPLUG_CACHE", str(tmp_path))
    monkeypatch.setenv("QPLUG_WORKERS", "1")
    diagnose(**SMALL, dataset="digits", backbone="identity", reducer="pca", json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["scales"]["inputs"].startswith("the training part of digits")
    assert told["own"]["n_qubits"] == 2
    assert told["settings"]["n_qubits"] == 2
    assert told["scales"]["current"]["scale"] == told["settings"]["scale"]


@pytest.mark.parametrize("circuit", ["random", "trained"])
def test_the_circuit_of_a_backbone_is_diagnosed_on_what_it_is_given(circuit: str, capsys: Any) -> None:
    settings = [f"backbone.circuit={circuit}", "backbone.unit_map=sigmoid"]
    diagnose(head=None, backbone="quanvolution", layers="1", assignments=settings, json=True)
    told = json.loads(capsys.readouterr().out)
    (size,) = told["sizes"]
    assert (told["kind"], told["head"], size["n_qubits"]) == ("backbone", "quanvolution", 4)
    assert (size["n_parameters"], size["gradients"]["variance"] > 0) == (
        (0, False) if circuit == "random" else (4, True)
    )
    assert "drawn evenly from [0, 1)" in told["scales"]["inputs"]
    # π times the sigmoid of numbers in [0, 1): angles spread by some 0.2 rad, where standard normal ones do by 0.65
    assert 0.15 < told["scales"]["current"]["spread"] < 0.25


def test_a_backbone_is_diagnosed_on_a_data_set(tmp_path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setenv("QPLUG_CACHE", str(tmp_path))
    given = {"dataset": "digits", "assignments": ["features.size=6", "features.normalise=none"]}
    diagnose(head=None, backbone="quanvolution", layers="1", **given)
    out, err = capsys.readouterr()
    assert "on the training part of digits (1222 samples), by what the circuit is given of it" in " ".join(out.split())
    assert "The rule of the prediction was tried on heads" in " ".join(err.split())


def test_what_holds_no_circuit_is_not_diagnosed() -> None:
    with pytest.raises(UserError, match="name what is diagnosed: --head NAME, or --backbone NAME"):
        diagnose(head=None)
    with pytest.raises(NotSupported, match="the backbone 'identity' has no circuit"):
        diagnose(head=None, backbone="identity")
    with pytest.raises(
        UserError, match=r"--reducer, --set head.scale=2 would change nothing: without a data set the back"
    ):
        diagnose(head=None, backbone="quanvolution", reducer="pca", assignments=["head.scale=2"])
