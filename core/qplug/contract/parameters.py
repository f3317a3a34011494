"""A component's parameters: read from its constructor, shown to people, and filled with what the user gave.

A parameter is a keyword-only constructor argument with a default and an annotation, best written as
``Annotated[int, Field(ge=1, le=24, description="…")]``. Nothing else is needed for ``--set head.n_layers=3``.
The same functions read a pydantic model, so that options and components are set and refused alike.

Beside its parameters, a component with ``presets`` takes the key ``preset``, which stands for one of these sets.
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
import typing
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo

from qplug.contract.errors import ParameterError, PluginError, QplugError, UnknownName
from qplug.contract.lists import list_entries, list_text

if TYPE_CHECKING:
    from qplug.contract.interfaces import Component

PRESET = "preset"
"""The key that names a preset; no parameter is called so."""

RUN = "run"
"""Stands for kind and name in errors about the options of a run itself, which have flags of their own."""

_Any = TypeVar("_Any")
_SCALARS = {int: "integer", float: "number", bool: "true or false", str: "text", Path: "path"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a person needs to know about one parameter.

    Attributes:
        name: as in ``--set kind.name=value``.
        type: in words, such as ``"integer"`` or ``"one of 'x', 'y', 'z'"``.
        default: what it is if nobody sets it.
        range: the values allowed, such as ``"[1, 24]"``; empty if every value of the type is.
        description: what it means, from its annotation.
        annotation: the Python annotation behind the words.
    """

    name: str
    type: str
    default: Any
    range: str
    description: str
    annotation: Any

    @property
    def allowed(self) -> str:
        """Type and range in words, such as ``"an integer in [1, 24]"``."""
        article = {"integer": "an integer", "number": "a number", "path": "a path"}
        words = " or ".join(article.get(word, word) for word in self.type.split(" or "))
        return f"{words} in {self.range}" if self.range else words

    @property
    def default_text(self) -> str:
        """The default as the user would write it."""
        return value_text(self.default)


def describe(component_class: type) -> list[Parameter]:
    """The parameters of a component (or a pydantic model), in the order of its constructor.

    Raises:
        PluginError: the constructor breaks the rules: ``*args`` or ``**kwargs``, a parameter that is not
            keyword-only, has no annotation or no default, or whose annotation cannot be resolved or validated.
    """
    return list(_parameters(component_class))


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
    defaults = {parameter.name: parameter.default for parameter in _parameters(component_class)}
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
    known = {parameter.name: parameter for parameter in _parameters(component_class)}
    values = expanded(component_class, values, what)
    for name in values:
        if name not in known:
            there = f"Its parameters: {', '.join(known)}." if known else "It has no parameters."
            raise UnknownName.of(f"parameter of {what}", name, known, advice=there)
    return {name: convert(known[name], value, what) for name, value in values.items()}


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
        if isinstance(read, bool) and not _admits(parameter.annotation, bool):
            raise ParameterError(_refusal(parameter, value, what, ""))
        return _adapter(parameter.annotation).validate_python(read)
    except ValidationError as error:
        raise ParameterError(_refusal(parameter, value, what, _own_words(error))) from None


def value_text(value: Any) -> str:
    """A value as a user would write it after ``--set kind.name=``."""
    match plain(value):
        case None:
            return "none"
        case bool(truth):
            return "true" if truth else "false"
        case [*entries]:
            return list_text([value_text(entry) for entry in entries])
        case written:
            return str(written)


def plain(value: Any) -> Any:
    """``value`` as TOML and JSON know it: enumerations by value, paths as text, every sequence as a list."""
    match value:
        case Enum():
            return plain(value.value)
        case Path():
            return str(value)
        case list() | tuple() | set() | frozenset():
            return [plain(entry) for entry in value]
        case BaseModel():
            return plain(value.model_dump())
        case Mapping():
            return {str(key): plain(entry) for key, entry in value.items() if entry is not None}
        case _:
            return value


# Reading constructors


def _parameters(component_class: type) -> tuple[Parameter, ...]:
    # Classes are few and live long; their constructors do not change.
    return _parameters_of(component_class)


@functools.cache
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
        _adapter(annotation)
    except (PydanticUserError, TypeError, NameError) as error:
        raise PluginError(
            f"the annotation of {component_class.__qualname__}'s parameter {name!r} cannot be validated: {error}"
        ) from error
    bounds = _bounds(annotation)
    text = _type_text(_bare(annotation))
    return Parameter(name, text, default, _range_text(bounds), _description(annotation), annotation)


@functools.lru_cache(maxsize=4096)
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation, config=ConfigDict(allow_inf_nan=False))


def _bare(annotation: Any) -> Any:
    return typing.get_args(annotation)[0] if typing.get_origin(annotation) is Annotated else annotation


def _metadata(annotation: Any) -> Iterator[Any]:
    """All that stands beside the type, in this annotation and in the members of a union."""
    if typing.get_origin(annotation) is Annotated:
        for extra in annotation.__metadata__:
            yield from extra.metadata if isinstance(extra, FieldInfo) else (extra,)
    for member in _members(_bare(annotation)):
        if typing.get_origin(member) is Annotated:
            yield from _metadata(member)


def _description(annotation: Any) -> str:
    fields = [extra for extra in getattr(annotation, "__metadata__", ()) if isinstance(extra, FieldInfo)]
    return next((field.description for field in fields if field.description), "")


def _bounds(annotation: Any) -> dict[str, Any]:
    names = ("ge", "gt", "le", "lt", "min_length", "max_length", "multiple_of", "pattern")
    return {
        name: getattr(extra, name)
        for extra in _metadata(annotation)
        for name in names
        if getattr(extra, name, None) is not None
    }


def _range_text(bounds: Mapping[str, Any]) -> str:
    parts = []
    if bounds.keys() & {"ge", "gt", "le", "lt"}:
        low = f"[{bounds['ge']}" if "ge" in bounds else f"({bounds.get('gt', '-∞')}"
        high = f"{bounds['le']}]" if "le" in bounds else f"{bounds.get('lt', '∞')})"
        parts.append(f"{low}, {high}")
    if "multiple_of" in bounds:
        parts.append(f"multiples of {bounds['multiple_of']}")
    if bounds.keys() & {"min_length", "max_length"}:
        low, high = bounds.get("min_length", 0), bounds.get("max_length", "∞")
        parts.append(f"length {low} to {high}")
    if "pattern" in bounds:
        parts.append(f"matching {bounds['pattern']}")
    return ", ".join(parts)


# Types in words


def _members(annotation: Any) -> tuple[Any, ...]:
    is_union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    return typing.get_args(annotation) if is_union else (annotation,)


def _type_text(annotation: Any) -> str:
    annotation = _bare(annotation)
    members = _members(annotation)
    if len(members) > 1:
        # None last: "integer or none" is what people say.
        ordered = sorted(members, key=lambda member: member is type(None))
        return " or ".join(_type_text(member) for member in ordered)
    options = _options(annotation)
    if options:
        return "one of " + ", ".join(repr(option) if isinstance(option, str) else str(option) for option in options)
    if _is_list(annotation):
        inner = [member for member in typing.get_args(annotation) if member is not Ellipsis]
        return f"list of {_type_text(inner[0])}" if inner else "list"
    if annotation is type(None):
        return "none"
    return _SCALARS.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _options(annotation: Any) -> tuple[Any, ...]:
    """The values of a ``Literal`` or an ``Enum``, as the user writes them."""
    if typing.get_origin(annotation) is Literal:
        return typing.get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return tuple(member.value for member in annotation)
    return ()


def _is_list(annotation: Any) -> bool:
    origin = typing.get_origin(annotation) or annotation
    return isinstance(origin, type) and issubclass(origin, Collection) and not issubclass(origin, str | bytes | Enum)


def _leaves(annotation: Any) -> Iterator[Any]:
    for member in _members(_bare(annotation)):
        bare = _bare(member)
        if len(_members(bare)) > 1:
            yield from _leaves(bare)
        else:
            yield bare


def _admits(annotation: Any, wanted: type) -> bool:
    return any(
        leaf is wanted or leaf is Any or any(isinstance(option, wanted) for option in _options(leaf))
        for leaf in _leaves(annotation)
    )


# Words to values


def _read_text(annotation: Any, text: str) -> Any:
    """The value that ``text`` stands for, as far as pydantic does not see it by itself."""
    leaves = list(_leaves(annotation))
    for option in (option for leaf in leaves for option in _options(leaf)):
        if value_text(option) == text:
            return option
    if text.lower() in ("none", "null") and type(None) in leaves:
        return None
    if any(_is_list(leaf) for leaf in leaves) and str not in leaves:
        return list_entries(text)
    return text


# Refusals


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
    value = "" if _admits(parameter.annotation, bool) else " VALUE"
    return f"--{parameter.name.replace('_', '-')}{value}"


def _own_words(error: ValidationError) -> str:
    """What a plugin's own validator said; pydantic's own sentences repeat type and range, which stand there already."""
    first = error.errors()[0]
    return first["msg"].removeprefix("Value error, ") if first["type"] in ("value_error", "assertion_error") else ""


def _name_of(component_class: type[Component] | type) -> str:
    return f"{getattr(component_class, 'kind', 'component')} {component_class.__name__}"
