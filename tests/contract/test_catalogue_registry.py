"""The registry and what is announced belong together, and what the registry says is so."""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from qplug import catalogue
from qplug.catalogue.loading import import_offered
from qplug.catalogue.offers import Offer
from qplug.contract.errors import QplugError, UnknownName
from qplug.contract.interfaces import KINDS
from qplug.installation import canonical
from qplug.version import DISTRIBUTION

PROJECT = tomllib.loads(catalogue.shipped("registry.toml").with_name("pyproject.toml").read_text("utf-8"))["project"]
ANNOUNCED = {
    (kind, name): target
    for kind, group in catalogue.GROUPS.items()
    for name, target in PROJECT["entry-points"].get(group, {}).items()
}
KNOWN = {key: known for key, known in catalogue.registry().components.items() if known.provider == "qplug"}


def test_everything_announced_is_known_and_everything_known_is_announced() -> None:
    assert ANNOUNCED.keys() == KNOWN.keys()


@pytest.mark.parametrize("key", KNOWN, ids=".".join)
def test_a_known_component_is_there_and_says_what_it_needs(key: tuple[str, str]) -> None:
    known = KNOWN[key]
    assert known.missing() == [] or known.extra not in extras_within("test")
    assert known.summary
    assert not known.summary.endswith(".")
    found = import_offered(Offer(*key, ANNOUNCED[key], "qplug", ""))
    assert known.kind == ("hook" if known.kind not in KINDS else found.kind)


@pytest.mark.parametrize("key", KNOWN, ids=".".join)
def test_the_extra_brings_what_a_component_requires(key: tuple[str, str]) -> None:
    known = KNOWN[key]
    brought = distributions_of(known.extra)
    for module in known.requires:
        if module in known.missing():
            assert module in brought, module  # not among what is tested with; then it is named as it is imported
            continue
        assert brought & {canonical(name) for name in providers()[module]}, module


@cache
def providers() -> Mapping[str, list[str]]:
    """The installed distributions that bring each module."""
    return packages_distributions()


def distributions_of(extra: str) -> set[str]:
    """The distributions that an extra asks for, other extras of qplug followed; "": no extra."""
    found = set()
    for requirement in PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]:
        if inner := re.match(rf"{DISTRIBUTION}\[(.*)\]", requirement):
            found |= set().union(*(distributions_of(each) for each in inner[1].split(",")))
        else:
            found.add(canonical(re.split(r"[^\w.-]", requirement)[0]))
    return found


def extras_within(extra: str) -> set[str]:
    """The extras of qplug that come with one, itself included."""
    found = {extra}
    for requirement in PROJECT["optional-dependencies"][extra]:
        if inner := re.match(rf"{DISTRIBUTION}\[(.*)\]", requirement):
            found |= set().union(*(extras_within(each) for each in inner[1].split(",")))
    return found


def test_the_build_and_the_code_call_the_distribution_alike() -> None:
    assert PROJECT["name"] == DISTRIBUTION
    own_extras = [each for asked in PROJECT["optional-dependencies"].values() for each in asked if "qplug" in each]
    assert own_extras
    assert all(each.startswith(f"{DISTRIBUTION}[") for each in own_extras)


def test_every_extra_exists() -> None:
    extras = PROJECT["optional-dependencies"]
    assert {known.extra for known in KNOWN.values()} - {""} <= extras.keys()


def test_every_part_of_a_recipe_is_known() -> None:
    for recipe in catalogue.registry().recipes.values():
        named = [(kind, part["name"]) for kind, part in recipe.run.items() if isinstance(part, dict) and "name" in part]
        assert named
        assert set(named) <= catalogue.registry().components.keys()


def test_an_unknown_recipe_is_refused_with_near_ones() -> None:
    assert catalogue.recipe("quickstart").run["dataset"] == {"name": "chirps"}
    with pytest.raises(UnknownName, match=r"no recipe is called 'quikstart'\. Did you mean 'quickstart'\?"):
        catalogue.recipe("quikstart")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[hat.a]\nsummary = 'x'\nprovider = 'y'", "'hat' is no kind of component"),
        ("[head.a]\nsummary = 'x'\nprovider = 'y'\ncolour = 'z'", "head.a has the unknown key 'colour'"),
        ("[head.a]\nsummary = 'x'", "provider"),
        ("[head", "Expected"),
    ],
)
def test_a_registry_with_a_mistake_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "registry.toml"
    file.write_text(text)
    with pytest.raises(QplugError, match=rf"registry {re.escape(str(file))} cannot be read: .*{re.escape(reason)}"):
        catalogue.Registry.read(file)


def test_a_recipe_that_names_a_preset_takes_nothing_else_of_that_part_from_its_base(tmp_path: Path) -> None:
    file = tmp_path / "registry.toml"
    file.write_text(
        "[recipe.one]\nsummary = 'x'\nrun.features = { name = 'mel', n_mels = 40 }\n"
        "[recipe.two]\nbase = 'one'\nsummary = 'y'\nrun.features = { preset = 'qc-cnn' }\n"
    )
    assert catalogue.Registry.read(file).recipes["two"].run["features"] == {"name": "mel", "preset": "qc-cnn"}


def test_a_recipe_adds_to_what_its_base_sets_for_a_smoke_run(tmp_path: Path) -> None:
    file = tmp_path / "registry.toml"
    file.write_text(
        "[recipe.one]\nsummary = 'x'\nsmoke.training = { epochs = 1 }\nsmoke.features = { duration = 0.5 }\n"
        "[recipe.two]\nbase = 'one'\nsummary = 'y'\nsmoke.training = { head_epochs = 1 }\n"
    )
    two = catalogue.Registry.read(file).recipes["two"]
    assert two.smoke == {"training": {"epochs": 1, "head_epochs": 1}, "features": {"duration": 0.5}}


def test_a_file_that_does_not_ship_is_said_to_be_missing() -> None:
    with pytest.raises(QplugError, match=r"nothing\.toml is missing from this installation"):
        catalogue.shipped("nothing.toml")
