"""Hooks: every plugin is told, and one that fails is put aside."""

import logging
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from qplug.contract.errors import PluginError
from qplug.contract.hooks import HOOKS, RunInfo, Specifications, hookimpl
from qplug.hooks import Hooks

RUN = RunInfo(directory=Path("runs/one"), config={}, dataset="chirps", head="mlp", backend="", seed=0)


class Diary:
    """Writes down what it is told; it leaves out arguments that it does not need."""

    def __init__(self) -> None:
        self.lines: list[Any] = []

    @hookimpl
    def run_started(self, run: RunInfo) -> None:
        self.lines.append(("started", run.dataset))

    @hookimpl
    def epoch_ended(self, epoch: int, metrics: dict[str, float]) -> None:
        self.lines.append((epoch, metrics["loss"]))

    @hookimpl
    def run_ended(self, metrics: dict[str, Any]) -> None:
        self.lines.append(("ended", metrics["test"]))


class Quitter:
    @hookimpl
    def epoch_ended(self, epoch: int) -> None:
        raise SystemExit(f"enough after {epoch}")


def life(hooks: Hooks) -> None:
    hooks.run_started(RUN)
    for epoch in (1, 2):
        hooks.epoch_ended(RUN, epoch, {"loss": 1 / epoch})
    hooks.run_ended(RUN, {"test": 0.9})


def test_a_plugin_is_told_the_life_of_a_run_in_order() -> None:
    diary, hooks = Diary(), Hooks()
    hooks.register(diary, "diary")
    life(hooks)
    assert diary.lines == [("started", "chirps"), (1, 1.0), (2, 0.5), ("ended", 0.9)]


def test_a_plugin_that_raises_is_put_aside_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    first, last, hooks = Diary(), Diary(), Hooks()
    for name, plugin in (("first", first), ("quitter", Quitter()), ("last", last)):
        hooks.register(plugin, name)
    with caplog.at_level(logging.WARNING, "qplug"):
        life(hooks)
    assert first.lines == last.lines
    assert len(first.lines) == 4
    assert hooks.names == ["first", "last"]
    assert [record.getMessage() for record in caplog.records] == [
        "the hook plugin 'quitter' raised SystemExit in epoch_ended: enough after 1. It is put aside, and the run "
        "goes on."
    ]


def test_an_interruption_by_the_user_is_no_fault_of_a_plugin() -> None:
    class Interrupted:
        @hookimpl
        def run_started(self) -> None:
            raise KeyboardInterrupt

    hooks = Hooks()
    hooks.register(Interrupted(), "interrupted")
    with pytest.raises(KeyboardInterrupt):
        hooks.run_started(RUN)


def test_a_module_can_be_a_plugin() -> None:
    module, hooks = ModuleType("diary"), Hooks()
    diary = Diary()
    module.run_started = diary.run_started  # type: ignore[attr-defined]
    hooks.register(module, "module")
    hooks.run_started(RUN)
    assert diary.lines == [("started", "chirps")]


class Wrong:
    @hookimpl
    def run_started(self, weather: str) -> None: ...


class Elsewhere:
    @hookimpl
    def sun_rose(self) -> None: ...


@pytest.mark.parametrize(
    ("plugin", "message"),
    [
        (object(), r"implements none of the hooks \(run_started, epoch_ended, run_ended, run_failed\)"),
        (Diary, "Diary is a class"),
        (Wrong(), "'weather'"),
        (Elsewhere(), "unknown hook 'sun_rose'"),
    ],
)
def test_what_is_no_hook_plugin_is_refused(plugin: object, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        Hooks().register(plugin, "plugin")


def test_all_specified_hooks_are_named_and_can_be_called() -> None:
    specified = [name for name in vars(Specifications) if not name.startswith("_")]
    assert tuple(specified) == HOOKS
    assert all(callable(getattr(Hooks, name)) for name in HOOKS)
