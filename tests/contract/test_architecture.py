"""The architecture that the documentation shows is the one that is checked."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def layers() -> list[str]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (checked,) = (contract for contract in contracts if contract["name"].startswith("Floors"))
    return list(checked["layers"])


def floors() -> list[str]:
    return [layer.replace("qplug.", "").replace(" | ", " · ") for layer in layers()]


def test_the_floors_that_are_shown_are_those_that_are_checked() -> None:
    page = (ROOT / "docs" / "explanation" / "architecture.md").read_text("utf-8")
    assert "```\n" + "\n".join(floors()) + "\n```" in page


def test_every_room_that_is_shown_exists() -> None:
    page = (ROOT / "docs" / "explanation" / "architecture.md").read_text("utf-8")
    shown = [line.split()[0] for line in page.splitlines() if line.startswith(("core/", "cli/", "plugins/"))]
    assert len(shown) > 8
    assert [room for room in shown if not (ROOT / room).is_dir()] == []
    rooms = {
        f"core/qplug/{folder.name}/"
        for folder in (ROOT / "core" / "qplug").iterdir()
        if (folder / "__init__.py").is_file()
    }
    assert rooms <= set(shown)


def test_every_module_stands_on_a_floor() -> None:
    rooms = [room for layer in layers() for room in layer.split(" | ")]
    faces = {"qplug", "qplug.contract", "qplug.lab"}  # what stands on several floors
    modules = {
        ".".join(path.relative_to(ROOT / top).with_suffix("").parts).removesuffix(".__init__")
        for top in ("core", "cli", "plugins")
        for path in (ROOT / top).rglob("*.py")
    }
    assert len(modules) > 200
    assert {each for each in modules - faces if not any(f"{each}.".startswith(f"{room}.") for room in rooms)} == set()


def test_every_plugin_that_comes_with_qplug_is_held_to_the_walls() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
    plugins = {folder.name for folder in (ROOT / "plugins").iterdir() if (folder / "__init__.py").is_file()}
    assert {"qplug_audio", "qplug_folder"} <= plugins
    contracts = {contract["name"].split()[0]: contract for contract in tools["importlinter"]["contracts"]}
    assert {*contracts["Plugins"]["source_modules"], *contracts["What"]["source_modules"]} == plugins
    assert contracts["What"]["source_modules"] == ["qplug_peers"]
    assert set(contracts["Core"]["forbidden_modules"]) == plugins
    (apart,) = (each for each in tools["importlinter"]["contracts"] if each["type"] == "independence")
    assert set(apart["modules"]) == plugins
    assert (
        plugins | {"qplug", "qplug_cli"}
        == set(tools["importlinter"]["root_packages"])
        == set(tools["mypy"]["packages"])
    )
