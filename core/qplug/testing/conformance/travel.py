"""What becomes of a component on its way to another process, and of the process that it works in."""

from __future__ import annotations

import pickle
import random
import sys
import typing
from collections.abc import Callable, Collection

from qplug.hooks.guard import ASPECTS, put_back
from qplug.testing.conformance.check import require

_UNUSUAL = 97_531
_Value = typing.TypeVar("_Value")


def pickled(value: _Value) -> _Value:
    """What another process would receive."""
    try:
        sent = pickle.dumps(value)
    except (pickle.PicklingError, AttributeError, TypeError) as problem:
        what = f"{type(value).__name__} cannot be pickled, so other processes cannot get it"
        raise AssertionError(f"{what}: {problem}") from problem
    return typing.cast("_Value", pickle.loads(sent))  # noqa: S301, TID251  # made on the line above, not from outside


def leaves_the_process_alone(name: str, use: Callable[[], object], *, allowed: Collection[str] = ()) -> None:
    """Whether using a component changes nothing that belongs to the whole process.

    It is used twice: the first time, libraries may set up what they need when they are imported.

    Args:
        name: the component's.
        use: does what a run does with it.
        allowed: what may be changed, as ``qplug.hooks.guard`` calls it.
    """
    found: list[str] = []
    for at_import in (True, False):
        with put_back():
            _draw_from_elsewhere()
            with put_back(at_import=at_import) as changed:
                quiet = [] if at_import else [(each, each.read()) for each in ASPECTS if each.imports]
                use()
                found += [each.name for each, before in quiet if each.read() != before]
        found += changed
    told = [what for what in dict.fromkeys(found) if what not in allowed]
    require(not told, f"{name} changed {' and '.join(told)} for the whole process")


def _draw_from_elsewhere() -> None:
    """Random states that nobody seeds with, so that seeding with what was there already does not pass unnoticed."""
    random.seed(_UNUSUAL)
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if numpy is not None:
        numpy.random.seed(_UNUSUAL)
    if torch is not None:
        torch.manual_seed(_UNUSUAL)


def reseed(number: int) -> None:
    """Other random numbers from every generator that belongs to the whole process."""
    import numpy as np
    import torch

    random.seed(number)
    np.random.seed(number)  # what somebody may draw from who was told not to
    torch.manual_seed(number)
