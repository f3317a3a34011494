"""Writes docs/reference/public-names.json: every name that may be relied on, as it is today.

python tests/benchmarks/public_names.py
"""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import pkgutil
import re
import tempfile
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import typer

import qplug
from qplug import catalogue, variables
from qplug.bench.report import Report
from qplug.lab.config.layers import SECTIONS, TABLES
from qplug.lab.config.options import OPTIONS
from qplug.lab.runner.jobs import SentWork
from qplug.lab.runs.run_record import RunRecord
from qplug_cli import main as cli
from qplug_cli.commands.doctor import Health

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "public-names.json"
ROOMS = ("qplug.circuits", "qplug.contract", "qplug.heads", "qplug.signals", "qplug.study", "qplug.testing")
"""The rooms for plugin authors and notebooks; the others may change in any release."""


def names(folder: Path) -> dict[str, Any]:
    """All of it; commands are run in ``folder``, on a run that is made there."""
    return {
        "python": python_names(),
        "commands": dict(sorted(command_options())),
        "entry_point_groups": sorted([*catalogue.GROUPS.values(), "qplug.peers"]),
        "environment_variables": sorted(set(re.findall(r'"(QPLUG_[A-Z_]+)"', inspect.getsource(variables)))),
        "run_toml": sorted([*TABLES, *SECTIONS, *OPTIONS, "branch", "format"]),
        "record_json": sorted(RunRecord.model_fields),
        "json": documents(folder),
    }


def python_names() -> dict[str, list[str]]:
    """What ``qplug`` exports, and each module of the rooms for others."""
    found = {"qplug": sorted(qplug.__all__)}
    for room in ROOMS:
        package = import_module(room)
        modules = [package, *(import_module(each.name) for each in pkgutil.walk_packages(package.__path__, f"{room}."))]
        for module in modules:
            if any(part.startswith("_") for part in module.__name__.split(".")):
                continue
            if public := exported(module):
                found[module.__name__] = public
    return found


def exported(module: Any) -> list[str]:
    """What a module says that it exports; else what it defines without an underscore."""
    if hasattr(module, "__all__"):
        return sorted(module.__all__)
    return sorted(
        name for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    )  # fmt: skip


def command_options() -> list[tuple[str, list[str]]]:
    """Each command with its options, ``--help`` left out."""
    found = []
    with typer.main.get_command(cli.app).make_context("qplug", ["list"]) as context:
        for name in cli.COMMANDS:
            command = cli._command(name)
            for inner, each in (getattr(command, "commands", None) or {"": command}).items():
                options = [opt for one in each.get_params(context) for opt in (*one.opts, *one.secondary_opts)]
                found.append(
                    (f"{name} {inner}".strip(), sorted({opt for opt in options if opt[0] == "-"} - {"--help", "-h"}))
                )
    return found


def documents(folder: Path) -> dict[str, list[str]]:
    """The keys of what commands print with ``--json``; of a list, those of its rows."""
    out = ["--out", str(folder / "runs")]
    quick = ["--dataset", "digits", "--backbone", "identity", "--reducer", "identity", "--head", "logistic"]
    told = {"run": _keys("run", *quick, "--no-figures", *out)}
    (run,) = (each for each in (folder / "runs").iterdir() if each.is_dir())
    asked = {
        "runs": ("runs", *out), "show run": ("show", "run", run), "verify": ("verify", run), "replay": ("replay", run),
        "report": ("report", run), "pack": ("pack", run, "--out", folder / "capsule"),
        "export": ("export", run, "--to", "safetensors", "--out", folder / "model.safetensors"),
        "run --dry-run": ("run", "--dry-run"), "explain": ("explain", "quickstart"), "list": ("list",),
        "search": ("search", "kernel"), "recipes": ("recipes",), "show recipe": ("show", "recipe", "quickstart"),
        "show head": ("show", "head", "linear"), "registry check": ("registry", "check"), "cache": ("cache",),
    }  # fmt: skip
    told |= {name: _keys(*words) for name, words in asked.items()}
    shapes: dict[str, Any] = {"bench": Report, "doctor": Health, "jobs": SentWork}
    told |= {name: sorted(each.name for each in fields(shape)) for name, shape in shapes.items()}
    return dict(sorted(told.items()))


def _keys(*words: object) -> list[str]:
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        typer.main.get_command(cli.app).main(
            args=[*map(str, words), "--json"], prog_name="qplug", standalone_mode=False
        )
    document = json.loads(stream.getvalue())
    rows = document if isinstance(document, list) else [document]
    return sorted({key for row in rows for key in row})


def main() -> None:
    """Writes the file."""
    with tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(json.dumps(names(Path(folder)), indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
