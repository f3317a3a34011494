"""Executors: what goes in and what comes out is checked, and one cell is carried out alike everywhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import pytest

from qplug import catalogue
from qplug.catalogue.loading import import_offered
from qplug.catalogue.offers import Offer
from qplug.contract.errors import PluginError, UserError
from qplug.contract.interfaces import Cell, Done, Executor, ExecutorCapabilities, Needs, attempt
from qplug.lab.comparison.local import Local
from qplug.testing.executors import check_executor

ECHO = "qplug.testing.cells:echo"
ACT = "qplug.testing.cells:act"
Spoil = Callable[[Iterator[Done]], Iterator[Done]]


class Here(Executor):
    """One after the other, in this process."""

    summary = "in this process"
    capabilities = ExecutorCapabilities(interface=1, machines="one")

    def run(self, work: str, cells: Iterable[Cell]) -> Iterator[Done]:
        for cell in cells:
            yield attempt(work, cell.key, cell.spec, "here")


class Spoilt(Executor):
    """Another executor, whose outcomes are spoilt on their way."""

    summary = "local, with a fault"
    capabilities = ExecutorCapabilities(interface=1, machines="one")
    spoil: Spoil = staticmethod(lambda outcomes: outcomes)
    of: Executor = Local(slots=1)

    def run(self, work: str, cells: Iterable[Cell]) -> Iterator[Done]:
        return type(self).spoil(self.of.run(work, cells))


@pytest.fixture
def spoilt(monkeypatch: pytest.MonkeyPatch) -> Callable[[Spoil, Executor], Executor]:
    """Makes an executor of another one and what spoils its outcomes."""

    def make(spoil: Spoil, of: Executor) -> Executor:
        monkeypatch.setattr(Spoilt, "spoil", staticmethod(spoil))
        monkeypatch.setattr(Spoilt, "of", of)
        return Spoilt()

    return make


def given(n: int) -> list[Cell]:
    return [Cell(f"cell-{index}", json.dumps(index)) for index in range(n)]


def test_each_cell_is_answered_with_what_the_work_returned() -> None:
    done = list(Here()(ECHO, iter(given(3))))
    assert done == [Done(f"cell-{index}", str(index), where="here") for index in range(3)]


@pytest.mark.parametrize("work", ["echo", "os.system", "a:b.c", "a b:c", ":echo", "qplug:"])
def test_work_that_is_not_named_as_a_function_of_a_module_is_refused_at_once(work: str) -> None:
    with pytest.raises(UserError, match=f"'package.module:function'; got '{work}'"):
        Here()(work, given(1))


def test_a_key_that_is_there_twice_is_refused() -> None:
    outcomes = Here()(ECHO, [*given(2), Cell("cell-0", "9")])
    with pytest.raises(UserError, match="two cells have the key 'cell-0'"):
        list(outcomes)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda outcomes: list(outcomes)[1:], "ended without an answer to cell-0"),
        (lambda outcomes: [*outcomes, Done("cell-1", "1")], "answered the cell 'cell-1' twice"),
        (lambda outcomes: [Done("other", "1"), *outcomes], "answered the cell 'other' though nobody asked"),
        (lambda outcomes: [replace(done, result=None) for done in outcomes], "answered 'cell-0' with a result and a p"),
        (lambda outcomes: [replace(done, problem="no") for done in outcomes], "answered 'cell-0' with a result and a"),
    ],
)
def test_an_executor_that_answers_wrongly_is_found_out(spoilt, spoil, words: str) -> None:
    with pytest.raises(PluginError, match=words):
        list(spoilt(spoil, Here())(ECHO, given(3)))


def test_leaving_the_outcomes_closes_those_of_the_executor(spoilt) -> None:
    closed = []

    def noted(outcomes: Iterator[Done]) -> Iterator[Done]:
        try:
            yield from outcomes
        finally:
            closed.append(True)

    outcomes = spoilt(noted, Here())(ECHO, given(3))
    next(outcomes)
    outcomes.close()
    assert closed == [True]


@pytest.mark.parametrize(
    ("order", "problem"),
    [
        ({"do": "raise", "with": "no 7"}, "ValueError: no 7"),
        ({"do": "raise", "with": ""}, "ValueError"),
        ({"do": "exit", "with": 4}, "SystemExit: 4"),
        ({"do": "return", "with": None}, f"TypeError: {ACT} returned NoneType, not a string of JSON"),
    ],
)
def test_whatever_goes_wrong_in_a_cell_is_told_and_not_raised(order, problem: str) -> None:
    done = attempt(ACT, "a", json.dumps(order), "here")
    assert (done.key, done.result, done.problem, done.where, done.lost, done.tries) == (
        "a", None, problem, "here", False, 1,
    )  # fmt: skip
    assert "Traceback" in done.trace


@pytest.mark.parametrize(
    ("work", "problem"),
    [
        ("no_such_package:echo", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("qplug.testing.cells:no_such", "AttributeError: module 'qplug.testing.cells' has no attribute 'no_such'"),
    ],
)
def test_work_that_does_not_exist_is_told(work: str, problem: str) -> None:
    assert attempt(work, "a", "1").problem == problem


def test_ctrl_c_passes_through_a_cell(monkeypatch) -> None:
    def interrupted(spec: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("qplug.testing.cells.interrupted", interrupted, raising=False)
    with pytest.raises(KeyboardInterrupt):
        attempt("qplug.testing.cells:interrupted", "a", "1")


@pytest.mark.parametrize("wrong", [{"threads": 0}, {"gpus": -1}])
def test_needs_that_cannot_be_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(f"{name}={value}" for name, value in wrong.items())):
        Needs(**wrong)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda outcomes: (replace(done, result=done.result and done.result.strip('"')) for done in outcomes),
         "changed the result of 'text-0'"),
        (lambda outcomes: (replace(done, tries=3 if done.problem else 1) for done in outcomes),
         "tried a cell 3 times that failed"),
        (lambda outcomes: (replace(done, problem=done.problem and "failed") for done in outcomes),
         "tells 'failed', not 'ValueError: gone 42'"),
        (lambda outcomes: (replace(done, lost=False) for done in outcomes),
         "does not call a cell lost whose workers died"),
        (lambda outcomes: (replace(done, result='"1"' if done.result == '"2"' else done.result) for done in outcomes),
         'gave "1" threads to a cell that needs "2"'),
    ],
)  # fmt: skip
def test_the_check_finds_executors_that_break_their_promises(spoilt, spoil, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        check_executor(spoilt(spoil, Local(slots=1)), n_cells=1)


def test_plugins_announce_executors_like_any_other_kind(site) -> None:
    source = (
        "from qplug import Executor, ExecutorCapabilities, attempt\n"
        "class Part(Executor):\n"
        "    summary = 'elsewhere'\n"
        "    capabilities = ExecutorCapabilities(interface=1, machines='many')\n"
        "    def run(self, work, cells):\n"
        "        return (attempt(work, cell.key, cell.spec) for cell in cells)\n"
    )
    site.add(
        "qplug-elsewhere", {"qplug.executors": {"elsewhere": "elsewhere_plugin:Part"}}, {"elsewhere_plugin": source}
    )
    row = next(row for row in catalogue.entries("executor") if row.name == "elsewhere")
    assert (row.status, row.summary) == ("ready", "elsewhere")
    found = catalogue.load("executor", "elsewhere")
    assert [done.result for done in found()(ECHO, given(2))] == ["0", "1"]


def test_an_executor_is_not_taken_for_another_kind() -> None:
    with pytest.raises(PluginError, match="Local is not a Head but an Executor"):
        import_offered(Offer("head", "local", "qplug.lab.comparison.local:Local", "qplug", ""))
