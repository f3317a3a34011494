"""One check of one component: its name, what it does, and how it ends."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from qplug.contract.errors import QplugError
from qplug.hooks.guard import put_back

Act = Callable[[], str | None]
"""Returns nothing, or what it had to leave out."""


class Skipped(Exception):
    """A check that cannot be made with what it was given; the text says what is missing."""


@dataclass(frozen=True)
class Check:
    """One promise of one component, tried when it is called.

    Attributes:
        name: such as ``"batch-of-one"``, the same for every component of a kind.
        act: raises an ``AssertionError`` that says which promise is broken, or ``Skipped``; returns what was left out.
        component: the component's class, for messages.
    """

    name: str
    act: Act
    component: str = ""

    def __call__(self) -> str:
        """Makes the check, and puts back what it changed for the whole process.

        Returns:
            What was left out, in words; empty if nothing was.

        Raises:
            AssertionError: the promise is broken. What the component raises itself is told by it too.
            Skipped: it cannot be made.
        """
        with put_back(at_import=True):
            try:
                return self.act() or ""
            except (AssertionError, Skipped):
                raise
            except Exception as error:
                raise AssertionError(f"{self.component}, {self.name}: {raised(error)}") from error


@dataclass(frozen=True)
class Outcome:
    """How a check ended.

    Attributes:
        name: the check's.
        status: ``passed``, ``failed`` or ``skipped``.
        told: which promise is broken, why it was skipped, or what was left out.
    """

    name: str
    status: Literal["passed", "failed", "skipped"]
    told: str = ""


def outcome(check: Check) -> Outcome:
    """Makes a check and tells how it ended; nothing is raised."""
    try:
        return Outcome(check.name, "passed", check())
    except Skipped as skipped:
        return Outcome(check.name, "skipped", str(skipped))
    except AssertionError as failed:
        return Outcome(check.name, "failed", str(failed))


def outcomes(checks: Iterable[Check]) -> Iterator[Outcome]:
    """How each check ends, in turn."""
    return map(outcome, checks)


def require_all(checks: Iterable[Check]) -> None:
    """Makes the checks in turn and raises the first failure; those that cannot be made are passed over."""
    for check in checks:
        try:
            check()
        except Skipped:
            continue


def raised(error: BaseException) -> str:
    """An exception in words, with the place in the component's own code where it came from."""
    what = str(error) if isinstance(error, QplugError) else f"raised {type(error).__name__}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).parent != Path(__file__).parent]
    return f"{what} ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else what


def require(kept: bool, message: str) -> None:
    """Raises an ``AssertionError`` with the message unless the promise is kept."""
    if not kept:
        raise AssertionError(message)


def require_raises(error: type[Exception], act: Callable[[], object], what: str) -> None:
    """Raises an ``AssertionError`` unless ``act`` raises that error; another one is named."""
    try:
        act()
    except error:
        return
    except Exception as other:
        raise AssertionError(f"{what} does not raise {error.__name__}; it {raised(other)}") from other
    raise AssertionError(f"{what} does not raise {error.__name__}")
