"""``qplug doctor``."""

import json

import pytest

from qplug import installation
from qplug.catalogue import Entry
from qplug_cli import output
from qplug_cli.commands import doctor as command
from qplug_cli.commands.doctor import Package

TOKEN = "3f9a-not-a-real-token"


@pytest.mark.slow
def test_the_examination_is_one_document_without_secrets(site) -> None:
    site.add_head("broken", "raise ImportError('no luck')")
    done = site.qplug("doctor", "--json", QISKIT_IBM_TOKEN=TOKEN)
    assert done.returncode == 0, done.stderr
    health = json.loads(done.stdout)
    assert TOKEN not in done.stdout + done.stderr
    assert health["ibm_account"] == "the environment variable QISKIT_IBM_TOKEN"
    assert health["devices"]["cpu_threads"] >= 1
    packages = {package["name"]: package for package in health["packages"]}
    assert packages["torch"]["extra"] == "torch"
    assert packages["numpy"]["tested"]
    assert not {"pytest", "mkdocs"} & packages.keys()
    (problem,) = [text for text in health["problems"] if "broken" in text]
    assert "is quarantined: importing 'broken_plugin' raised ImportError: no luck" in problem
    assert "QPLUG_DISABLE=qplug-broken" in problem


def test_everything_is_said_to_people_too(capsys) -> None:
    row = Entry(kind="head", name="mlp", status="ready", provider="qplug", target="a:B")
    health = command.Health(
        qplug="1.2", python="3.12.1", executable="/usr/bin/python", platform="Linux",
        packages=[Package("numpy", "2.4.6", "2.4.6", ""), Package("qiskit", None, "2.6.2", "qiskit")],
        devices={}, plugins=[row], ibm_account=None, cache="/cache", problems=["it rains. Wait."],
    )  # fmt: skip
    command._print(health, output.console())
    told = capsys.readouterr().out
    assert told.startswith("qplug 1.2 · Python 3.12.1 · Linux\n/usr/bin/python\n")
    assert "comes with the extra qiskit" in told
    assert installation.install("EXTRA") in told.replace("\n", "")
    assert "1 of 1 installed components are ready" in told
    assert f"torch is not there ({installation.install('torch')})" in " ".join(told.split())
    assert "\n1. it rains. Wait.\n" in told


def test_a_saved_account_is_found_and_not_read(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("QISKIT_IBM_TOKEN", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert command._ibm_account() is None
    saved = tmp_path / ".qiskit" / "qiskit-ibm.json"
    saved.parent.mkdir()
    saved.write_text("{}")  # what the client writes where it looks for one in vain
    assert command._ibm_account() is None
    saved.write_text(TOKEN)
    assert command._ibm_account() == str(saved)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (
            Entry(kind="head", name="a", status="quarantined", provider="qplug-a", version="1", reason="it raised"),
            ["head 'a' of qplug-a 1 is quarantined: it raised", "QPLUG_DISABLE=qplug-a"],
        ),
        (
            Entry(kind="head", name="b", status="ready", provider="qplug-b", version="1", reason="it prints"),
            ["head 'b' of qplug-b 1 works, but it prints"],
        ),
        (
            Entry(kind="head", name="c", status="not-installed", provider="qplug", reason="it is lost", install="pip"),
            ["head 'c' belongs to qplug, but it is lost. Reinstall it: pip"],
        ),
    ],
)
def test_a_plugin_s_problem_is_told_with_what_to_do(row, told) -> None:
    (problem,) = command._plugin_problems([row])
    assert all(words in problem for words in told)


def test_a_plugin_that_only_waits_for_its_extra_is_no_problem() -> None:
    waiting = Entry(kind="head", name="d", status="needs-extra", provider="qplug", reason="needs x", install="pip")
    assert list(command._plugin_problems([waiting])) == []


@pytest.mark.parametrize(
    ("package", "told"),
    [
        (Package("numpy", None, "2.4.6", ""), "numpy is missing, which qplug cannot do without"),
        (Package("numpy", "2.1.0", "2.4.6", ""), "numpy 2.1.0 (tested: 2.4.6). If something fails"),
    ],
)
def test_a_package_s_problem_is_told_with_what_to_do(package, told) -> None:
    (problem,) = command._package_problems([package])
    assert told in problem
    assert "pip install numpy" in problem


@pytest.mark.parametrize(
    "package",
    [
        Package("torch", "2.13.0+cpu", "2.13.0", "torch"),  # a build's suffix is no other version
        Package("qiskit", None, "2.6.2", "qiskit"),  # an extra that nobody asked for
        Package("other", "1.0", None, ""),
    ],
)
def test_what_is_in_order_is_no_problem(package) -> None:
    assert list(command._package_problems([package])) == []


def test_a_cache_that_cannot_be_written_is_a_problem(tmp_path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("QPLUG_CACHE", str(tmp_path / "file" / "below"))
    (problem,) = command._cache_problem()
    assert f"the cache folder {tmp_path / 'file' / 'below'} cannot be written (Not a directory)" in problem
    monkeypatch.setenv("QPLUG_CACHE", str(tmp_path / "good"))
    assert list(command._cache_problem()) == []
