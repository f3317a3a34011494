"""What a class must be before it is let in."""

from __future__ import annotations

from typing import Any

from qplug.contract import interfaces
from qplug.contract.errors import ParameterError, PluginError
from qplug.contract.interfaces import INTERFACE, Capabilities, Component

_INTERFACES: dict[str, tuple[type[Component], type[Capabilities]]] = {
    "dataset": (interfaces.Dataset, interfaces.DatasetCapabilities),
    "features": (interfaces.FeatureExtractor, interfaces.FeatureCapabilities),
    "backbone": (interfaces.Backbone, interfaces.BackboneCapabilities),
    "reducer": (interfaces.Reducer, interfaces.ReducerCapabilities),
    "head": (interfaces.Head, interfaces.HeadCapabilities),
    "backend": (interfaces.Backend, interfaces.BackendCapabilities),
    "executor": (interfaces.Executor, interfaces.ExecutorCapabilities),
}


def check(kind: str, found: Any, name: str = "") -> None:
    """Refuses what is not a component (or has not the hooks) of ``kind`` for this version of the interfaces.

    Args:
        kind: one of ``GROUPS``.
        found: what was announced.
        name: the name under which it was announced, which a command must have.

    Raises:
        PluginError: with the reason alone, such as ``"Foo is not a Head"``; the caller says whose it is.
    """
    if kind == "hook":
        from qplug.hooks import check_hooks, made

        check_hooks(made(found))
        return
    if kind == "peer":
        return  # the bench knows what it is
    if kind == "command":
        from qplug.hooks import command_of

        command_of(found, name)
        return
    base, declared = _INTERFACES[kind]
    if not isinstance(found, type):
        raise PluginError(f"{found!r} is not a class; announce the component's class")
    _check_interface(found)
    if not issubclass(found, base):
        is_a = next((each.__name__ for each, _ in _INTERFACES.values() if issubclass(found, each)), None)
        raise PluginError(f"{found.__qualname__} is not {_a(base.__name__)}" + (f" but {_a(is_a)}" if is_a else ""))
    missing = sorted(getattr(found, "__abstractmethods__", ()))
    if missing:
        raise PluginError(f"{found.__qualname__} is unfinished: it lacks {', '.join(missing)}")
    if not isinstance(found.capabilities, declared):
        raise PluginError(
            f"{found.__qualname__}.capabilities is a {type(found.capabilities).__name__}, not {declared.__name__}"
        )
    _check_constructor(found)


def _a(name: str) -> str:
    return f"{'an' if name.startswith(tuple('AEIO')) else 'a'} {name}"


def _check_interface(found: type) -> None:
    capabilities = getattr(found, "capabilities", None)
    if capabilities is None:
        raise PluginError(f"{found.__qualname__} declares no capabilities")
    version = getattr(capabilities, "interface", None)
    if version != INTERFACE:
        whose = "qplug" if isinstance(version, int) and version > INTERFACE else "the plugin"
        raise PluginError(
            f"{found.__qualname__} was written for interface version {version}, and this qplug has {INTERFACE}; "
            f"upgrade {whose}"
        )


def _check_constructor(found: type[Component]) -> None:
    from qplug import parameters

    described = parameters.describe(found)
    try:
        parameters.validated(found, {entry.name: entry.default for entry in described}, found.kind)
    except ParameterError as error:
        raise PluginError(f"a default of {found.__qualname__} is not allowed by its own annotation: {error}") from error
