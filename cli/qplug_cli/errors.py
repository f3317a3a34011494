"""From an exception to a line on stderr and an exit code: 2 the user's mistake, 1 a failure, 128 + signal."""

from __future__ import annotations

import os
import sys
import traceback

import typer

from qplug.contract.addresses import redacted
from qplug.contract.errors import NotInstalled, PluginError, QplugError, signal_of
from qplug.lab.stopping import by
from qplug_cli.visible import visible

PAGE = "docs/reference/errors.md"
"""Where each class of errors stands with its cures; the documentation has no address yet."""


def explain(error: BaseException) -> int:
    """Writes what went wrong to stderr, without a traceback unless ``QPLUG_DEBUG`` is set, and gives the exit code."""
    if os.environ.get("QPLUG_DEBUG"):
        traceback.print_exception(error)
    match error:
        case QplugError():
            _say(str(error))
            _point(error)
            return error.exit_code
        case KeyboardInterrupt() | typer.Abort():
            _say(f"stopped{by(error)}.")
            return 128 + signal_of(error)
        case ModuleNotFoundError() if not (error.name or "qplug").startswith("qplug"):
            _say(f"this needs the module {error.name!r}, which is not installed. Install it: {_install_all()}")
            return NotInstalled.exit_code
        case BrokenPipeError():
            return _hush()
        case typer.Exit():
            return error.exit_code
        case _ if (told := _of_a_part(error)) is not None:
            _say(told)
            return PluginError.exit_code
        case SystemExit() if _last_module(error).partition(".")[0] == "rich":
            return _hush()  # who read the help has gone
        case SystemExit():
            _ended_by_a_plugin(error)
            return 1
        case _ if hasattr(error, "format_message"):
            return _usage(error)
        case _:
            _unexpected(error)
            return 1


def page_of(error: BaseException) -> str:
    """Where the documentation has the cures of an error's kind; empty for what is none of qplug's errors."""
    known = (kind for kind in type(error).__mro__ if kind.__module__ == QplugError.__module__)
    kind = next((kind for kind in known if issubclass(kind, QplugError)), None)
    return f"{PAGE}#{kind.__name__.lower()}" if kind else ""


def _point(error: BaseException) -> None:
    """Names the page for a person; what programs and logs get stays one line."""
    if sys.stderr.isatty():
        sys.stderr.write(f"More: {page_of(error)}\n")


def _of_a_part(error: BaseException) -> str | None:
    """What is told of an exception that was raised in a component's own code; None if it was not."""
    if hasattr(error, "format_message"):
        return None
    from qplug.catalogue.blame import blamed, fault, suspected  # help needs none of it

    told = fault(error, blamed(error, suspected(error)), "the command ran")
    return None if told is error else str(told)


def _install_all() -> str:
    from qplug.installation import install  # help needs none of it

    return install("all")


def _say(text: str) -> None:
    label = "\x1b[1;31mqplug:\x1b[0m" if _colours() else "qplug:"
    sys.stderr.write(f"{label} {visible(redacted(text))}\n")


def _colours() -> bool:
    return sys.stderr.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def _usage(error: BaseException) -> int:
    """A mistake in the command line itself, as Typer tells it."""
    context = getattr(error, "ctx", None)
    message = error.format_message()  # type: ignore[attr-defined]
    path = getattr(context, "command_path", "qplug")
    if message:
        # What Typer's checks say of a value comes with pydantic's own opening words.
        told = message.replace("Value error, ", "").rstrip(".")
        _say(f"{told}{'' if told.endswith('?') else '.'} Usage: {path} --help")
    return int(getattr(error, "exit_code", 2))


def _hush() -> int:
    """Who read our output has gone (``qplug list | head``): say nothing, also when the interpreter shuts down."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def _ended_by_a_plugin(error: SystemExit) -> None:
    """Nothing of qplug ends the program by itself; the module that did stands last in the traceback."""
    _say(
        f"the module {_last_module(error)!r} tried to end the program (SystemExit: {error.code}), which is a fault of "
        "the plugin that it belongs to. Everything else works without it: --no-plugin NAME. All plugins: qplug list"
    )


def _last_module(error: BaseException) -> str:
    """The module that raised an exception."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return str(frames[-1].f_globals.get("__name__", "a plugin")) if frames else "a plugin"


def _unexpected(error: BaseException) -> None:
    words = " ".join(str(error).split())
    told = f"{type(error).__name__}: {words}" if words else type(error).__name__
    _say(
        f"something went wrong that is not your mistake ({told}). Nothing can be said about its cause here; to report "
        "it, send what the same command prints with QPLUG_DEBUG=1 set, and the output of: qplug doctor --json"
    )
