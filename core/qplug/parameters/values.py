"""The values that the user gave, checked, converted and put into a component."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from qplug.contract.errors import ParameterError, PluginError, QplugError, UnknownName
from qplug.parameters.annotation import adapter, admits, is_list, leaves, options_of
from qplug.parameters.constructor import describe
from qplug.parameters.lists import list_entries
from qplug.parameters.parameter import PRESET, Parameter, plain, value_text

RUN = "run"
"""Stands for kind and name in errors about the options of a run itself, which have flags of their own."""

_Any = TypeVar("_Any")


def create(component_class: type[_Any], values: Mapping[str, Any], what: str) -> _Any:
    """An instance with ``values`` validated and converted, and the defaults for the rest.

    Args:
        component_class: a component's class, or a pydantic model.
        values: what the user gave; strings are converted to the annotated types (``"3"`` to 3, ``"true"``,
            ``"none"``, ``"1,2,3"`` to a list). ``preset`` stands for the parameters of that preset.
        what: kind and name for error messages, such as ``"head pennylane-pqc"``.

    Raises:
        UnknownName: a parameter or preset that does not exist, with near ones.
        ParameterError: a value of the wrong type or out of range, with what is allowed and how to set it.
        PluginError: the constructor raised.
    """
    checked = validated(component_class, values, what)
    try:
        return component_class(**checked)
    except QplugError:
        raise
    except Exception as error:
        raise PluginError(
            f"the constructor of {what} ({component_class.__module__}.{component_class.__qualname__}) raised "
            f"{type(error).__name__}: {error}. A constructor only stores its parameters; report this to its author."
        ) from error


def resolved(component_class: type, values: Mapping[str, Any], what: str | None = None) -> dict[str, Any]:
    """Every parameter with its value, defaults filled in, as plain TOML values, from which ``create`` makes the same.

    TOML knows no None: a parameter whose default is None is then left out, and any other says ``"none"``.

    Args:
        component_class: a component's class, or a pydantic model.
        values: what the user gave.
        what: kind and name for error messages; by default kind and class.

    Raises:
        UnknownName: see ``create``.
        ParameterError: see ``create``.
    """
    checked = validated(component_class, values, what or _name_of(component_class))
    defaults = {parameter.name: parameter.default for parameter in describe(component_class)}
    written = {name: plain(value) for name, value in (defaults | checked).items()}
    return {
        name: "none" if value is None else value
        for name, value in written.items()
        if value is not None or defaults[name] is not None
    }


def validated(component_class: type, values: Mapping[str, Any], what: str) -> dict[str, Any]:
    """The given ``values``, each converted to its parameter's type and found in range.

    Raises:
        UnknownName: see ``create``.
        ParameterError: see ``create``.
    """
    known = {parameter.name: parameter for parameter in describe(component_class)}
    values = expanded(component_class, values, what)
    for name in values:
        if name not in known:
            there = f"Its parameters: {', '.join(known)}." if known else "It has no parameters."
            raise UnknownName.of(f"parameter of {what}", name, known, advice=there)
    return {name: convert(known[name], value, what) for name, value in values.items()}


def given(component_class: type, values: dict[str, Any]) -> dict[str, Any]:
    """``validated`` for what a component is given in Python; as it is where its constructor breaks the rules.

    Raises:
        UnknownName: see ``create``.
        ParameterError: see ``create``.
    """
    try:
        describe(component_class)
    except PluginError:
        return values  # no configuration can make it
    return validated(component_class, values, _name_of(component_class))


def expanded(component_class: type, values: Mapping[str, Any], what: str) -> dict[str, Any]:
    """The given ``values``, with ``preset`` replaced by the parameters that it stands for and ``values`` do not set.

    Raises:
        UnknownName: the component has no such preset, with near ones.
    """
    presets: Mapping[str, Mapping[str, object]] | None = getattr(component_class, "presets", None)
    if PRESET not in values or presets is None:
        return dict(values)
    name = str(values[PRESET])
    if name not in presets:
        there = f"Its presets: {', '.join(presets)}." if presets else "It has no presets."
        raise UnknownName.of(f"preset of {what}", name, presets, advice=there)
    return {**presets[name], **{key: value for key, value in values.items() if key != PRESET}}


def convert(parameter: Parameter, value: Any, what: str) -> Any:
    """One value converted to its parameter's type.

    Raises:
        ParameterError: wrong type or out of range; the message names the parameter, the value and what is allowed.
    """
    read = _read_text(parameter.annotation, value) if isinstance(value, str) else value
    try:
        # Truth values are numbers to Python and pydantic; to a person ``n_layers = true`` is a slip.
        if isinstance(read, bool) and not admits(parameter.annotation, bool):
            raise ParameterError(_refusal(parameter, value, what, ""))
        return adapter(parameter.annotation).validate_python(read)
    except ValidationError as error:
        raise ParameterError(_refusal(parameter, value, what, _own_words(error))) from None


def _read_text(annotation: Any, text: str) -> Any:
    """The value that ``text`` stands for, as far as pydantic does not see it by itself."""
    kinds = list(leaves(annotation))
    for option in (option for leaf in kinds for option in options_of(leaf)):
        if value_text(option) == text:
            return option
    if text.lower() in ("none", "null") and type(None) in kinds:
        return None
    if any(is_list(leaf) for leaf in kinds) and str not in kinds:
        return list_entries(text)
    return text


def _refusal(parameter: Parameter, value: Any, what: str, words: str) -> str:
    example = parameter.default_text
    meaning = f" ({parameter.description})" if parameter.description else ""
    because = f": {words}" if words else ""
    return (
        f"{what}: {parameter.name}{meaning} must be {parameter.allowed}; got {value!r}{because}. "
        f"Set it with {_way(parameter, what)}; its default is {example}."
    )


def _way(parameter: Parameter, what: str) -> str:
    if what != RUN:
        return f"--set {what.split()[0]}.{parameter.name}=VALUE"
    value = "" if admits(parameter.annotation, bool) else " VALUE"
    return f"--{parameter.name.replace('_', '-')}{value}"


def _own_words(error: ValidationError) -> str:
    """What a plugin's own validator said; pydantic's own sentences repeat type and range, which stand there already."""
    first = error.errors()[0]
    return first["msg"].removeprefix("Value error, ") if first["type"] in ("value_error", "assertion_error") else ""


def _name_of(component_class: type) -> str:
    return f"{getattr(component_class, 'kind', 'component')} {component_class.__name__}"
