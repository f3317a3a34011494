"""One number, as it was recorded and as it comes out again."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from qplug.contract.errors import QplugError
from qplug.lab.runs.files import json_bytes

EXACTLY = "exactly"
_ROUNDING = 1e-9
"""Relative: sums of the same numbers in another order, or on another processor."""


@dataclass(frozen=True)
class Check:
    """One number, twice.

    Attributes:
        file: where it is recorded, relative to the folder that is looked at.
        number: which one, such as ``test.accuracy``.
        recorded: as it stands there.
        derived: as it comes out again; where rounding leaves a range, the lowest and the highest value.
        holds: whether the two fit.
        source: what it was derived from.
        tolerance: how far the two may be apart.
    """

    file: str
    number: str
    recorded: Any
    derived: Any
    holds: bool
    source: str
    tolerance: str = EXACTLY

    def below(self, folder: str) -> Check:
        """The same, looked at from further up."""
        return replace(self, file=f"{folder}/{self.file}", source=f"{folder}/{self.source}" if self.source else "")

    def to_json(self) -> dict[str, Any]:
        """All of it as plain data."""
        told: dict[str, Any] = json.loads(json_bytes(vars(self)))
        return told


def same(file: str, number: str, recorded: Any, derived: Any, source: str) -> Check:
    """A number that has to come out as it was, but for the order in which floats were added."""
    recorded, derived = plain(recorded), plain(derived)
    return Check(file, number, recorded, derived, equal(recorded, derived), source)


def near(file: str, number: str, recorded: Any, derived: Any, source: str, *, within: float) -> Check:
    """A number that may be off by ``within``."""
    fits = (recorded is None) == (derived is None)
    if recorded is not None and derived is not None:
        fits = abs(recorded - derived) <= within
    return Check(file, number, recorded, derived, fits, source, f"±{within:.2g}")


def between(file: str, number: str, recorded: Any, limits: tuple[float, float], source: str, *, because: str) -> Check:
    """A number that is only known to lie in a range, since what it is derived from was rounded."""
    least, greatest = limits
    if math.isnan(least):
        return Check(file, number, recorded, None, recorded is None, source, because)
    slack = _ROUNDING * max(1.0, abs(greatest) if math.isfinite(greatest) else 1.0)
    value = math.inf if recorded is None else recorded
    derived = [None if math.isinf(limit) else limit for limit in limits]
    return Check(file, number, recorded, derived, least - slack <= value <= greatest + slack, source, because)


def failed(file: str, number: str, error: object, source: str = "") -> Check:
    """What could not be derived, because a file is missing or damaged."""
    return Check(file, number, None, " ".join(str(error).split()), holds=False, source=source)


def each_leaf(file: str, recorded: Any, derived: Any, source: str, *, under: str = "") -> Iterator[Check]:
    """A check for every value of two nested tables."""
    before, after = leaves(plain(recorded), under), leaves(plain(derived), under)
    for number in dict.fromkeys([*before, *after]):
        yield same(file, number, before.get(number), after.get(number), source)


def guarded(file: str, number: str, derive: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    """The checks; what cannot be derived, because something is missing or damaged, is one that does not hold."""
    try:
        yield from derive()
    except (QplugError, OSError, LookupError, ValueError, TypeError, ArithmeticError, AttributeError) as error:
        told = str(error) if isinstance(error, QplugError) else f"{type(error).__name__}: {error}"
        yield failed(file, number, told)


def plain(value: Any) -> Any:
    """As it comes back from a JSON file."""
    return json.loads(json_bytes(value))


def leaves(value: Any, under: str = "") -> dict[str, Any]:
    """The values of a nested table by their places; an empty table is a value too."""
    entries: Sequence[tuple[Any, Any]] = ()
    if isinstance(value, Mapping):
        entries = list(value.items())
    elif isinstance(value, list):
        entries = list(enumerate(value))
    if not entries:
        return {under: value}
    found: dict[str, Any] = {}
    for key, entry in entries:
        found |= leaves(entry, f"{under}.{key}" if under else str(key))
    return found


def equal(left: Any, right: Any) -> bool:
    """Whether two plain values are the same, floats but for rounding."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, float) or isinstance(right, float):
        if not isinstance(left, int | float) or not isinstance(right, int | float):
            return False
        return math.isclose(left, right, rel_tol=_ROUNDING, abs_tol=1e-12)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(value, right[key]) for key, value in left.items())
    return bool(left == right)
