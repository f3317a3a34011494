"""The packages in docs/examples, built and installed as their reader would, pass their own tests."""

from __future__ import annotations

import os
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
PACKAGES = sorted(path.parent for path in EXAMPLES.glob("*/pyproject.toml"))
ANNOUNCED = {
    "dataset": ["crickets"],
    "head": ["staircase-pennylane", "staircase-qiskit"],
    "backend": ["statevector"],
}
RUN = """
import sys, pytest
from qplug.catalogue import load
for kind, names in {announced}.items():
    for name in names:
        part = load(kind, name)
        print(name, part.__module__, sys.modules[part.__module__].__file__)
sys.exit(pytest.main(sys.argv[1:]))
"""


def install(package: Path, site: Any, monkeypatch: pytest.MonkeyPatch, wheels: Path) -> None:
    """What ``pip install`` does with it: its build backend makes a wheel, and the wheel is unpacked."""
    build = pytest.importorskip("hatchling.build")
    monkeypatch.chdir(package)
    with zipfile.ZipFile(wheels / build.build_wheel(str(wheels))) as wheel:
        wheel.extractall(site.folder)


def test_the_example_packages_install_are_found_and_pass_their_tests(
    site: Any, forking: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("pennylane")
    pytest.importorskip("qiskit")
    assert len(PACKAGES) == 3
    for package in PACKAGES:
        install(package, site, monkeypatch, tmp_path)
    words = ["-c", RUN.format(announced=ANNOUNCED), "-q", "-p", "no:cacheprovider"]
    words += [str(package / "tests") for package in PACKAGES]
    done = forking(words, tmp_path, os.environ | site.environment, timeout=800)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "11 passed" in done.stdout
    for name in (name for names in ANNOUNCED.values() for name in names):
        (line,) = (line for line in done.stdout.splitlines() if line.startswith(f"{name} "))
        assert str(site.folder) in line


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_an_example_package_is_whole_and_short(package: Path) -> None:
    project = tomllib.loads((package / "pyproject.toml").read_text("utf-8"))["project"]
    readme = (package / "README.md").read_text("utf-8")
    announced = [name for names in project["entry-points"].values() for name in names]
    assert project["name"] == package.name
    assert all(f"`{name}`" in readme for name in announced)
    files = list(package.glob("src/**/*.py"))
    assert sum(len(path.read_text("utf-8").splitlines()) for path in files) <= 120
    assert list(package.glob("tests/test_*.py"))
