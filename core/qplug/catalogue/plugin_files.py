"""Parts that no package brings: the classes and hooks of files that the user names, as pytest has its conftest.

A file is imported as the module that it would be beside a script, so that its parts are ``module:Class`` as any class
that can be imported; this module gives them names. The files stand in an environment variable, which those
processes know too that are started.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from qplug import variables
from qplug.catalogue.footprint import lingering, watched
from qplug.catalogue.standard_output import stdout_to_stderr
from qplug.contract.errors import UserError
from qplug.contract.kinds import KINDS

_log = logging.getLogger("qplug")
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_+")
_HOOK = "qplug_impl"
"""What pluggy writes upon a function that is marked with ``hookimpl``."""
_known: dict[Path, tuple[FilePart, ...]] = {}


@dataclass(frozen=True, slots=True)
class FilePart:
    """One component, or one hook plugin, of a file.

    Attributes:
        kind: as in ``GROUPS``.
        name: what the user writes.
        target: ``module:Class``; the module alone where its functions are the hooks.
        file: where it stands.
        summary: one line.
    """

    kind: str
    name: str
    target: str
    file: Path
    summary: str


def announced_name(word: str) -> str:
    """The name under which a class is announced: its words, small and with hyphens; ``LoudHead`` is ``loud-head``."""
    return _WORD.sub("-", word).strip("-").lower()


def file_parts() -> list[FilePart]:
    """What the files bring that are named in this process; each file is imported once.

    Raises:
        UserError: see ``parts_of``.
    """
    return [part for file in map(Path, variables.plugin_files()) for part in parts_of(file)]


def parts_of(file: Path) -> tuple[FilePart, ...]:
    """What a file brings: its public classes that are components, and its hooks.

    Raises:
        UserError: there is no such file, it cannot be imported, or it brings nothing; with the line and the cause.
    """
    place = file.expanduser().resolve()
    if place not in _known:
        _known[place] = _parts(_module(place, str(file)), place, str(file))
    return _known[place]


def _module(place: Path, told: str) -> ModuleType:
    if not place.is_file():
        what = "is a folder; name one Python file, or install the package" if place.is_dir() else "does not exist"
        raise UserError(f"--plugin {told}: {what}.")
    if place.suffix != ".py" or not place.stem.isidentifier():
        raise UserError(f"--plugin {told}: it must be named as Python's modules are, such as my_head.py.")
    _refuse_other_module(place, told)
    if (found := sys.modules.get(place.stem)) is not None:
        return found
    if str(place.parent) not in sys.path:
        sys.path.append(str(place.parent))  # other processes unpickle its parts, and it may have files beside it
    return _imported(place, told)


def _refuse_other_module(place: Path, told: str) -> None:
    """Python has one module of a name, and everybody who imports it would get the file, or it somebody else's."""
    found: Any = sys.modules.get(place.stem)
    other = getattr(found, "__file__", None) if found is not None else getattr(find_spec(place.stem), "origin", None)
    if (found is None and other is None) or (other is not None and Path(other).resolve() == place):
        return
    raise UserError(f"--plugin {told}: Python knows {place.stem} as another module ({other or 'built in'}). Rename it.")


def _imported(place: Path, told: str) -> ModuleType:
    spec = spec_from_file_location(place.stem, place)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[place.stem] = module
    try:
        with stdout_to_stderr(), watched() as left:
            spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[place.stem]
        if isinstance(error, KeyboardInterrupt):
            raise
        raise UserError(f"--plugin {told}: {_cause(error, place)}. Mend the file, or do without it.") from error
    for remark in left.remarks:
        _log.warning("%s %s.", told, remark)
    lingering.extend(left.threads)
    return module


def _cause(error: BaseException, place: Path) -> str:
    reached = traceback.walk_tb(error.__traceback__)
    lines = [line for frame, line in reached if frame.f_code.co_filename == str(place)]
    if isinstance(error, SyntaxError) and error.filename == str(place):
        lines, words = [error.lineno or 0], error.msg
    else:
        words = " ".join(str(error).split())
    where = f"line {lines[-1]} cannot be carried out" if lines else "it cannot be imported"
    return f"{where}, {type(error).__name__}{f': {words}' if words else ''}"


def _parts(module: ModuleType, place: Path, told: str) -> tuple[FilePart, ...]:
    found = tuple(_found(module, place))
    if not found:
        raise UserError(
            f"--plugin {told}: no part stands in it. A part is a class that derives from one of qplug's kinds "
            f"({', '.join(KINDS)}) and does not begin with '_', or a hook marked with hookimpl."
        )
    return found


def _found(module: ModuleType, place: Path) -> Iterator[FilePart]:
    own = [each for each in vars(module).values() if isinstance(each, type) and each.__module__ == module.__name__]
    own = [each for each in dict.fromkeys(own) if not each.__name__.startswith("_")]
    for each in own:
        if kind := _kind(each, own):
            target = f"{module.__name__}:{each.__qualname__}"
            yield FilePart(kind, announced_name(each.__name__), target, place, _summary(each))
    if any(hasattr(each, _HOOK) for each in vars(module).values()):
        yield FilePart("hook", announced_name(module.__name__), module.__name__, place, _summary(module))


def _kind(part: type, beside: list[type]) -> str:
    """The kind of a class; empty if it is no part, or one on which others of the file are built and no more."""
    from qplug.contract.interfaces import Component

    if issubclass(part, Component):
        unfinished = bool(getattr(part, "__abstractmethods__", ()))
        is_base = unfinished and any(part in each.__mro__[1:] for each in beside)
        return "" if is_base else str(getattr(part, "kind", ""))
    return "hook" if any(hasattr(getattr(part, name, None), _HOOK) for name in dir(part)) else ""


def _summary(part: object) -> str:
    told = getattr(part, "summary", "") or (getattr(part, "__doc__", "") or "").strip().partition("\n")[0]
    return str(told)
