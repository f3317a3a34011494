"""What pip calls qplug, how other packages of its names are told from it, and the commands that every hint gives."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from qplug import installation
from qplug.catalogue.offers import offers
from qplug.installation import _from_address
from qplug.lab.runs.environment import package_versions
from qplug.version import DISTRIBUTION, PROJECT, __version__
from qplug_cli.commands.doctor import _distribution_problems

ROOT = Path(__file__).parents[2]
OURS = {"console_scripts": {"qplug": "qplug_cli.main:run"}, "qplug.heads": {"mlp": "gone:Mlp"}}


def test_this_installation_is_found_by_its_name_and_gives_its_parts_the_project_s() -> None:
    found = installation.own()
    assert found is not None
    assert (found.name, found.version) == (DISTRIBUTION, __version__)
    assert {offer.provider for offer in offers() if offer.package.startswith("qplug_")} == {PROJECT}
    assert package_versions()[PROJECT] == __version__
    assert DISTRIBUTION not in package_versions()
    assert list(_distribution_problems()) == []


def test_no_hint_names_what_another_project_has_on_the_index() -> None:
    """A command with the bare name would install a stranger's code."""
    everything = [file for room in ("core", "cli", "plugins", "docs") for file in (ROOT / room).rglob("*.*")]
    files = [ROOT / "README.md", *(file for file in everything if file.suffix in (".py", ".md", ".toml"))]
    assert len(files) > 300
    hint = re.compile(r"qplug\[|pip install[^\n`]* ['\"]?qplug(?![\w/.-])")
    assert [f"{file}: {found[0]}" for file in files if (found := hint.search(file.read_text("utf-8")))] == []


@pytest.fixture
def came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """``came(note)``: as if pip had noted that; ``{folder}`` in it is a folder with a checkout and a wheel."""
    (tmp_path / "check out").mkdir()
    (tmp_path / "check out" / "pyproject.toml").write_text("")
    (tmp_path / "a.whl").write_text("")

    def come(note: dict[str, Any]) -> str:
        told = note | {"url": note["url"].format(folder=tmp_path.as_uri())}
        source = _from_address(told)
        monkeypatch.setattr(installation, "_source", lambda: source)
        return str(tmp_path)

    return come


@pytest.mark.parametrize(
    ("note", "wanted", "newer"),
    [
        ({"url": "{folder}/check%20out", "dir_info": {"editable": True}},
         "pip install -e '{folder}/check out[x,y]'", "git -C '{folder}/check out' pull, then pip install --"),
        ({"url": "{folder}/check%20out", "dir_info": {}}, "pip install '{folder}/check out[x,y]'", "git -C '"),
        ({"url": "{folder}/a.whl", "archive_info": {}}, "pip install '{folder}/a.whl[x,y]'", "pip install NEWER-WHEEL"),
        ({"url": "{folder}/lost.whl", "archive_info": {}}, "pip install 'CHECKOUT-OR-WHEEL[x,y]'", "pip install NEWER"),
        ({"url": "https://a.org/q.git", "vcs_info": {"vcs": "git", "commit_id": "1"}},
         f"pip install '{DISTRIBUTION}[x,y] @ git+https://a.org/q.git'", "pip install --upgrade"),
        ({"url": "https://a.org/q.whl", "archive_info": {}},
         f"pip install '{DISTRIBUTION}[x,y] @ https://a.org/q.whl'", "pip install --upgrade"),
    ],
)  # fmt: skip
def test_a_command_names_what_this_installation_was_made_from(came, note, wanted: str, newer: str) -> None:
    folder = came(note)
    assert installation.install("x", "y") == wanted.format(folder=folder)
    assert installation.upgrade().startswith(newer.format(folder=folder))
    assert installation.reinstall().startswith("pip install --force-reinstall --no-deps ")


def test_an_extra_that_another_one_brings_is_not_asked_for(came) -> None:
    folder = came({"url": "{folder}/a.whl", "archive_info": {}})
    assert installation.install("image", "pennylane", "torch") == f"pip install '{folder}/a.whl[image,pennylane]'"
    assert installation.install("hf", "ibm", "image", "qiskit", "torch") == f"pip install '{folder}/a.whl[hf,ibm]'"


def test_every_package_says_that_it_is_typed() -> None:
    packages = [init.parent for room in ("core", "cli", "plugins") for init in (ROOT / room).glob("*/__init__.py")]
    assert len(packages) > 10
    assert [str(package) for package in packages if not (package / "py.typed").is_file()] == []


def test_only_a_registered_name_stands_in_a_command_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert installation._by_name().text == "CHECKOUT-OR-WHEEL"
    monkeypatch.setattr(installation, "REGISTERED", True)
    monkeypatch.setattr(installation, "_source", installation._by_name)
    assert installation.install("x") == f"pip install '{DISTRIBUTION}[x]'"
    assert installation.upgrade() == f"pip install --upgrade {DISTRIBUTION}"


def test_another_project_s_package_of_a_name_is_told_from_ours(site) -> None:
    site.add("QPlug", {"qplug.heads": {"mlp": "stranger:Mlp"}}, version="1.0.3")
    (info,) = site.folder.glob("*.dist-info")
    with (info / "METADATA").open("a") as file:
        file.write("Summary: Qt for somebody\n")
    assert {offer.provider for offer in offers() if offer.name == "mlp"} == {PROJECT, "another project's QPlug"}
    (told,) = _distribution_problems()
    assert "the package QPlug 1.0.3 that is installed here is another project's (Qt for somebody)" in told
    assert "pip uninstall QPlug" in told


def test_what_is_left_of_ours_under_an_earlier_name_counts_for_nothing_and_is_told(site) -> None:
    site.add(PROJECT, OURS, version="0.0.9")
    assert [offer.target for offer in offers() if offer.name == "mlp"] == ["qplug_models.heads:Mlp"]
    (told,) = _distribution_problems()
    assert f"qplug is installed twice, as qplug 0.0.9 too, which was its name before {DISTRIBUTION}" in told
