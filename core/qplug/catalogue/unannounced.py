"""Components that no distribution announces: a class named by where its code is, and objects of this process.

A class that can be imported is called ``module:Class``, with a capital as classes have, so that what uses it can be
repeated wherever that module can be imported. Anything else that was given as an object is known to this process
alone, under a name that says so.
"""

from __future__ import annotations

import copy
import re
import secrets
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qplug.catalogue.entry import Entry
from qplug.catalogue.offers import Offer, offers
from qplug.contract.errors import PluginError, QplugError, UserError
from qplug.contract.kinds import KINDS

# A list of what is installed does without the interfaces.
if TYPE_CHECKING:
    from qplug.contract.interfaces import Component

_TARGET = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[A-Z]\w*")
_OBJECT = re.compile(r"object:\w+-[0-9a-f]{8}")
_objects: dict[tuple[str, str], type[Component]] = {}


def is_code(name: str) -> bool:
    """Whether a component is named by its code, ``module:Class``, or was given as an object."""
    return bool(_TARGET.fullmatch(name) or _OBJECT.fullmatch(name))


def is_object(name: str) -> bool:
    """Whether it is the name of what was given as an object, which one process alone knows."""
    return bool(_OBJECT.fullmatch(name))


def with_component(kind: str, given: str | type | Component) -> dict[str, Any]:
    """The table of a configuration that stands for a component, however it is given.

    Args:
        kind: one of ``KINDS``.
        given: a name, a class, or an object. An object whose class can be imported and whose parameters tell all of it
            becomes its name and parameters; any other is kept as it is now, for this process alone.

    Raises:
        UserError: it is no component of that kind.
    """
    if isinstance(given, str):
        return {"name": given}
    from qplug.contract.interfaces import Component

    part = given if isinstance(given, type) else type(given)
    if not issubclass(part, Component):
        raise UserError(f"{kind}={given!r} is no component. Give a name (qplug list {kind}), or a {kind} of your own.")
    if isinstance(given, type):
        _check(kind, part)
        return {"name": _importable(kind, part) or keep(kind, part)}
    name, values = _importable(kind, part), _values(given)
    if name and values is not None:
        _check(kind, part)
        return {"name": name, **values}
    return {"name": keep(kind, given)}


def keep(kind: str, given: type[Component] | Component) -> str:
    """A name for a class or an object as it is now, which this process alone knows; see ``with_component``."""
    name = given.__name__ if isinstance(given, type) else type(given).__name__
    part = given if isinstance(given, type) else _frozen(given)
    _check(kind, part)
    return _kept(kind, part, name)


def load_code(kind: str, name: str) -> type[Component]:
    """The class that a name of ``is_code`` stands for.

    Raises:
        UserError: it was given as an object to another process.
        PluginError: it cannot be imported, or is not what its interface asks.
    """
    if is_object(name):
        if (kind, name) not in _objects:
            raise UserError(
                f"{kind} {name!r} was given as an object, which only the Python process knows that it was given to. "
                "What uses it can be repeated, gone on with and loaded elsewhere if its class stands in a module that "
                "can be imported: then it is called 'module:Class'."
            )
        return _objects[kind, name]
    from qplug.catalogue.loading import import_watched
    from qplug.catalogue.standard_output import stdout_to_stderr

    try:
        with stdout_to_stderr():
            found: type[Component] = import_watched(_offer(kind, name))[0]
    except PluginError as error:
        raise PluginError(
            f"{kind} {name!r} cannot be used: {error}. It is no plugin's but code of its own, which is imported as "
            "Python does: give its file with --plugin, or its folder must be on PYTHONPATH, or its package installed."
        ) from error
    return found


def code_entry(kind: str, name: str) -> Entry:
    """The row of a component that no distribution announces."""
    module = _objects[kind, name].__module__ if (kind, name) in _objects else name.partition(":")[0]
    return Entry(kind=kind, name=name, status="ready", provider=module.partition(".")[0], target=name)


def file_entry(offer: Offer) -> Entry | None:
    """The row of what stands in a file that the user named; None for what a package announces."""
    if offer.file is None:
        return None
    from qplug.catalogue.loading import import_offered

    row = Entry(kind=offer.kind, name=offer.name, status="ready", provider=offer.provider, target=offer.target)
    try:
        import_offered(offer)
    except PluginError as error:
        return replace(row, status="quarantined", reason=str(error))
    return replace(row, summary=offer.summary)


def _offer(kind: str, name: str) -> Offer:
    return Offer(kind=kind, name=name, target=name, provider=name.partition(":")[0].partition(".")[0], version="")


def _check(kind: str, part: type) -> None:
    if kind not in KINDS:
        raise UserError(f"there is no kind {kind!r}. Kinds: {', '.join(KINDS)}.")
    from qplug.catalogue.checks import check

    try:
        check(kind, part)
    except PluginError as error:
        raise UserError(f"what was given as {kind} cannot be used: {error}.") from error


def _importable(kind: str, part: type) -> str:
    """The name under which another process finds the class: that which announces it, else ``module:Class``."""
    target = f"{part.__module__}:{part.__qualname__}"
    module = sys.modules.get(part.__module__)
    if part.__module__ == "__main__" or not getattr(module, "__file__", None) or not _TARGET.fullmatch(target):
        return ""
    if getattr(module, part.__qualname__, None) is not part:
        return ""
    announced = (offer.name for offer in offers() if (offer.kind, offer.target) == (kind, target))
    return next(announced, target)


def _values(given: Component) -> dict[str, Any] | None:
    """The parameters of an object, as a configuration has them; None if it is more than these tell."""
    from qplug import parameters

    part = type(given)
    try:
        names = [parameter.name for parameter in parameters.describe(part)]
        values = parameters.resolved(part, {name: getattr(given, name) for name in names})
        made = parameters.create(part, values, part.__name__)
        return values if bool(vars(made) == vars(given)) else None
    except (QplugError, AttributeError, TypeError, ValueError):  # no plain values, or none that can be compared
        return None


def _frozen(given: Component) -> type[Component]:
    """A class without parameters whose instances are copies of the object as it is now."""
    part = type(given)
    try:
        kept = copy.deepcopy(given)
    except Exception as error:  # whatever an author's object holds
        raise UserError(f"{part.__name__} cannot be copied ({error}), so it cannot be given as an object.") from error

    def new(_: object) -> Any:
        return copy.deepcopy(kept)

    def init(_: object) -> None:
        """Nothing: it is a copy."""

    body = {"__new__": new, "__init__": init, "__module__": part.__module__, "capabilities": given.capabilities}
    metaclass: Any = type(part)
    made: type[Component] = metaclass(part.__name__, (part,), body)
    return made


def _kept(kind: str, part: type[Component], name: str) -> str:
    name = f"object:{name}-{secrets.token_hex(4)}"
    _objects[kind, name] = part
    return name
