"""Nothing that a user can name is missing from the documentation, and no page points to what is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

import qplug
from qplug import catalogue
from qplug.contract.hooks import HOOKS, CommandSpecifications
from qplug_cli import main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXT = "\n".join(path.read_text("utf-8") for path in PAGES)
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s#]*)(#[^)\s]+)?\)")
CODE = re.compile(r"^```.*?^```$", re.S | re.M)


def names() -> Iterator[tuple[str, str]]:
    """What a user can name: its kind, and how it is written in a text."""
    yield from (("command", f"qplug {name}") for name in main.COMMANDS)
    yield from (("hook", f"{name}(") for name in (*HOOKS, *vars(CommandSpecifications)) if not name.startswith("_"))
    yield from (("public name", f"`{name}`") for name in qplug.__all__)
    registry = catalogue.registry()
    yield from ((kind, f"`{name}`") for kind, name in registry.components)
    yield from (("recipe", name) for name in registry.recipes)


def anchors(page: Path) -> set[str]:
    """The headings of a page as the site names them."""
    text = CODE.sub("", page.read_text("utf-8"))
    headings = [re.sub(r"`|\*|\[([^\]]*)\]\([^)]*\)", r"\1", found) for found in re.findall(r"^#+ (.+)$", text, re.M)]
    return {re.sub(r"[\s_-]+", "-", re.sub(r"[^\w\s-]", "", heading.lower())).strip("-") for heading in headings}


@pytest.mark.parametrize("kind", sorted({kind for kind, _ in names()}))
def test_everything_of_a_kind_is_documented(kind: str) -> None:
    assert [name for of, name in names() if of == kind and name not in TEXT] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_link_within_the_project_is_dead(page: Path) -> None:
    text = CODE.sub("", page.read_text("utf-8"))
    for path, anchor in LINK.findall(text):
        target = (page.parent / unquote(path)).resolve() if path else page
        assert target.exists(), f"{path}{anchor}"
        if anchor and target.suffix == ".md":
            assert anchor[1:] in anchors(target), f"{path}{anchor}"
