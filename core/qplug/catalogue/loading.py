"""Importing one plugin, and turning whatever goes wrong into a reason."""

from __future__ import annotations

from functools import reduce
from importlib import import_module
from typing import Any

from qplug.catalogue.checks import check
from qplug.catalogue.footprint import Footprint, watched
from qplug.catalogue.offers import Offer
from qplug.contract.errors import PluginError, QplugError


def import_offered(offer: Offer) -> Any:
    """The class (or hook plugin) behind an offer, imported and checked; see ``import_watched``."""
    return import_watched(offer)[0]


def import_watched(offer: Offer) -> tuple[Any, Footprint]:
    """The class (or hook plugin) behind an offer, imported and checked; and what its import left behind.

    Raises:
        PluginError: with the reason alone: its module cannot be imported, lacks the class, or the class is not what
            the interface asks. Every exception but an interruption is turned into this one, SystemExit included.
    """
    with watched() as left:
        found = _imported(offer)
    return found, left


def _imported(offer: Offer) -> Any:
    module, path = offer.parts()
    try:
        found: Any = import_module(module)
    except BaseException as error:
        if (stop := _interruption(error)) is not None:
            raise stop from None
        raise PluginError(_import_reason(module, error)) from error
    try:
        found = reduce(getattr, path.split("."), found) if path else found
    except AttributeError as error:
        raise PluginError(f"the module {module!r} has no {path!r}") from error
    try:
        check(offer.kind, found, offer.name)
    except (KeyboardInterrupt, QplugError):
        raise
    except BaseException as error:  # a metaclass or descriptor of the plugin's may do anything
        raise PluginError(f"looking at {path or module} raised {type(error).__name__}: {error}") from error
    return found


def _interruption(error: BaseException | None) -> KeyboardInterrupt | None:
    """What it is, or comes of: an import that is stopped midway may end in any exception of a library's."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error


def _import_reason(module: str, error: BaseException) -> str:
    words = " ".join(str(error).split())
    if isinstance(error, ModuleNotFoundError) and error.name:
        if module == error.name or module.startswith(f"{error.name}."):
            return f"its module {error.name!r} does not exist"
        return f"it needs the module {error.name!r}, which is not installed; install what it needs"
    if isinstance(error, SystemExit):
        return f"importing {module!r} tried to end the program (SystemExit{f': {words}' if words else ''})"
    return f"importing {module!r} raised {type(error).__name__}{f': {words}' if words else ''}"
