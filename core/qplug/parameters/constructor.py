"""The parameters of a component, read from its constructor."""

from __future__ import annotations

import functools
import inspect
import sys
import types
import typing
from dataclasses import fields, is_dataclass
from typing import Annotated, Any

from pydantic import BaseModel
from pydantic.errors import PydanticUserError

from qplug.contract.errors import PluginError
from qplug.parameters.annotation import adapter, description, range_text, type_text
from qplug.parameters.parameter import PRESET, Parameter


def describe(component_class: type) -> list[Parameter]:
    """The parameters of a component (or a pydantic model), in the order of its constructor.

    Raises:
        PluginError: the constructor breaks the rules: ``*args`` or ``**kwargs``, a parameter that is not
            keyword-only, has no annotation or no default, or whose annotation cannot be resolved or validated.
    """
    return list(_parameters_of(component_class))


@functools.cache  # classes are few and live long; their constructors do not change
def _parameters_of(component_class: type) -> tuple[Parameter, ...]:
    if issubclass(component_class, BaseModel):
        return tuple(
            _parameter(component_class, name, Annotated[field.annotation, field], field.default)
            for name, field in component_class.model_fields.items()
        )
    constructor = _constructor(component_class)
    if constructor is object.__init__:
        return ()
    hints = _hints(component_class)
    signature = list(inspect.signature(constructor).parameters.values())[1:]
    for argument in signature:
        _refuse_argument(component_class, argument, annotated=argument.name in hints)
    return tuple(_parameter(component_class, entry.name, hints[entry.name], entry.default) for entry in signature)


def _constructor(component_class: type) -> Any:
    return getattr(component_class, "__init__")  # noqa: B009 - read as a plain function, not called on an instance


def _hints(component_class: type) -> dict[str, Any]:
    owner = next(each for each in component_class.__mro__ if "__init__" in vars(each))
    try:
        if is_dataclass(owner):
            return _field_hints(owner)
        return typing.get_type_hints(_constructor(component_class), include_extras=True)
    except Exception as error:
        raise PluginError(
            f"the annotations of {component_class.__qualname__}'s constructor cannot be resolved: {error}. "
            "Import the names they use at run time, not under TYPE_CHECKING"
        ) from error


def _field_hints(component_class: type) -> dict[str, Any]:
    """The annotations of a dataclass's fields, each resolved where the class that declares it stands."""
    taken = {field.name for field in fields(component_class) if field.init}
    hints: dict[str, Any] = {}
    for each in reversed(component_class.__mro__):
        own = {name: text for name, text in vars(each).get("__annotations__", {}).items() if name in taken}
        namespace = vars(sys.modules[each.__module__])
        declared = types.SimpleNamespace(__annotations__=own)
        hints |= typing.get_type_hints(declared, globalns=namespace, include_extras=True)
    return hints


def _refuse_argument(component_class: type, argument: inspect.Parameter, *, annotated: bool) -> None:
    if argument.kind is not inspect.Parameter.KEYWORD_ONLY:
        stars = {inspect.Parameter.VAR_POSITIONAL.name: "*", inspect.Parameter.VAR_KEYWORD.name: "**"}
        star = stars.get(argument.kind.name)
        fault = f"takes {star}{argument.name}" if star else f"takes {argument.name!r} by position"
    elif not annotated:
        fault = f"has no annotation for {argument.name!r}"
    elif argument.default is inspect.Parameter.empty:
        fault = f"has no default for {argument.name!r}"
    elif argument.name == PRESET:
        fault = f"calls a parameter {PRESET!r}, the word with which users take one of a component's presets"
    else:
        return
    raise PluginError(
        f"the constructor of {component_class.__qualname__} {fault}; parameters are keyword-only, annotated, "
        "each with a default"
    )


def _parameter(component_class: type, name: str, annotation: Any, default: Any) -> Parameter:
    try:
        adapter(annotation)
    except (PydanticUserError, TypeError, NameError) as error:
        raise PluginError(
            f"the annotation of {component_class.__qualname__}'s parameter {name!r} cannot be validated: {error}"
        ) from error
    return Parameter(name, type_text(annotation), default, range_text(annotation), description(annotation), annotation)
