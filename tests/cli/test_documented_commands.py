"""What the documentation and the help tell people to type."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from qplug_cli import main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def fenced(text: str) -> Iterator[str]:
    """The lines ``qplug …`` in fenced blocks, joined where they go on, without comments and pipes."""
    for block in re.findall(r"^```\n(.*?)^```", text, re.S | re.M):
        for line in block.replace("\\\n", " ").splitlines():
            if found := re.search(r"(?:^|&& |\S=\S+ |/)(qplug .*)", line):
                yield re.split(r"\s+#|\s[|>]\s|\s{3,}", found[1])[0]


def command_of(words: list[str]) -> tuple[object, list[str]]:
    """The command that the words name, and the words behind its name."""
    assert words[0] in main.COMMANDS, f"there is no command {words[0]}"
    command = main._command(words[0])
    words = words[1:]
    if words and words[0] in getattr(command, "commands", {}):
        return command.commands[words[0]], words[1:]
    return command, words


def unknown_options(line: str) -> set[str]:
    command, words = command_of(shlex.split(line)[1:] or ["run"])
    given = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    with typer.main.get_command(main.app).make_context("qplug", ["list"]) as context:
        known = {name for parameter in command.get_params(context) for name in parameter.opts}
    return given - known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_on_a_page_exists_with_its_options(page) -> None:
    for line in fenced(page.read_text(encoding="utf-8")):
        assert unknown_options(line) == set(), line


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_example_in_the_help_exists_with_its_options(name) -> None:
    module = __import__(main.COMMANDS[name][0].partition(":")[0], fromlist=["EXAMPLES"])
    lines = re.findall(r"^`(qplug .*?)`", module.EXAMPLES, re.M)
    assert lines
    for line in lines:
        assert unknown_options(line) == set(), line


def test_an_option_that_does_not_exist_is_found() -> None:
    assert list(fenced("```\n.venv/bin/qplug run --hed mlp  # a comment\n```\n")) == [
        ".venv/bin/qplug run --hed mlp"[10:]
    ]
    assert unknown_options("qplug run --hed mlp --seed 3") == {"--hed"}
    assert unknown_options("qplug data fetch fsdd --force") == {"--force"}
