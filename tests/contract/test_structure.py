"""The walls: how much an author has to read, no circle of files, no file that grew too long."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from qplug.lab.config.model import RunConfig
from qplug.lab.config.options import OPTIONS, RunOptions

ROOT = Path(__file__).parents[2]
MOST_OF_THE_CONTRACT = 2200
MOST_OF_A_FILE = 400
LONGER = {"plugins/qplug_torch/kernels.py"}  # one kernel a direction, and every gate in each


def sources(*folders: str) -> dict[str, Path]:
    """Every module by its dotted name."""
    found = {}
    for folder in folders or ("core", "cli", "plugins"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def n_lines(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


def named(module: str, path: Path, modules: Iterable[str]) -> Iterator[str]:
    """The modules that a file imports by name: in functions and for type checkers too."""
    known = set(modules)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            above = package.rsplit(".", node.level - 1)[0] if node.level else ""
            source = ".".join(filter(None, (above, node.module)))
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                yield from (each for each in (inner, source) if each in known and (each == inner or inner not in known))


def circle(modules: Mapping[str, Path]) -> list[str]:
    """The modules of one circle; empty if there is none."""
    imports = {module: set(named(module, path, modules)) - {module} for module, path in modules.items()}
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_an_author_reads_at_most_2200_lines() -> None:
    lines = [n_lines(path) for path in (ROOT / "core" / "qplug" / "contract").rglob("*.py")]
    assert len(lines) > 10
    assert sum(lines) <= MOST_OF_THE_CONTRACT


def test_no_files_import_one_another_in_a_circle() -> None:
    assert len(sources()) > 200
    assert circle(sources()) == []


@pytest.mark.parametrize(
    "line",
    [
        "from room.second import thing",
        "from room import second",
        "import room.second",
        "from .second import thing",
        "from . import second",
        "if TYPE_CHECKING:\n    from room.second import thing",
        "def late():\n    from room.second import thing",
    ],
)
def test_a_circle_is_found_however_it_is_closed(tmp_path: Path, line: str) -> None:
    modules = {name: tmp_path / f"{name.replace('.', '_')}.py" for name in ("room", "room.first", "room.second")}
    modules["room"].write_text("", "utf-8")
    modules["room.first"].write_text(line, "utf-8")
    modules["room.second"].write_text("", "utf-8")
    assert circle(modules) == []
    modules["room.second"].write_text("from room import first", "utf-8")
    assert set(circle(modules)) == {"room.first", "room.second"}


def test_no_file_is_too_long() -> None:
    long = {str(path.relative_to(ROOT)) for path in sources().values() if n_lines(path) > MOST_OF_A_FILE}
    assert long == LONGER


def test_the_environment_variables_of_qplug_are_read_in_one_place() -> None:
    named = re.compile(r"QPLUG_[A-Z_]+")
    readers = {
        path.relative_to(ROOT).as_posix()
        for top in ("core", "plugins")
        for path in (ROOT / top).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and named.fullmatch(node.value)
    }
    assert readers == {"core/qplug/variables.py"}


def test_what_several_rooms_need_is_written_once() -> None:
    homes: dict[str, set[str]] = {name: set() for name in ("cache_folder", "data_home", "usable_cores", "merge")}
    for top in ("core", "plugins"):
        for path in (ROOT / top).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.FunctionDef) and node.name in homes:
                    homes[node.name].add(path.relative_to(ROOT).as_posix())
    variables, layers = {"core/qplug/variables.py"}, {"core/qplug/catalogue/layers.py"}
    assert homes.pop("merge") == layers
    assert all(found == variables for found in homes.values()), homes
    assert issubclass(RunConfig, RunOptions)
    assert [entry.name for entry in fields(RunOptions)] == list(OPTIONS)
    assert not list((ROOT / "plugins").rglob("floor.py"))


def test_a_part_is_a_part_of_the_data() -> None:
    pieces = re.compile(
        r"\b(known|own|missing|faulty|classical|frozen|named) parts?\b|\bevery part (is|has)\b"
        r"|\bparts? (of a pipeline|of your own|that learns?|at fault)\b"
        r"|class \w*Parts\b|code of (a|its|the) parts?\b",
        re.IGNORECASE,
    )
    texts = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), ROOT / "registry.toml"]
    texts += [path for top in ("core", "cli") for path in (ROOT / top).rglob("*.py")]
    found = {path.relative_to(ROOT).as_posix(): pieces.findall(path.read_text("utf-8")) for path in texts}
    assert {name: words for name, words in found.items() if words} == {}
