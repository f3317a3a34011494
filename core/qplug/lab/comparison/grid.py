"""What a set of runs is asked for: heads, seeds and folds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from qplug.catalogue.layers import Layer
from qplug.contract.errors import UserError

MOST_CELLS = 100_000
"""More runs than this are no set: their names alone would take minutes to look at."""
_RANGE = re.compile(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?")
_LARGEST = 2**31 - 1


@dataclass(frozen=True)
class Arm:
    """What some runs of a set share.

    Attributes:
        name: what tells it from the others: its head, as it was asked for; empty for that of the settings.
        layers: settings by falling precedence.
    """

    name: str
    layers: Sequence[Layer]


@dataclass(frozen=True)
class Grid:
    """A set of runs: each arm with each seed on each fold.

    Attributes:
        arms: at least one.
        seeds: at least one; None: the one that the settings name.
        every_fold: whether each fold is the test part once.
    """

    arms: Sequence[Arm]
    seeds: Sequence[int] | None = None
    every_fold: bool = False


def seeds_of(text: str) -> tuple[int, ...]:
    """The seeds that ``7``, ``0-9``, ``1,5,7`` or ``0-4,10`` names, in this order.

    Raises:
        UserError: it is no number, no range and no list of these; a range runs backwards; or a seed stands twice.
    """
    seeds: list[int] = []
    for piece in text.split(","):
        found = _RANGE.fullmatch(piece)
        if not found:
            raise UserError(f"--seed takes a number, a range or a list, such as 7, 0-9 or 1,5,7; got {text!r}.")
        first, last = int(found[1]), int(found[2] or found[1])
        if last < first:
            raise UserError(f"--seed {text!r}: the range {piece.strip()} runs backwards. Write {last}-{first}.")
        if last > _LARGEST:
            raise UserError(f"--seed {text!r}: {last} is too large for a seed; the largest is {_LARGEST}.")
        if last - first >= MOST_CELLS - len(seeds):
            raise UserError(f"--seed {text!r} names more than {MOST_CELLS:,} seeds.")
        seeds += range(first, last + 1)
    twice = next((seed for seed in seeds if seeds.count(seed) > 1), None) if len(set(seeds)) < len(seeds) else None
    if twice is not None:
        raise UserError(f"--seed {text!r} names {twice} more than once.")
    return tuple(seeds)
