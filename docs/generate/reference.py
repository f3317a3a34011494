"""Writes the pages of the reference that come out of the code: components, commands, the contract, names in Python.

Run it whenever a component, a parameter, a command or an option changes; a test compares::

    python docs/generate/reference.py
"""

from __future__ import annotations

import inspect
import re
import runpy
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

REFERENCE = Path(__file__).parents[1] / "reference"
HEADINGS = {
    "dataset": "Data sets",
    "features": "Features",
    "backbone": "Backbones",
    "reducer": "Reducers",
    "head": "Heads",
    "backend": "Backends",
    "executor": "Executors",
    "hook": "Hooks",
}


def components() -> str:
    """The page of all components that come with qplug, and of all recipes."""
    from qplug import catalogue

    registry = catalogue.registry()
    lines = [
        "# Components",
        "",
        "Everything that can be named in a run and comes with qplug. `qplug show KIND NAME` says the same of any "
        "component, those of other packages included, and draws its circuit. A parameter is set by "
        "`--set KIND.NAME=VALUE`.",
        "",
        "<!-- Made by docs/generate/reference.py; what is changed here is lost. -->",
    ]
    for kind, heading in HEADINGS.items():
        lines += ["", f"## {heading}"]
        for (of, name), known in registry.components.items():
            if of == kind:
                lines += component(kind, name, known)
    lines += ["", "## Recipes", "", "Whole pipelines; `qplug show recipe NAME` has all settings.", ""]
    lines += ["| recipe | what it is |", "|---|---|"]
    lines += [f"| `{name}` | {cell(recipe.summary)} |" for name, recipe in registry.recipes.items()]
    return "\n".join(lines) + "\n"


def component(kind: str, name: str, known: Any) -> Iterator[str]:
    """The section of one component: what it is, what it needs, its parameters."""
    from qplug import catalogue, parameters

    yield from ("", f"### `{name}`", "", f"{sentence(known.summary)}")
    yield from ("", f"Extra: `{known.extra}`." if known.extra else "Needs no extra.")
    if known.paper:
        yield from ("", f"Paper or standard: {known.paper}")
    if kind == "hook":
        return
    found = catalogue.load(kind, name)
    yield from ("", *described(found))
    if table := parameters.describe(found):
        yield from ("", "| parameter | default | allowed | meaning |", "|---|---|---|---|")
        for each in table:
            default = cell(value(each.default))
            yield f"| `{each.name}` | {default} | {cell(each.allowed)} | {cell(each.description)} |"
    if found.presets:
        yield from ("", f"Presets: {', '.join(f'`{preset}`' for preset in found.presets)}.")


def described(found: type) -> Iterator[str]:
    """A class's docstring; literals in one kind of quotes."""
    text = inspect.cleandoc(found.__doc__ or "").replace("``", "`")
    yield from re.split(r"\nArgs:|\nAttributes:", text)[0].strip().splitlines()


def commands() -> str:
    """The page of all commands with their arguments and options, from what ``--help`` says."""
    import typer

    from qplug_cli import main

    lines = [
        "# Every option",
        "",
        "What `qplug COMMAND --help` says, on one page. What the commands are for: [command line](command-line.md).",
        "",
        "<!-- Made by docs/generate/reference.py; what is changed here is lost. -->",
    ]
    with typer.main.get_command(main.app).make_context("qplug", ["list"]) as context:
        for name in main.COMMANDS:
            lines += command(f"qplug {name}", main._command(name), context)
    return "\n".join(lines) + "\n"


def command(path: str, found: Any, context: Any) -> Iterator[str]:
    """The section of a command, or of each command of a group."""
    inner: Mapping[str, Any] = getattr(found, "commands", {})
    yield from ("", f"## `{path}`", "", plain((found.help or "").partition("\n**Examples**")[0]))
    for name, each in inner.items():
        yield from command(f"{path} {name}", each, context)
    rows = [row(each) for each in found.params if not getattr(each, "hidden", False)]  # --help is everywhere
    if rows and not inner:
        yield from ("", "| | |", "|---|---|", *rows)


def row(parameter: Any) -> str:
    """One argument or option, with the names it goes by and what it means."""
    names = [*parameter.opts, *parameter.secondary_opts]
    shown = " ".join(f"`{name}`" for name in names) if parameter.param_type_name == "option" else ""
    metavar = parameter.metavar or ""
    return f"| {shown} {cell(metavar)} | {cell(plain(getattr(parameter, 'help', '') or ''))} |"


def plain(text: str) -> str:
    """A text of the help on one line."""
    return " ".join(text.replace("\b", " ").split())


def value(default: Any) -> str:
    """A default as a user would type it."""
    from qplug.parameters.parameter import value_text

    return value_text(default)


def cell(text: str) -> str:
    """A text that ends no cell of a table."""
    return text.replace("|", "\\|").replace("<", "&lt;").strip()


def sentence(text: str) -> str:
    """A summary as a sentence."""
    return text[:1].upper() + text[1:].rstrip(".") + "."


def contract() -> str:
    """The page of what plugin authors read, from the docstrings of the contract."""
    return described_by("contract")


def python() -> str:
    """The page of the names that are used from Python, from their docstrings."""
    return described_by("python")


def described_by(page: str) -> str:
    """A page whose text stands in this folder, with the docstrings of the modules that it names."""
    here = Path(__file__).parent
    filled = runpy.run_path(str(here / "docstrings.py"))["filled"]
    text: str = filled((here / f"{page}.md.in").read_text("utf-8"))
    title, _, rest = text.partition("\n")
    return f"{title}\n\n<!-- Made by docs/generate/reference.py; what is changed here is lost. -->\n{rest}"


PAGES = {"components.md": components, "options.md": commands, "contract.md": contract, "python.md": python}


def main() -> None:
    """Writes all pages."""
    for name, make in PAGES.items():
        (REFERENCE / name).write_text(make(), "utf-8")
        sys.stdout.write(f"{REFERENCE / name}\n")


if __name__ == "__main__":
    main()
