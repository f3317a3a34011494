"""Calls of hook plugins: each is checked when it is registered, told by itself, and put aside when it raises."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pluggy

from qplug.contract.errors import PluginError
from qplug.contract.hooks import HOOKS, RunInfo, Specifications
from qplug.hooks.guard import guarded

_log = logging.getLogger("qplug")


class Hooks:
    """The hook plugins of one run. One that raises is put aside with a warning, and the run goes on.

    Nothing that a plugin does reaches the run: it gets copies, and what belongs to the whole process (random state,
    threads, working directory and the rest, see ``qplug.hooks.guard``) is put back after each call.
    """

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager("qplug")
        self._manager.add_hookspecs(Specifications)
        self._told: set[tuple[str, str]] = set()

    @property
    def names(self) -> list[str]:
        """The names of the plugins that are still taking part."""
        return [name for name, plugin in self._manager.list_name_plugin() if plugin is not None]

    def register(self, plugin: object, name: str) -> None:
        """Adds a plugin: a module or an object with functions marked ``@hookimpl``.

        Raises:
            PluginError: it implements no hook, or one with arguments that the hook does not have.
        """
        check_hooks(plugin)
        self._manager.register(plugin, name)

    def run_started(self, run: RunInfo) -> None:
        """Tells all plugins; see ``Specifications``."""
        self._call("run_started", run=run)

    def epoch_ended(self, run: RunInfo, epoch: int, metrics: Mapping[str, float]) -> None:
        """Tells all plugins; see ``Specifications``."""
        self._call("epoch_ended", run=run, epoch=epoch, metrics=metrics)

    def run_ended(self, run: RunInfo, metrics: Mapping[str, Any]) -> None:
        """Tells all plugins; see ``Specifications``."""
        self._call("run_ended", run=run, metrics=metrics)

    def run_failed(self, run: RunInfo, reason: str) -> None:
        """Tells all plugins; see ``Specifications``."""
        self._call("run_failed", run=run, reason=reason)

    def _call(self, hook: str, **arguments: Any) -> None:
        # One plugin at a time: pluggy's joint call ends at the first one that raises.
        plugins = self._manager.list_name_plugin()
        for name, plugin in plugins:
            others = [other for _, other in plugins if other is not plugin]
            caller = self._manager.subset_hook_caller(hook, others)
            if caller.get_hookimpls():
                self._call_one(name, hook, caller, {key: copied(value) for key, value in arguments.items()})

    def _call_one(self, name: str, hook: str, caller: Any, arguments: dict[str, Any]) -> None:
        try:
            with guarded(f"the hook plugin {name!r}", told=self._told):
                caller(**arguments)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit in a hook must not end the run either
            self._manager.unregister(name=name)
            _log.warning(
                "the hook plugin %r raised %s in %s: %s. It is put aside, and the run goes on.",
                name, type(error).__name__, hook, _words(error),
            )  # fmt: skip


def _words(error: BaseException) -> str:
    try:
        text = " ".join(str(error).split())
    except Exception as worse:  # a plugin's exception may fail at being told
        return f"(its text cannot be had: {type(worse).__name__})"
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


class _ReadOnly(dict[str, Any]):
    """A dictionary, so that JSON and the like take it, that refuses to be changed."""

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise TypeError("what a hook is given cannot be changed; make a copy with dict(...)")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse


def copied(value: Any) -> Any:
    """A copy that shares nothing with the original and refuses to be changed: mappings, lists and dataclasses in it."""
    if isinstance(value, Mapping):
        return _ReadOnly({key: copied(entry) for key, entry in value.items()})
    if isinstance(value, list | tuple):
        return tuple(copied(entry) for entry in value)
    if isinstance(value, RunInfo):
        return replace(value, config=copied(value.config))
    return value


def check_hooks(plugin: object) -> None:
    """Refuses what is no hook plugin.

    Raises:
        PluginError: it implements no hook, or one with arguments that the hook does not have; or it is a class.
    """
    if inspect.isclass(plugin):
        raise PluginError(f"{plugin.__qualname__} is a class; announce a module or an instance")
    manager = pluggy.PluginManager("qplug")
    manager.add_hookspecs(Specifications)
    try:
        manager.register(plugin)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(" ".join(str(error).split())) from error
    if not manager.get_hookcallers(plugin):
        raise PluginError(f"it implements none of the hooks ({', '.join(HOOKS)}) with @hookimpl")
