"""Commands and groups whose help is as plain as what people type."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from typer.core import TyperCommand, TyperGroup

from qplug_cli import completion

_NO_BRACES = str.maketrans("", "", "{}")


class _TextAsItIs:
    """Gives a parameter that was left out, or that is a plain text, its value: Typer loads pydantic for these too."""

    def __init__(self, parameter: Any) -> None:
        self._in_full = parameter.get_runtime_param

    def __call__(self) -> _TextAsItIs:
        return self

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value as the command's function takes it."""
        many = param.multiple or param.nargs == -1
        if value is None:
            return () if many else None
        if isinstance(value, str) and not many and param.type_descriptor.annotation is str:
            return value
        return self._in_full().coerce(value, param=param, ctx=ctx)


class PlainCommand(TyperCommand):
    """A command whose flags have no type: ``--json``, not ``--json <bool>``."""

    def get_params(self, ctx: Any) -> list[Any]:
        """All arguments and options, ``--help`` included."""
        return _plain(super().get_params(ctx))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The words behind the command's name, ``RUN FILE...`` rather than ``{RUN} {FILE}...``."""
        return [piece.translate(_NO_BRACES) for piece in super().collect_usage_pieces(ctx)]


class PlainGroup(TyperGroup):
    """The same for a group of commands; a name that it does not have is answered with near ones."""

    def get_params(self, ctx: Any) -> list[Any]:
        """All arguments and options, ``--help`` included."""
        return _plain(super().get_params(ctx))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is asked for; near ones come from ``list_commands``, for which none is imported."""
        try:
            return super().resolve_command(ctx, args)
        except Exception as error:
            near = get_close_matches(args[0], self.list_commands(ctx), n=2, cutoff=0.5) if args else []
            if near and hasattr(error, "message"):
                error.message = f"No such command {args[0]!r}. Did you mean {' or '.join(map(repr, near))}?"
            raise


def _plain(parameters: list[Any]) -> list[Any]:
    for parameter in parameters:
        if hasattr(parameter, "get_runtime_param") and not isinstance(parameter.get_runtime_param, _TextAsItIs):
            parameter.get_runtime_param = _TextAsItIs(parameter)
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""
    return completion.completed(parameters) if completion.is_asked() else parameters
