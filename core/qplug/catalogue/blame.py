"""Whose code it was that raised: the component of a pipeline, and the distribution that brings it."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from qplug.catalogue.listing import entries, entry
from qplug.catalogue.offers import GROUPS
from qplug.contract.errors import CircuitError, PluginError, QplugError

if TYPE_CHECKING:
    from qplug.contract.interfaces import Component


@dataclass(frozen=True)
class Suspect:
    """A component, and the distribution that brings it."""

    kind: str
    name: str
    component: Component

    @property
    def package(self) -> str:
        """The distribution and its version."""
        row = entry(self.kind, self.name)
        return f"{row.provider} {row.version}".strip()

    def __str__(self) -> str:
        return f"{self.kind} {self.name!r}"


@dataclass(frozen=True)
class Blame:
    """A component at fault, and the place in its code; empty where there is none."""

    suspect: Suspect
    place: str = ""


def blamed(
    error: BaseException, suspects: Sequence[Suspect], modules: Mapping[int, Suspect] | None = None
) -> Blame | None:
    """The part whose code was innermost when the exception was raised; None if none's was.

    Args:
        error: what was raised.
        suspects: the components that took part.
        modules: whose further objects are, such as the layers of its network, by their identity.
    """
    owners = {**{id(suspect.component): suspect for suspect in suspects}, **(modules or {})}
    if (at_fault := getattr(error, "at_fault", None)) is not None:
        found = owners.get(id(at_fault))
        return None if found is None else Blame(found)
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        if (suspect := _owner(frame, owners, suspects)) is not None:
            code = frame.f_code
            return Blame(suspect, f"{code.co_name}, line {line} of {Path(code.co_filename).name}")
    return None


def _owner(frame: FrameType, owners: Mapping[int, Suspect], suspects: Sequence[Suspect]) -> Suspect | None:
    if (suspect := owners.get(id(frame.f_locals.get("self")))) is not None:
        return suspect
    module = str(frame.f_globals.get("__name__", ""))
    return next((each for each in suspects if type(each.component).__module__ == module), None)


def fault(error: BaseException, blame: Blame | None, phase: str, way: str = "") -> BaseException:
    """What is told of an exception that a component raised: its name, package, the phase, the place and the way on.

    An interruption, and an error of qplug's that says itself what was wrong, stay as they are. A CircuitError that an
    exception of its author's code led to stays one, and names its component.

    Args:
        error: what was raised.
        blame: the component at fault.
        phase: what went on, such as ``training``.
        way: what to do next.
    """
    faulty = getattr(error, "at_fault", None) is not None
    if blame is not None and type(error) is CircuitError and _is_of_an_author(error.__cause__):
        return CircuitError(f"{blame.suspect} of {blame.suspect.package}: {error}")
    if blame is None or isinstance(error, KeyboardInterrupt) or (isinstance(error, QplugError) and not faulty):
        return error
    words = " ".join(str(error).split())
    raised = f"it raised {type(error).__name__}{f': {words}' if words else ''} (in {blame.place})"
    return PluginError(
        f"{blame.suspect} of {blame.suspect.package} failed while {phase}: {words if faulty else raised}. "
        f"Mend or replace the component. {way}".rstrip()
    )


def _is_of_an_author(cause: BaseException | None) -> bool:
    return isinstance(cause, Exception) and not isinstance(cause, QplugError)


@contextmanager
def naming_faults(
    suspects: Sequence[Suspect], phase: str, modules: Mapping[int, Suspect] | None = None
) -> Iterator[None]:
    """Inside, what a component raises that is no error of qplug's, SystemExit included, becomes one that names it.

    Args:
        suspects: the components that take part; components that are added inside count too.
        phase: what goes on.
        modules: see ``blamed``.

    Raises:
        PluginError: a component raised; with its package, the phase and the place in its code.
    """
    try:
        yield
    except BaseException as error:
        told = fault(error, blamed(error, suspects, modules), phase)
        if told is error:
            raise
        raise told from error


def suspected(error: BaseException) -> list[Suspect]:
    """The installed components whose methods were running when an exception was raised."""
    found: list[Suspect] = []
    for frame, _ in traceback.walk_tb(error.__traceback__):
        own = frame.f_locals.get("self")
        kind = getattr(type(own), "kind", None)
        if own is not None and isinstance(kind, str) and kind in GROUPS:
            target = f"{type(own).__module__}:{type(own).__qualname__}"
            rows = [row for row in entries(kind, probe_new=False) if row.target == target]
            found += [Suspect(row.kind, row.name, own) for row in rows]
    return found
