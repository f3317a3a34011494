"""``qplug registry check``, ``qplug search`` and ``qplug list --available``."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from qplug import catalogue
from qplug.catalogue.registry import Baseline, Defaults, Known, Recipe
from qplug.contract.errors import DataError
from qplug.installation import install
from qplug.lab.config.registry_faults import registry_faults, registry_schema
from qplug_cli.commands import list as listing
from qplug_cli.commands import registry as command
from qplug_cli.commands import search

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
GOOD = 'summary = "x"\nprovider = "their-parts"\nhomepage = "https://a.org"\nlicence = "MIT"\n'


def faults(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "entries.toml"
    file.write_text(text, "utf-8")
    return registry_faults(file)


def test_the_registry_that_ships_is_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    command.check()
    assert capsys.readouterr().out == f"{catalogue.shipped('registry.toml')} is in order.\n"


def test_entries_of_another_author_are_in_order_with_what_the_page_shows(tmp_path: Path) -> None:
    page = (REFERENCE / "registry.md").read_text("utf-8")
    (shown,) = re.findall(r"```toml\n(.*?)```", page, re.S)
    assert faults(tmp_path, re.sub("^ +", "", shown, flags=re.M)) == []
    recipe = '[recipe.mine]\nbase = "quickstart"\nsummary = "y"\nrun = { head = { name = "own" } }\n'
    assert faults(tmp_path, f"[head.own]\n{GOOD}{recipe}") == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "it has no entry. A component is a table [kind.name]"),
        (f"[heads.a]\n{GOOD}", "heads: there is no such kind. Did you mean 'head'?"),
        ("head = 3", "head: entries are tables [head.name]; got 3"),
        ("[head]\na = 3", "head.a: it has to be a table; got 3"),
        (f"[head.Mine]\n{GOOD}", "head.Mine: a name is of small letters, digits, hyphens and dots"),
        (f"[head.a]\n{GOOD}colour = 1", "head.a: there is no key 'colour'. Keys: extra, homepage"),
        (f"[head.a]\n{GOOD}papre = 'x'", "head.a: there is no key 'papre'. Did you mean 'paper'?"),
        ("[head.a]\nsummary = 'x'", "head.a: provider: field required"),
        (f"[head.a]\n{GOOD}requires = 'torch'", "head.a: requires: input should be a valid tuple; got 'torch'"),
        (f"[head.a]\n{GOOD}paper = 7", "head.a: paper: input should be a valid string; got 7"),
        (
            f"[head.a]\n{GOOD.replace('x', 'x.', 1)}",
            "head.a: summary: no full stop at its end, as in a heading; got 'x.'",
        ),
        (f"[head.a]\n{GOOD.replace('x', 'x' * 121, 1)}", "head.a: summary: at most 120 characters"),
        (f"[head.a]\n{GOOD.replace('x', ' ', 1)}", "head.a: summary: one line that says what it is; got ' '"),
        (
            f"[head.a]\n{GOOD.replace('their-parts', 'a b')}",
            "provider: the name by which pip knows the distribution; got 'a b'",
        ),
        (
            f"[head.a]\n{GOOD}requires = ['scikit-learn']",
            "requires: modules as they are imported, such as sklearn; got 'scik",
        ),
        (f"[head.a]\n{GOOD.replace('https://', '')}", "homepage: an address that begins with https://; got 'a.org'"),
        (
            f"[head.a]\n{GOOD}extra = 'torch'",
            "extra: extras are qplug's own; their-parts brings what it needs by itself",
        ),
        (
            "[head.a]\nsummary = 'x'\nprovider = 'qplug'\nextra = 'trch'",
            "qplug has none called 'trch'. Did you mean 'torch'",
        ),
        ("[head.a]\nsummary = 'x'\nprovider = 'p'\nlicence = 'MIT'", "head.a: homepage: it is missing; it says where"),
        ("[head.a]\nsummary = 'x'\nprovider = 'p'\nhomepage = 'https://a.org'", "head.a: licence: it is missing"),
        (f"[head.mlp]\n{GOOD}", "head.mlp: the name belongs to qplug already; choose another"),
        (
            "[recipe.a]\nsummary = 'x'\nbase = 'quikstart'",
            "there is no recipe 'quikstart', here or in registry.toml. Did you",
        ),
        ("[recipe.a]\nsummary = 'x'\nrun = { hed = 1 }", "no key of recipe.a.run is called 'hed'. Did you mean 'head'"),
        (
            "[recipe.a]\nsummary = 'x'\nrun.head.name = 'mpl'",
            "recipe.a.run: no head is called 'mpl', here or in registry",
        ),
        ("[recipe.quickstart]\nsummary = 'x'", "recipe.quickstart: there is a recipe of that name already"),
        (
            "[recipe.a]\nsummary = 'x'\nresults = [{ metric = 'f1', protocol = 'p', source = 's' }]",
            "recipe.a: results.0.value: field",
        ),
        ("[default]\nhaed = 'mlp'", "default: there is no key 'haed'. Did you mean 'head'?"),
    ],
)
def test_each_fault_is_told_with_its_table(tmp_path: Path, text: str, told: str) -> None:
    (fault,) = faults(tmp_path, text)
    assert told in fault


def test_all_faults_are_told_at_once_and_the_command_refuses(tmp_path: Path, capsys: Any) -> None:
    file = tmp_path / "entries.toml"
    file.write_text("[head.Bad]\nsummary = 'x.'\nprovider = 'p q'\ncolour = 3\n", "utf-8")
    with pytest.raises(DataError, match=r"entries\.toml: 6 faults\.\n  head\.Bad: a name is.*\n.*'colour'") as caught:
        command.check(file, json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["file"] == str(file)
    assert all(fault in str(caught.value) for fault in told["faults"])


@pytest.mark.parametrize(("text", "told"), [("[head", "is not TOML in UTF-8: Expected"), (None, "No such file")])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, text: str | None, told: str) -> None:
    file = tmp_path / "entries.toml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(DataError, match=rf"{re.escape(str(file))} .*{re.escape(told)}"):
        registry_faults(file)


def test_the_schema_and_the_page_say_every_key() -> None:
    schema = json.loads((REFERENCE / "registry.schema.json").read_text("utf-8"))
    assert schema == registry_schema(), "write it anew: python tests/benchmarks/reference.py"
    page = (REFERENCE / "registry.md").read_text("utf-8")
    for shape in (Known, Recipe, Baseline, Defaults):
        keys = {field.name for field in fields(shape)} - {"kind", "name"}
        assert schema["$defs"][shape.__name__]["properties"].keys() == keys
        assert [key for key in keys if f"`{key}`" not in page] == []
    assert schema["$defs"]["Known"]["required"] == ["summary", "provider"]


@pytest.mark.parametrize(
    ("words", "first", "also"),
    [
        (["kernel"], "quantum-kernel", "svm-rbf"),
        (["SYNTHETIC", "chirps"], "chirps", None),  # its summary
        (["Alpaydin"], "digits", None),  # its paper
        (["kernel", "gaussian"], "svm-rbf", None),
    ],
)
def test_what_is_known_is_found_by_name_summary_and_paper(words: list[str], first: str, also: str | None) -> None:
    rows = listing.rows_of(None)
    found = [row.name for row in search.matching(rows, words)]
    assert found[0] == first
    assert also is None or also in found
    assert len(found) < len(rows) / 2


def test_where_nothing_is_found_near_words_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    search.search(["kernal"])
    told = capsys.readouterr()
    assert told.out == ""
    assert "Nothing that is known has 'kernal'. Did you mean kernel" in told.err
    search.search(["zzz"], json=True)
    assert json.loads(capsys.readouterr().out) == []


def test_only_what_can_be_had_besides_is_listed_where_that_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "qiskit_ibm_runtime", None)
    listing.list_components("backends", available=True)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("backend  ibm  needs an extra")
    assert line.endswith(install("ibm"))
    listing.list_components("datasets", available=True)
    assert "Everything that is known is installed here." in capsys.readouterr().err
