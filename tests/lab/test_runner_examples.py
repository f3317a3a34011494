"""Example files of a smoke run follow the code that makes them."""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from qplug.lab.config.resolve import resolve
from qplug.lab.pipeline.components import Components
from qplug.lab.runner.inventory import UNUSED, example_folder

CODE = """
class Letters:
    def write_example(self, folder):
        (folder / "letter.txt").write_text({text!r})
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of an author's package, which can be imported."""
    monkeypatch.setenv("QPLUG_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path / "letters_of_an_author"
    folder.mkdir()
    (folder / "__init__.py").touch()
    yield folder
    for name in [name for name in sys.modules if name.startswith(folder.name)]:
        del sys.modules[name]


def example(package: Path, text: str, **parameters: Any) -> Path:
    """The example folder that a dataset with this code gets, in a process that has just begun."""
    (package / "letters.py").write_text(CODE.format(text=text))
    sys.modules.pop(f"{package.name}.letters", None)
    importlib.invalidate_caches()
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    dataset = importlib.import_module(f"{package.name}.letters").Letters()
    sys.dont_write_bytecode = before
    config = resolve([{"dataset": {"name": "digits"}}])
    config = replace(config, dataset=replace(config.dataset, name="letters", parameters=parameters))
    return example_folder(config, cast(Components, SimpleNamespace(dataset=dataset)), package.parent / "cache")


def age(folder: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(folder, (then, then))


def test_edited_code_gets_files_of_its_own_and_unchanged_code_those_that_are_there(package: Path) -> None:
    first = example(package, "alpha")
    assert (first / "letter.txt").read_text() == "alpha"
    written = (first / "letter.txt").stat().st_mtime_ns
    assert example(package, "alpha") == first
    assert (first / "letter.txt").stat().st_mtime_ns == written
    assert (example(package, "beta") / "letter.txt").read_text() == "beta"


def test_files_of_older_code_are_removed_once_they_are_not_used(package: Path) -> None:
    old, recent = example(package, "alpha"), example(package, "beta")
    other = old.with_name("letters-of-another-0123abcd")
    other.mkdir()
    age(old, UNUSED + 60)
    age(other, UNUSED + 60)
    assert example(package, "gamma").is_dir()
    assert not old.exists()
    assert recent.is_dir()
    assert other.is_dir(), "it belongs to another data set"


def test_files_in_use_do_not_grow_old(package: Path) -> None:
    used = example(package, "alpha")
    age(used, UNUSED + 60)
    example(package, "alpha")
    example(package, "beta")
    assert used.is_dir()
