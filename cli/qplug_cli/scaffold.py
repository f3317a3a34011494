"""Packages of plugins, written from the templates beside this module."""

from __future__ import annotations

import json
import keyword
import re
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Any

from qplug.contract.errors import UnknownName, UserError
from qplug.version import DISTRIBUTION

_NAME = re.compile(r"(?=.{2,40}$)[a-z][a-z0-9]*(-[a-z0-9]+)*")
_TEMPLATES = files("qplug_cli") / "templates"
_WORDS = {"dataset": "data set", "features": "feature extractor", "hook": "hook plugin"}
_UNTYPED = """
[[tool.mypy.overrides]]
module = [{modules}]
ignore_missing_imports = true
"""


@dataclass(frozen=True)
class _Kind:
    """What ``templates/kinds.toml`` says of a kind, whose file explains the keys."""

    kind: str
    group: str
    file: str
    extras: list[str]
    requires: list[str]
    summary: str
    use: str
    untyped: tuple[str, ...] = ()


def kinds() -> dict[str, _Kind]:
    """All kinds of plugin, by the name that is given to ``--kind``."""
    told = tomllib.loads((_TEMPLATES / "kinds.toml").read_text("utf-8"))
    return {name: _Kind(**values) for name, values in told.items()}


def write(name: str, kind: str, out: Path) -> list[Path]:
    """Writes a package into a new folder of ``out``, whole or not at all.

    Args:
        name: of the component and of the package, such as ``"night-birds"``.
        kind: one of ``kinds``.
        out: an existing folder.

    Returns:
        The files, pyproject.toml first.

    Raises:
        UnknownName: there is no such kind.
        UserError: the name cannot be one of a package, or the folder is there already.
    """
    content = package(name, kind)
    folder = out / name
    if not out.is_dir():
        raise UserError(f"there is no folder {out}. Make it first, or name another: --out FOLDER")
    if folder.exists():
        raise UserError(
            f"{folder} is there already, and nothing of it was changed. Choose another name or --out FOLDER"
        )
    with tempfile.TemporaryDirectory(dir=out, prefix=".qplug-new-") as home:
        begun = Path(home) / name
        for path, text in content.items():
            (begun / path).parent.mkdir(parents=True, exist_ok=True)
            (begun / path).write_text(text, "utf-8")
        begun.rename(folder)
    return [folder / path for path in content]


def package(name: str, kind: str) -> dict[str, str]:
    """The files of a package by their paths, with their text.

    Raises:
        UnknownName: there is no such kind.
        UserError: the name cannot be one of a package.
    """
    known = kinds()
    if kind not in known:
        raise UnknownName.of("kind of plugin", kind, known)
    _refuse_name(name)
    return _filled(name, kind, known[kind])


def _refuse_name(name: str) -> None:
    module = name.replace("-", "_")
    if not _NAME.fullmatch(name):
        raise UserError(
            f"a plugin's name is 2 to 40 small letters, digits and single hyphens, such as night-birds; got {name!r}."
        )
    if keyword.iskeyword(module) or module in sys.stdlib_module_names or find_spec(module) is not None:
        raise UserError(f"{name!r} cannot be a plugin's name: Python knows {module} as another thing. Choose another.")


def _filled(name: str, kind: str, facts: _Kind) -> dict[str, str]:
    module = name.replace("-", "_")
    words = _words(name, module, facts, class_name=_class_name(name, _template(f"parts/{kind}.py").template))
    tests = kind if (_TEMPLATES / "tests" / f"{kind}.py.tmpl").is_file() else "usual"
    source = f"src/{module}"
    plan = {
        "pyproject.toml": "package/pyproject.toml",
        "README.md": "package/README.md",
        "registry.toml": "package/registry.toml",
        ".gitignore": "package/gitignore",
        ".github/workflows/ci.yml": "package/ci.yml",
        f"{source}/{facts.file}.py": f"parts/{kind}.py",
        f"tests/test_{module}.py": f"tests/{tests}.py",
    }
    content = {path: _template(place).substitute(words) for path, place in plan.items()}
    return content | {f"{source}/__init__.py": f'"""{words["summary"]}."""\n', f"{source}/py.typed": ""}


def _class_name(name: str, source: str) -> str:
    """The name in capitals, and more where the module has a class or an import that is called so."""
    made = "".join(part.capitalize() for part in name.split("-"))
    return f"{made}Part" if re.search(rf"\b{made}\b", source) else made


def _words(name: str, module: str, facts: _Kind, *, class_name: str) -> dict[str, str]:
    title = name.replace("-", " ")
    short = {"title": title, "name": name}
    modules = ", ".join(json.dumps(f"{each}.*") for each in facts.untyped)
    return short | {
        "distribution": name,
        "module": module,
        "class_name": class_name,
        "quoted_name": json.dumps(name),
        "kind": facts.kind,
        "words": _WORDS.get(facts.kind, facts.kind),
        "group": facts.group,
        "file": facts.file,
        "target": f":{class_name}",
        "summary": Template(facts.summary).substitute(short),
        "use": Template(facts.use).substitute(short),
        "qplug": DISTRIBUTION,
        "requirement": f"{DISTRIBUTION}[{','.join(facts.extras)}]",
        "requires": json.dumps(facts.requires),
        "untyped": _UNTYPED.format(modules=modules) if modules else "",
    }


def _template(place: str) -> Template:
    folder, _, file = place.partition("/")
    found: Any = _TEMPLATES / folder / f"{file}.tmpl"
    return Template(found.read_text("utf-8"))
