"""The package that the page on writing plugins shows, as a reader would copy it."""

import os
import re
import tomllib
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "write-a-plugin.md"
FILES = re.compile(r"^```\w+\n# (\S+)\n(.*?)^```", re.S | re.M)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("my-parts")
    for name, text in FILES.findall(GUIDE.read_text(encoding="utf-8")):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (folder / "my_parts" / "__init__.py").touch()
    return folder


def test_every_entry_point_of_the_guide_names_a_class_of_the_guide(package) -> None:
    groups = tomllib.loads((package / "pyproject.toml").read_text())["project"]["entry-points"]
    targets = [target for group in groups.values() for target in group.values()]
    assert len(targets) == 5
    for target in targets:
        module, _, name = target.partition(":")
        source = (package / (module.replace(".", "/") + ".py")).read_text()
        assert re.search(rf"^class {name}\(", source, re.M), target


def test_the_parts_of_the_guide_pass_the_tests_of_the_guide(package, forking) -> None:
    pytest.importorskip("pennylane")
    code = "import sys, pytest; sys.exit(pytest.main(sys.argv[1:]))"
    words = ["-c", code, "-q", "-p", "no:cacheprovider", str(package)]
    done = forking(words, package, os.environ | {"PYTHONPATH": str(package)}, timeout=800)
    assert "5 passed" in done.stdout, done.stdout + done.stderr


def test_the_file_of_the_guide_needs_no_package(package, forking) -> None:
    lines = re.findall(r"^qplug (.*--plugin gated_head\.py.*)$", GUIDE.read_text(encoding="utf-8"), re.M)
    assert [line.split()[0] for line in lines] == ["show", "check", "run"]
    environment = {name: value for name, value in os.environ.items() if name != "QPLUG_PLUGINS"}
    for line in lines:
        done = forking(line.replace("run ", "run --dry-run ").split(), package, environment)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "gated" in done.stdout or "passed" in done.stdout
