"""Commands that plugins add: their hook is called, and the one command is taken that was announced."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pluggy

from qplug.contract.errors import PluginError
from qplug.contract.hooks import CommandSpecifications
from qplug.hooks.calls import implemented_hooks, in_words, made
from qplug.hooks.guard import guarded

if TYPE_CHECKING:
    from typer.core import TyperCommand, TyperGroup


def command_of(plugin: object, name: str) -> TyperCommand | TyperGroup:
    """The command, or group of commands, that a plugin registers under ``name``.

    Args:
        plugin: the module or class that was announced.
        name: the word that a user types.

    Raises:
        PluginError: it does not implement ``register_commands``, its hook raises, what it registers cannot be made a
            command, or nothing of it has that name.
    """
    instance = made(plugin)
    if "register_commands" not in implemented_hooks(instance):
        raise PluginError("it does not implement the hook register_commands with @hookimpl")
    try:
        with guarded(f"the plugin of the command {name!r}"):
            group = _registered(instance)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit in a hook must not end the program either
        raise PluginError(f"its hook register_commands raised {type(error).__name__}: {in_words(error)}") from error
    if name not in group.commands:
        names = ", ".join(map(repr, sorted(group.commands))) or "none"
        raise PluginError(f"its hook register_commands registers no command {name!r}; those that it registers: {names}")
    return cast("TyperCommand | TyperGroup", group.commands[name])


def _registered(plugin: object) -> TyperGroup:
    """All that the plugin's hook registers."""
    import typer

    app = typer.Typer(add_completion=False, rich_markup_mode="markdown")
    manager = pluggy.PluginManager("qplug")
    manager.add_hookspecs(CommandSpecifications)
    manager.register(plugin)
    manager.hook.register_commands(app=app)
    return typer.main.get_group(app)
