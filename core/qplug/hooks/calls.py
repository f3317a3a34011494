"""Calls of hook plugins: each is checked when it is registered, told by itself, and put aside when it raises."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pluggy

from qplug.contract.errors import PluginError
from qplug.contract.hooks import HOOKS, CommandSpecifications, RunInfo, Specifications
from qplug.hooks.guard import guarded

_log = logging.getLogger("qplug")


class Hooks:
    """The hook plugins of one run. One that raises is put aside with a warning, and the run goes on.

    Who was told of the run's start is told of one end, ``run_ended`` or ``run_failed``, and nobody else is: also one
    that was put aside meanwhile, and also where telling was interrupted. Nothing that a plugin does reaches the run: it
    gets copies, and what belongs to the whole process (random state, threads, working directory and the rest, see
    ``qplug.hooks.guard``) is put back after each call.
    """

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager("qplug")
        self._manager.add_hookspecs(Specifications)
        self._told: set[tuple[str, str]] = set()
        self._aside: set[str] = set()
        self._begun: set[str] = set()

    @property
    def names(self) -> list[str]:
        """The names of the plugins that are still taking part."""
        found = [name for name, plugin in self._manager.list_name_plugin() if plugin is not None]
        return [name for name in found if name not in self._aside]

    def register(self, plugin: object, name: str) -> None:
        """Adds a plugin: a module or an object with functions marked ``@hookimpl``.

        Raises:
            PluginError: it implements no hook, or one with arguments that the hook does not have.
        """
        check_hooks(plugin)
        self._manager.register(plugin, name)

    def run_started(self, run: RunInfo) -> None:
        """Tells all plugins; see ``Specifications``."""
        for name in self.names:
            self._begun.add(name)  # first: who is interrupted while it hears of the start has heard of it
            self._call(name, "run_started", run=run)

    def epoch_ended(self, run: RunInfo, epoch: int, metrics: Mapping[str, float]) -> None:
        """Tells all plugins; see ``Specifications``."""
        for name in self.names:
            self._call(name, "epoch_ended", run=run, epoch=epoch, metrics=metrics)

    def run_ended(self, run: RunInfo, metrics: Mapping[str, Any]) -> None:
        """Tells all plugins; see ``Specifications``."""
        self._end("run_ended", run=run, metrics=metrics)

    def run_failed(self, run: RunInfo, reason: str) -> None:
        """Tells all plugins; see ``Specifications``."""
        self._end("run_failed", run=run, reason=reason)

    def _end(self, hook: str, **arguments: Any) -> None:
        for name in [name for name, _ in self._manager.list_name_plugin() if name in self._begun]:
            self._begun.remove(name)
            self._call(name, hook, **arguments)

    def _call(self, name: str, hook: str, **arguments: Any) -> None:
        # One plugin at a time: pluggy's joint call ends at the first one that raises.
        plugin = self._manager.get_plugin(name)
        others = [other for _, other in self._manager.list_name_plugin() if other is not plugin]
        caller = self._manager.subset_hook_caller(hook, others)
        if not caller.get_hookimpls():
            return
        try:
            with guarded(f"the hook plugin {name!r}", told=self._told):
                caller(**{key: copied(value) for key, value in arguments.items()})
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit in a hook must not end the run either
            self._put_aside(name, hook, error)

    def _put_aside(self, name: str, hook: str, error: BaseException) -> None:
        if name not in self._aside:
            self._aside.add(name)
            _log.warning(
                "the hook plugin %r raised %s in %s: %s. It is put aside, and the run goes on.",
                name, type(error).__name__, hook, in_words(error),
            )  # fmt: skip


def in_words(error: BaseException) -> str:
    """What an exception says, on one line."""
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


def made(plugin: object) -> object:
    """What is registered for one run: an object of an announced class, anything else itself.

    Raises:
        PluginError: an object of the class cannot be made without arguments.
    """
    if not inspect.isclass(plugin):
        return plugin
    try:
        made: object = plugin()
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"{plugin.__qualname__} cannot be made without arguments: {type(error).__name__}: {in_words(error)}"
        ) from error
    return made


def check_hooks(plugin: object) -> None:
    """Refuses what is no hook plugin.

    Raises:
        PluginError: it implements no hook, or one with arguments that the hook does not have.
    """
    if inspect.isclass(plugin):
        raise PluginError(f"{plugin.__qualname__} is a class; register an object of it")
    implemented = implemented_hooks(plugin)
    if not implemented & {*HOOKS}:
        elsewhere = "; commands are announced in the group qplug.commands" if implemented else ""
        raise PluginError(f"it implements none of the hooks ({', '.join(HOOKS)}) with @hookimpl{elsewhere}")


def implemented_hooks(plugin: object) -> set[str]:
    """The names of the hooks that a plugin implements, ``register_commands`` among them.

    Raises:
        PluginError: there is no such hook, or it has not those arguments.
    """
    manager = pluggy.PluginManager("qplug")
    for specifications in (Specifications, CommandSpecifications):
        manager.add_hookspecs(specifications)
    try:
        manager.register(plugin)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(" ".join(str(error).split())) from error
    return {caller.name for caller in manager.get_hookcallers(plugin) or ()}
