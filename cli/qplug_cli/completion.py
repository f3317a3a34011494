"""What a shell is told when somebody presses Tab: commands, options, and the names that stand behind them.

The shell asks through the environment, as Typer's scripts do. Nothing heavy is imported for an answer, and no plugin.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

VARIABLE = "_QPLUG_COMPLETE"
"""The environment variable by which a shell asks; its scripts set it for one call."""

_KINDS = {
    "dataset": "dataset", "datasets": "dataset", "features": "features", "backbone": "backbone", "reducer": "reducer",
    "head": "head", "heads": "head", "backend": "backend", "backends": "backend", "executor": "executor",
    "recipe": "recipe",
}  # fmt: skip
"""Parameters of commands, and the kind whose names they take."""

_LAST_WORD = re.compile(r"[^\s,+*]*$")
"""Behind what separates several names in one value, as in ``0.5*linear + pennylane-pqc``."""

Answer = list[tuple[str, str]]


def is_asked() -> bool:
    """Whether this process was started by a shell that completes a command line."""
    return VARIABLE in os.environ


def script(shell: str) -> str:
    """What a shell has to read once to complete the words after ``qplug``."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    return get_completion_script(prog_name="qplug", complete_var=VARIABLE, shell=shell)


def answer(cli: Any) -> int:
    """Answers the shell on standard output, and gives the exit code. What goes wrong is no concern of the prompt."""
    from typer.completion import completion_init, shell_complete  # type: ignore[attr-defined]

    completion_init()
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            return shell_complete(cli, {}, "qplug", VARIABLE, os.environ[VARIABLE])
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else 0
        except Exception:  # half a command line may be wrong in any way
            return 1


def completed(parameters: list[Any]) -> list[Any]:
    """Parameters that know which names they take."""
    for parameter in parameters:
        if parameter.name in _KINDS:
            parameter._custom_shell_complete = _names_for(_KINDS[parameter.name])
        elif (parameter.name, parameter.metavar) in _OTHERS:
            parameter._custom_shell_complete = _OTHERS[parameter.name, parameter.metavar]
    return parameters


def _names_for(kind: str) -> Callable[[Any, Any, str], list[Any]]:
    return lambda ctx, parameter, incomplete: _items(_names(kind), incomplete)


def _items(known: Answer, incomplete: str) -> list[Any]:
    from typer.completion import shell_completion  # type: ignore[attr-defined]

    found = _LAST_WORD.search(incomplete)
    last = found[0] if found else incomplete
    before = incomplete[: len(incomplete) - len(last)]
    return [shell_completion.CompletionItem(before + name, help=told) for name, told in known if name.startswith(last)]


def _names(kind: str) -> Answer:
    """The names of a kind that can be used here, each with its line; where there are none, all that are known."""
    from qplug import catalogue

    if kind == "recipe":
        return [(name, recipe.summary) for name, recipe in catalogue.registry().recipes.items()]
    rows = catalogue.entries(kind, probe_new=False)
    return [(row.name, row.summary) for row in [row for row in rows if row.status == "ready"] or rows]


def _of_a_kind(ctx: Any, parameter: Any, incomplete: str) -> list[Any]:
    from qplug_cli.commands.list import singular

    if "kind" not in {each.name for each in ctx.command.params}:
        return _items(_names("dataset"), incomplete)  # qplug data, which knows data sets alone
    try:
        kind = singular(ctx.params.get("kind") or "")
    except Exception:  # no such kind: no such names
        return []
    return _items(_names(kind), incomplete)


def _kinds(ctx: Any, parameter: Any, incomplete: str) -> list[Any]:
    from qplug_cli.commands.list import PLURALS

    return _items([(word, "") for pair in PLURALS.items() for word in dict.fromkeys(pair)], incomplete)


def _data_sets(ctx: Any, parameter: Any, incomplete: str) -> list[Any]:
    return _items(_names("dataset"), incomplete)


def _plugins(ctx: Any, parameter: Any, incomplete: str) -> list[Any]:
    return _items(list(dict.fromkeys(_announced())), incomplete)


def _announced() -> Iterator[tuple[str, str]]:
    from qplug.catalogue.offers import offers

    for offer in offers():
        yield offer.provider, "a distribution"
        yield offer.name, offer.kind


_OTHERS = {
    ("kind", "KIND"): _kinds,
    ("name", "NAME"): _of_a_kind,
    ("name", "NAME|FOLDER"): _data_sets,
    ("no_plugin", "NAME"): _plugins,
}
"""Completions of parameters by name and what their help calls them."""


def run(cli: Any) -> None:
    """Answers and ends the process."""
    code = answer(cli)
    sys.stdout.flush()
    sys.exit(code)
