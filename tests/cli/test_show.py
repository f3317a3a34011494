"""``qplug show``."""

import json
import os
from pathlib import Path

import pytest

from qplug import catalogue
from qplug.contract.errors import ParameterError, UnknownName, UserError
from qplug.installation import install
from qplug_cli.commands import show as command


def document(capsys, *arguments, **options):
    command.show(*arguments, json=True, **options)
    return json.loads(capsys.readouterr().out)


def test_a_quantum_head_tells_its_circuit(site, capsys) -> None:
    told = document(capsys, "head", "pennylane-pqc", settings=["n_qubits=3", "head.n_layers=1"])
    circuit = told["circuit"]
    assert (circuit["n_qubits"], circuit["n_weights"], circuit["n_encoding"]) == (3, 9, 3)
    assert circuit["n_gates"] == sum(circuit["gate_counts"].values())
    assert circuit["observables"] == ["Z0", "Z1", "Z2"]
    assert told["capabilities"]["quantum"] is True
    assert {parameter["name"] for parameter in told["parameters"]} >= {"n_qubits", "n_layers"}


def test_a_quantum_head_is_drawn(site, capsys) -> None:
    command.show("heads", "pennylane-pqc", settings=["n_qubits=2", "n_layers=1"])
    out = capsys.readouterr().out
    assert "2 qubits, depth" in out
    assert "arXiv:1804.00633" in out
    assert "[1, 24]" in out
    assert "\n0: ──RY(x0)" in out
    assert "\n1: ──RY(x1)" in out
    assert "\x1b" not in out


def test_presets_are_listed_with_their_values(site, capsys) -> None:
    told = document(capsys, "features", "pixels", settings=["preset=mnist"])
    assert told["presets"] == {"mnist": {"size": 28, "channels": 1}, "cifar-10": {"size": 32, "channels": 3}}
    assert document(capsys, "features", "mfcc")["presets"] == {}
    command.show("features", "pixels")
    out = capsys.readouterr().out
    assert "cifar-10        size=32, channels=3\n" in out
    assert "take one with --features pixels:mnist or --set features.preset=mnist in qplug run" in out


def test_a_data_set_tells_whom_to_cite_and_under_which_licence(site, capsys) -> None:
    told = document(capsys, "dataset", "fsdd")
    assert "Jackson" in told["citation"]
    assert told["classes"] == [str(digit) for digit in range(10)]
    command.show("dataset", "chirps")
    out = capsys.readouterr().out
    assert "synthetic       yes" in out


def test_a_component_that_is_not_installed_is_explained_from_the_registry(site, capsys, monkeypatch) -> None:
    known = catalogue.Known(
        kind="head", name="far", summary="far away", provider="qplug", extra="pennylane",
        requires=("not_there_at_all",), paper="arXiv:1", licence="MIT",
    )  # fmt: skip
    registry = catalogue.Registry({("head", "far"): known}, {})
    monkeypatch.setattr("qplug.catalogue.listing.registry", lambda: registry)
    command.show("head", "far")
    out = capsys.readouterr().out
    for told in ("needs an extra", "far away", "needs not_there_at_all", install("pennylane"), "arXiv:1"):
        assert told in out
    assert document(capsys, "head", "far")["status"] == "needs-extra"


def test_a_quarantined_component_is_shown_with_its_reason(site) -> None:
    site.add_head("broken", "raise ImportError('no luck')")
    done = site.qplug("show", "head", "broken")
    assert done.returncode == 0
    assert "importing 'broken_plugin' raised ImportError: no luck" in done.stdout


def test_a_recipe_is_shown_as_a_configuration(site, capsys) -> None:
    assert document(capsys, "recipe", "quickstart")["run"]["dataset"] == {"name": "chirps"}
    command.show("recipe", "quickstart")
    assert '[dataset]\nname = "chirps"\n' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        (["n_qubits=0"], ParameterError, r"n_qubits .* must be an integer in \[1, 24\]; got '0'"),
        (["n_qbits=3"], UnknownName, r"parameter of head pennylane-pqc is called 'n_qbits'\. Did you mean 'n_qubits'"),
        (["n_qubits"], UserError, r"--set takes PARAM=VALUE.*got 'n_qubits'"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(site, settings, error, message) -> None:
    with pytest.raises(error, match=message):
        command.show("head", "pennylane-pqc", settings=settings)


def test_cards_are_listed_and_shown_and_a_misspelt_one_is_told(forking, tmp_path: Path) -> None:
    listed = json.loads(forking(["cards", "--json"], tmp_path, os.environ).stdout)
    shown = json.loads(forking(["show", "card", "mari-2019", "--json"], tmp_path, os.environ).stdout)
    assert shown in listed
    page = " ".join(forking(["show", "card", "mari-2019"], tmp_path, os.environ).stdout.split())
    assert "a stand-in for ants and bees" in page
    assert (
        "read abstract and the authors' repository: arXiv:1912.08278; XanaduAI/quantum-transfer-learning: README.md"
        in page
    )
    for words in (["show", "card", "mari-2091"], ["reproduce", "mari-2091"]):
        done = forking(words, tmp_path, os.environ)
        assert done.returncode == 2
        assert "no card is called 'mari-2091'. Did you mean 'mari-2019'" in done.stderr.replace("\n", " ")
