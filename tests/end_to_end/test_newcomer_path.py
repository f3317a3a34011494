"""The page on beginning a plugin, followed literally: every command of every kind, from nothing to a plugin in use.

Some is carried out in a cheaper way. What ``pip install`` does with a package, its build backend does here, and the
wheel is unpacked. What a listing does with each package that it does not know, a process of its own that imports it, is
done in one process for all. Runs are small; where the checks have computed all that a run would, they are planned
alone.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qplug_cli import scaffold

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "begin-a-plugin.md"
BLOCK = re.compile(r"^```\n(qplug new plugin (\S+) --kind (\S+)\n.*?)^```$", re.S | re.M)
PATHS = {kind: (name, code.splitlines()) for code, name, kind in BLOCK.findall(PAGE.read_text("utf-8"))}
NEEDED = {"pennylane-head": "pennylane", "qiskit-head": "qiskit", "dataset": "soundfile"}
SMALL = ["--epochs", "1", "--no-figures"]
FEW = ["--set", "dataset.n_samples=100"]
TWO_QUBITS = ["--set", "head.n_qubits=2", "--set", "head.n_layers=1"]
PLANNED = {"backbone", "quantum-head", "pennylane-head", "qiskit-head", "backend", "executor"}
TRY = """
import sys
from qplug.catalogue.loading import import_offered
from qplug.catalogue.offers import offers
from qplug.catalogue.verdicts import Verdict, remember

new = [each for each in offers() if str(each.folder) == sys.argv[1]]
remember({each: Verdict(True, summary=str(getattr(import_offered(each), "summary", ""))) for each in new})
print(len(new))
"""
Do = Callable[[list[str]], str]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, forking: Any) -> Path:
    """A folder with the packages of the page, as its commands write them, and all of them installed."""
    build = pytest.importorskip("hatchling.build")
    folder, back = tmp_path_factory.mktemp("newcomer"), Path.cwd()
    for kind, (name, lines) in PATHS.items():
        done = forking(shlex.split(lines[0])[1:], folder, environment(folder))
        assert (done.returncode, f"{name}/pyproject.toml" in done.stdout) == (0, True), f"{kind}: {done.stderr}"
        os.chdir(folder / name)  # where a build backend is called
        try:
            wheel = folder / build.build_wheel(str(folder))
        finally:
            os.chdir(back)
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(folder / "site")
    done = forking(["-c", TRY, str(folder / "site")], folder, environment(folder))
    assert done.stdout == f"{len(PATHS)}\n", done.stderr
    return folder


def environment(folder: Path) -> dict[str, str]:
    """That of a newcomer: nothing of qplug's is set, but for where its cache is."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("QPLUG_")}
    return own | {"PYTHONPATH": str(folder / "site"), "QPLUG_CACHE": str(folder / "cache")}


def small(words: list[str], kind: str) -> list[str]:
    """A run of the page as one that costs little."""
    if kind in PLANNED:
        return [*words, "--dry-run"]
    few = [] if "--dataset" in words else FEW
    return words + SMALL + few + ([] if "--head" in words else TWO_QUBITS)


@pytest.mark.parametrize("kind", scaffold.kinds())
def test_the_path_of_a_kind_ends_with_a_plugin_that_works(kind: str, home: Path, forking: Any, tmp_path: Path) -> None:
    pytest.importorskip(NEEDED.get(kind, "torch"))
    name, lines = PATHS[kind]
    facts = scaffold.kinds()[kind]
    project = tomllib.loads((home / name / "pyproject.toml").read_text("utf-8"))["project"]
    assert lines[1] == f"pip install -e './{project['name']}[dev]'"
    assert "dev" in project["optional-dependencies"]

    def do(words: list[str]) -> str:
        done = forking(words, tmp_path, environment(home))
        assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
        return str(done.stdout)

    told = list(carried_out(kind, lines[2:], do, tmp_path))
    assert told[0][0] == "list"
    for command, text in told:
        if command == "list":
            (row,) = (row for row in json.loads(text) if row["name"] == name)
            assert (row["kind"], row["status"], row["provider"]) == (facts.kind, "ready", name)
        if command == "check":
            made = json.loads(text)
            assert (made["kind"], made["failed"]) == (facts.kind, 0)
            assert made["passed"] >= (3 if kind == "executor" else 4)
            assert len({each["name"] for each in made["checks"]}) == len(made["checks"])
    use, text = told[-1]
    assert use in ("run", "resume", "cat")
    written = [file.read_text("utf-8") for file in tmp_path.glob("runs/2*/run.toml")]
    assert name in "".join([text, *written]) or (kind, text[:9]) == ("hooks", "epoch 1: ") or kind == "executor"


def carried_out(kind: str, lines: list[str], do: Do, folder: Path) -> Iterator[tuple[str, str]]:
    """Carries out the lines of a block, and gives the command of each with what it printed."""
    for line in lines:
        (run,) = [path.name for path in folder.glob("runs/2*")] or [""]
        words = shlex.split(line.replace("<your run>", run))
        match words:
            case ["qplug", "run", *_]:
                yield "run", do(small(words[1:], kind))
            case ["qplug", "list", *_]:
                yield "list", do([*words[1:], "--json"])
            case ["qplug", "check", *_]:
                yield "check", do([*words[1:], "--json", *cheap(kind)])
            case ["qplug", *rest]:
                yield rest[0], do(rest)
            case ["python", "-c", code]:
                yield "python", do(["-c", code])
            case ["mkdir", name]:
                (folder / name).mkdir()
            case ["cat", name]:
                yield "cat", (folder / name).read_text("utf-8")
            case _:
                pytest.fail(f"{PAGE.name}: {line!r} is carried out by nobody")


def cheap(kind: str) -> list[str]:
    """What leaves out checks that start processes: of the import for most, of all that an executor carries out."""
    if kind == "executor":
        return [word for name in ("constructor", "documentation", "declaration") for word in ("--only", name)]
    return [] if kind in ("dataset", "hooks") else ["--skip", "import"]


def test_every_kind_has_its_path_and_each_stands_by_itself() -> None:
    assert list(PATHS) == list(scaffold.kinds())
    names = [name for name, _ in PATHS.values()]
    assert len({*names}) == len(names)
    assert not {name.replace("-", "_") for name in names} & {*sys.stdlib_module_names}
