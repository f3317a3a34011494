"""``qplug new plugin``: packages that are right as they are."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from qplug import catalogue
from qplug.catalogue.registry import Registry
from qplug.contract.errors import UnknownName, UserError
from qplug_cli import scaffold
from qplug_cli.commands.new import app
from qplug_cli.main import COMMANDS

LONG = "a-name-of-forty-letters-which-is-longest"
BESIDE = Path(sys.executable).parent


def tool(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path=BESIDE)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One package of each kind, ``my-KIND``, and one with the longest name."""
    home = tmp_path_factory.mktemp("new")
    for kind in scaffold.kinds():
        scaffold.write(f"my-{kind}", kind, home)
    return home


@pytest.mark.parametrize("kind", scaffold.kinds())
def test_a_package_announces_its_component_and_proposes_it(kind: str, packages: Path, tmp_path: Path) -> None:
    folder = packages / f"my-{kind}"
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    facts = scaffold.kinds()[kind]
    [(group, names)] = project["entry-points"].items()
    [(name, target)] = names.items()
    assert (group, name) == (catalogue.GROUPS.get(facts.kind, ""), f"my-{kind}")
    point = EntryPoint(name, target, group)
    source = (folder / "src" / f"{point.module.replace('.', '/')}.py").read_text("utf-8")
    assert f"class {point.attr}" in source
    assert (folder / "src" / point.module.partition(".")[0] / "py.typed").is_file()
    known = Registry.read(folder / "registry.toml").components[facts.kind, f"my-{kind}"]
    assert (known.provider, known.summary) == (project["name"], project["description"])
    assert project["description"] in source or facts.kind == "hook"
    assert "$" not in "".join(file.read_text("utf-8") for file in folder.rglob("*.py"))


def test_all_packages_pass_ruff_whatever_their_names(packages: Path, tmp_path: Path) -> None:
    ruff = tool("ruff")
    for kind in scaffold.kinds():
        (tmp_path / kind).mkdir()
        scaffold.write(LONG, kind, tmp_path / kind)
    for home in (packages, tmp_path):
        for words in (["check"], ["format", "--check"]):
            done = subprocess.run([ruff, *words, "--no-cache", home], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_all_packages_pass_mypy_strict(packages: Path) -> None:
    if not (cache := os.environ.get("QPLUG_MYPY_CACHE")):
        pytest.skip(
            "takes a minute; QPLUG_MYPY_CACHE names the cache of a run of mypy over qplug that lets it take less"
        )
    sources = [f"{folder / 'src'}" for folder in sorted(packages.iterdir())]
    modules = [f"{next(Path(source).iterdir()).name}" for source in sources]
    root = Path(__file__).parents[2]
    words = ["--strict", "--config-file", root / "pyproject.toml", "--cache-dir", cache]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *words, *(word for module in modules for word in ("-p", module))],
        env=os.environ | {"MYPYPATH": os.pathsep.join(sources)}, cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_packages_install_and_their_tests_pass_in_one_run(packages: Path, tmp_path: Path, forking: Any) -> None:
    pytest.importorskip("hatchling")
    folder, other, target = packages / "my-reducer", packages / "my-hooks", tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", target, folder], check=True, capture_output=True)
    code = "import sys, pytest; sys.exit(pytest.main(sys.argv[1:]))"
    paths = os.pathsep.join([str(target), str(other / "src")])
    environment = os.environ | {"PYTHONPATH": paths, "QPLUG_CACHE": str(tmp_path / "cache")}
    words = ["-c", code, "-v", "-p", "no:cacheprovider", "-k", "not import", str(folder), str(other)]
    done = forking(words, tmp_path, environment)
    assert done.returncode == 0, done.stdout + done.stderr
    for file, check in (("test_my_reducer.py", "my-reducer-outputs"), ("test_my_hooks.py", "my-hooks-a-run")):
        assert f"{file}::test_the_contract_is_kept[{check}] PASSED" in done.stdout
    listed = forking(["show", "reducer", "my-reducer"], tmp_path, environment)
    assert "my-reducer 0.1.0" in listed.stdout


def test_the_command_names_the_files_and_what_comes_next(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["plugin", "night-birds", "--kind", "dataset", "--out", str(tmp_path)])
    assert done.exit_code == 0
    assert f"{tmp_path}/night-birds/src/night_birds/dataset.py\n" in done.output
    assert f"next: pip install -e '{tmp_path}/night-birds[dev]' && pytest {tmp_path}/night-birds\n" in done.output
    assert "class NightBirds(Dataset):" in (tmp_path / "night-birds/src/night_birds/dataset.py").read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "kind", "error", "message"),
    [
        ("night-birds", "datasett", UnknownName, "no kind of plugin is called 'datasett'. Did you mean 'dataset'"),
        ("Night_Birds", "dataset", UserError, "such as night-birds; got 'Night_Birds'"),
        ("../x", "dataset", UserError, r"such as night-birds; got '\.\./x'"),
        ("class", "head", UserError, "'class' cannot be a plugin's name"),
        ("torch", "head", UserError, "'torch' cannot be a plugin's name: Python knows torch"),
        ("qplug", "head", UserError, "'qplug' cannot be a plugin's name"),
    ],
)
def test_what_cannot_be_made_is_refused_and_nothing_is_written(
    name: str, kind: str, error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        scaffold.write(name, kind, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "night-birds").mkdir()
    with pytest.raises(UserError, match=r"night-birds is there already, and nothing of it was changed"):
        scaffold.write("night-birds", "head", tmp_path)
    with pytest.raises(UserError, match=r"there is no folder .*elsewhere"):
        scaffold.write("night-birds", "head", tmp_path / "elsewhere")
    assert [*tmp_path.rglob("*")] == [tmp_path / "night-birds"]


def test_a_name_that_the_example_uses_itself_is_told_apart() -> None:
    source = scaffold.package("cosine", "head")["src/cosine/head.py"]
    assert "class Cosine(nn.Module):" in source
    assert "class CosinePart(Head):" in source


def test_every_kind_stands_in_the_help_of_the_command() -> None:
    text = " ".join(CliRunner().invoke(app, ["plugin", "--help"], env={"COLUMNS": "200"}).output.split())
    assert all(kind in text for kind in scaffold.kinds())
    assert "new" in COMMANDS
