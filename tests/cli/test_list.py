"""``qplug list``."""

import pytest

from qplug import catalogue
from qplug.catalogue import Entry
from qplug.contract.errors import UnknownName
from qplug.installation import install
from qplug_cli.commands import list as command


def test_the_document_has_a_row_for_every_component_and_recipe(site) -> None:
    rows = {(row["kind"], row["name"]): row for row in site.rows().values()}
    assert ("dataset", "chirps") in rows
    assert ("recipe", "quickstart") in rows
    for row in rows.values():
        assert row["status"] in command.STATUS
        assert row["provider"]
        assert row["summary"]


def test_every_name_stands_on_a_line_of_its_own_when_piped(site) -> None:
    done = site.qplug("list")
    known = catalogue.registry()
    lines = [line.split()[:2] for line in done.stdout.splitlines()]
    assert lines == [[row.kind, row.name] for row in command.rows_of(None)]
    assert len(lines) == len(known.components) + len(known.recipes)
    assert "\x1b" not in done.stdout
    assert not any(line.endswith(" ") for line in done.stdout.splitlines())


@pytest.mark.parametrize("word", ["head", "heads", "Heads"])
def test_one_kind_can_be_asked_for_in_singular_and_plural(word, site) -> None:
    assert {row["kind"] for row in site.rows(word).values()} == {"head"}


@pytest.mark.parametrize(("word", "kind"), [("features", "features"), ("recipes", "recipe"), ("hooks", "hook")])
def test_every_kind_has_a_plural(word, kind) -> None:
    assert command.singular(word) == kind


def test_an_unknown_kind_is_refused_with_near_ones() -> None:
    with pytest.raises(UnknownName, match=r"no kind is called 'backbons'\. Did you mean 'backbones'"):
        command.singular("backbons")


def test_the_pip_command_and_the_reason_are_on_the_line(site, capsys) -> None:
    site.add_head("broken", "raise ImportError('no luck')")
    done = site.qplug("list", "heads")
    (line,) = [line for line in done.stdout.splitlines() if "broken" in line]
    assert "quarantined" in line
    assert "importing 'broken_plugin' raised ImportError: no luck" in line
    missing = Entry(kind="head", name="far", status="needs-extra", provider="qplug", install="pip install 'qplug[x]'")
    command._print_lines([missing])
    assert capsys.readouterr().out == "head  far  needs an extra  qplug  pip install 'qplug[x]'\n"


def test_a_recipe_is_as_ready_as_its_parts() -> None:
    lacking = [
        Entry(kind="dataset", name="fsdd", status="needs-extra", provider="qplug", reason="needs soxr"),
        Entry(kind="head", name="pennylane-pqc", status="needs-extra", provider="qplug", reason="needs pennylane"),
    ]
    branches = [{"head": {"name": "pennylane-pqc"}}]
    trip = catalogue.Recipe(name="trip", summary="", run={"dataset": {"name": "fsdd"}, "branches": branches})
    row = command.recipe_row(trip, lacking)
    assert (row.status, row.reason) == ("needs-extra", "dataset fsdd: needs soxr")
    assert row.install == install("audio", "pennylane")
    walk = catalogue.Recipe(name="walk", summary="", run={"head": {"name": "mlp"}})
    assert command.recipe_row(walk, lacking).status == "ready"
    broken = Entry(kind="head", name="mlp", status="quarantined", provider="qplug", reason="it raised")
    row = command.recipe_row(walk, [broken])
    assert (row.status, row.reason, row.install) == ("quarantined", "head mlp: it raised", "")
    stranger = Entry(kind="head", name="mlp", status="quarantined", provider="qplug-usurper", reason="taken")
    assert command.recipe_row(walk, [stranger]).status == "ready"


@pytest.mark.parametrize("columns", [80, 120])
def test_names_are_never_cut_on_a_terminal(columns, capsys) -> None:
    from rich.console import Console

    rows = [
        Entry(kind="head", name="a-name-of-some-length", status="not-installed", provider="qplug-of-somebody",
              summary="a summary that is far too long to stand beside all that on one line of a terminal",
              install="pip install qplug-of-somebody"),
        Entry(kind="dataset", name="b", status="ready", provider="qplug", summary="short"),
    ]  # fmt: skip
    console = Console(width=columns, force_terminal=True, color_system=None, highlight=False)
    command._print(rows, console)
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= columns for line in lines)
    provider = "qplug-of-somebody  " if columns == 120 else ""
    assert any(line.startswith(f"a-name-of-some-length  not installed  {provider}a summary") for line in lines)
    assert any(("qplug-of-somebody" if columns == 120 else "from qplug-of-somebody") in line for line in lines)
    assert any(line.startswith("heads") for line in lines)
    assert any("pip install" in line for line in lines)
