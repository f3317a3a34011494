"""Every mistake of ``mutants`` is caught by the check that names it, and the examples that it is made in pass all."""

from __future__ import annotations

import re
import sys
import tempfile
from collections import Counter
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from mutants import MUTANTS, Mutant

from qplug.testing.conformance import Check, Outcome, Setting, checks_for, outcome
from qplug_cli import scaffold

COUNT = iter(range(10_000))


def loaded(source: str, folder: Path) -> ModuleType:
    """A module of that source, in a file and among the modules, as pickle and inspect need it."""
    name = f"example_{next(COUNT)}"
    path = folder / f"{name}.py"
    path.write_text(source, "utf-8")
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def source_of(kind: str) -> str:
    file = scaffold.kinds()[kind].file
    return scaffold.package("odd-one", kind)[f"src/odd_one/{file}.py"]


@cache
def example(kind: str) -> ModuleType:
    """The example as it is."""
    return loaded(source_of(kind), Path(tempfile.mkdtemp()))


def checks_of(kind: str, module: ModuleType) -> list[Check]:
    part: Any = module.OddOne
    if kind == "hooks":
        return checks_for(part)
    if kind == "remote-backend":
        queue = Path(tempfile.mkdtemp())
        return checks_for(part(folder=str(queue)), Setting(imports=False, run_device=lambda: module.serve(queue)))
    return checks_for(part(), Setting(imports=False, n_cells=1))


def tried(mutant: Mutant, folder: Path) -> Outcome:
    source = source_of(mutant.kind)
    assert source.count(mutant.old) >= 1, f"{mutant.old!r} stands nowhere in the example of {mutant.kind}"
    checks = checks_of(mutant.kind, loaded(source.replace(mutant.old, mutant.new, 1), folder))
    (named,) = [check for check in checks if check.name == mutant.check]
    return outcome(named)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: f"{each.kind}-{each.check}")
def test_a_mistake_is_caught_by_the_check_that_names_it(mutant: Mutant, tmp_path: Path) -> None:
    found = tried(mutant, tmp_path)
    assert found.status == "failed"
    assert mutant.says in found.told


# The others are checked where a newcomer's path is followed, end_to_end/test_newcomer_path.py; these two there in part.
@pytest.mark.parametrize("kind", ["remote-backend", "executor"])
def test_the_example_of_a_new_plugin_keeps_every_promise(kind: str) -> None:
    found = [outcome(check) for check in checks_of(kind, example(kind))]
    assert [each for each in found if each.status == "failed"] == []
    assert len({each.name for each in found}) == len(found)
    assert Counter(each.status for each in found)["passed"] >= 4


def test_every_check_stands_on_its_page_and_nothing_else_does() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "checks.md").read_text("utf-8")
    listed = re.findall(r"^\| `([\w-]+)` \|", page, re.M)
    there = {"import", "excerpt", "shots", "values", "gradients-refused", "no-fit"}  # where something else is declared
    for kind in set(scaffold.kinds()) - {"pennylane-head", "qiskit-head"}:
        there |= {check.name for check in checks_of(kind, example(kind))}
    assert set(listed) == there


def test_there_are_many_and_every_kind_has_some() -> None:
    assert len(MUTANTS) >= 25
    assert {mutant.kind for mutant in MUTANTS} >= set(scaffold.kinds()) - {"pennylane-head", "qiskit-head"}
