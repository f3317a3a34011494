"""From the words of a command to its executor, and what workers are told of their place."""

from __future__ import annotations

import platform
from dataclasses import replace
from pathlib import Path

import pytest

from qplug.contract.errors import ConfigError, UnknownName, UserError
from qplug.contract.interfaces import ExecutorCapabilities
from qplug.lab.comparison.cell_work import Spec, carry_out, cell_of, told_of_workplace, workplace_there
from qplug.lab.comparison.executors import executor_of, executor_settings
from qplug.lab.comparison.local import Local
from qplug.lab.config.resolve import resolve
from qplug.lab.config.toml import to_layer
from qplug.lab.runner.workplace import Workplace
from qplug_cli.commands import resume as resuming
from qplug_cli.commands import run as running

PLACE = replace(Workplace.from_environment(), threads=8, disabled=())

ELSEWHERE = """
    from qplug.contract.interfaces import Executor, ExecutorCapabilities

    class Part(Executor):
        summary = "other machines"
        capabilities = ExecutorCapabilities(interface=1, machines="many")

        def __init__(self, *, size: int = 1) -> None:
            self.size = size

        def run(self, work, cells):
            return iter(())
"""


@pytest.mark.parametrize("jobs", [None, 1])
def test_one_cell_after_the_other_needs_no_executor(jobs: int | None) -> None:
    assert executor_of(None, jobs, None, PLACE) is None


@pytest.mark.parametrize(
    ("asked", "made"),
    [
        ((None, 2, None, {}), (2, 4, 1)),
        (("local", 1, None, {}), (1, 8, 1)),
        (("local", None, None, {}), (None, None, 1)),
        ((None, None, 3, {}), (None, None, 3)),
        ((None, 16, 2, {}), (16, 1, 2)),
        ((None, 2, None, {"threads": "3", "slots": "9"}), (2, 3, 1)),
        ((None, None, None, {"slots": "9"}), (9, None, 1)),
    ],
)
def test_what_a_command_says_sets_its_executor(asked, made) -> None:
    name, jobs, per_gpu, settings = asked
    found = executor_of(name, jobs, per_gpu, PLACE, settings)
    assert isinstance(found, Local)
    assert (found.slots, found.threads, found.per_gpu) == made


@pytest.mark.parametrize(
    ("name", "settings", "kind", "words"),
    [
        ("lokal", {}, UnknownName, "'lokal'.*Did you mean 'local'"),
        ("local", {"slot": "2"}, UserError, "'slot'.*Did you mean 'slots'"),
        ("local", {"slots": "none at all"}, UserError, "none at all"),
        ("local", {"slots": "0"}, UserError, "slots.*0"),
    ],
)
def test_an_executor_that_cannot_be_is_refused(name: str, settings, kind, words: str) -> None:
    with pytest.raises(kind, match=words):
        executor_of(name, None, None, PLACE, settings)


@pytest.mark.parametrize(
    ("jobs", "per_gpu", "option", "parameter"), [(2, None, "--jobs", "slots"), (None, 2, "--per-gpu", "per_gpu")]
)
def test_an_option_that_an_executor_cannot_heed_is_refused(site, jobs, per_gpu, option, parameter) -> None:
    site.add("qplug-far", {"qplug.executors": {"far": "far_plugin:Part"}}, {"far_plugin": ELSEWHERE})
    with pytest.raises(UserError, match=f"'far' has no parameter '{parameter}', so leave out {option}"):
        executor_of("far", jobs, per_gpu, PLACE)
    assert executor_of("far", None, None, PLACE, {"size": "7"}).size == 7


def test_settings_of_the_executor_are_told_from_those_of_runs() -> None:
    given = ["executor.slots=4", "head.n_layers=3", " executor.address = host:1=2 "]
    assert executor_settings(given) == ({"slots": "4", "address": "host:1=2"}, ["head.n_layers=3"])


@pytest.mark.parametrize("wrong", ["executor.slots", "executor.=4"])
def test_settings_of_the_executor_that_say_nothing_are_refused(wrong: str) -> None:
    with pytest.raises(ConfigError, match=f"'{wrong}' must look like executor.PARAM=VALUE"):
        executor_settings([wrong])


# The commands


@pytest.mark.parametrize(
    ("options", "words"),
    [({"executor": "ray"}, "--executor ray is for many runs"), ({"per_gpu": 2}, "--per-gpu"),
     ({"assignments": ["executor.slots=2"]}, "executor")],
)  # fmt: skip
def test_one_run_is_carried_out_here_and_says_so(options, words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"{words}.*--seed 0-9"):
        running.run(dataset="digits", backbone="identity", head=["linear"], out=tmp_path, **options)
    assert not list(tmp_path.iterdir())


def test_the_executor_of_a_set_is_named_and_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"slots.*0"):
        running.run(dataset="digits", head=["linear"], seed="0-1", out=tmp_path, assignments=["executor.slots=0"])
    assert not list(tmp_path.iterdir())


def test_resuming_changes_the_executor_and_nothing_else(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--set head.n_layers=3: settings of what was begun cannot be changed"):
        resuming.resume(tmp_path, assignments=["head.n_layers=3"])
    with pytest.raises(UserError, match=f"{tmp_path} is not a set of many runs"):
        resuming.resume(tmp_path, jobs=2)


# What workers are told


def told(machines: str, place: Workplace) -> dict[str, object]:
    executor = Local()
    executor.capabilities = ExecutorCapabilities(interface=1, machines=machines)  # type: ignore[misc, arg-type]
    return told_of_workplace(place, executor)


def test_on_this_machine_workers_are_told_the_whole_workplace(tmp_path: Path) -> None:
    place = replace(PLACE, cache=tmp_path / "cache", data=tmp_path / "data", data_dir=tmp_path / "gone", figures=False)
    assert workplace_there(told("one", place)) == replace(place, workers=1)


def test_on_other_machines_caches_and_data_are_where_that_machine_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = replace(PLACE, cache=tmp_path / "mine", data=tmp_path / "mine", data_dir=tmp_path, figures=False)
    monkeypatch.setenv("QPLUG_CACHE", str(tmp_path / "theirs"))
    monkeypatch.setenv("QPLUG_DATA", str(tmp_path / "there"))
    found = workplace_there(told("many", here))
    assert (found.cache, found.data) == (tmp_path / "theirs", tmp_path / "there")
    assert (found.figures, found.workers, found.data_dir) == (False, 1, tmp_path)
    gone = replace(here, data_dir=tmp_path / "only-here")
    assert workplace_there(told("many", gone)).data_dir is None


def test_a_run_of_a_set_whose_folder_is_not_shared_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    settings = to_layer(resolve([{"dataset": {"name": "digits"}, "head": {"name": "linear"}, "device": "cpu"}]))
    folder = tmp_path / "20260101-set" / "cells" / "a"
    cell = cell_of("a", Spec(settings | {"threads": 1}, str(folder), told("many", PLACE)))
    words = f"the set's folder {folder.parent.parent} is not on the machine {platform.node()}"
    with pytest.raises(UserError, match=words):
        carry_out(cell.spec)
    assert not list(tmp_path.iterdir())
