"""The lines that result blocks of all commands share: how sure a number is, where all is, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def interval(what: str, accuracy: float, n: int, ends: Sequence[float] | None = None) -> str:
    """How far the number of samples alone lets an accuracy be off.

    Args:
        what: whose accuracy it is, such as ``"test"``.
        accuracy: the share of them that is right.
        n: how many there are.
        ends: of the 95 % interval; None: Wilson's.
    """
    from qplug.lab.judging.interval import wilson

    low, high = wilson(round(accuracy * n), n) if ends is None else ends
    return f"{what} accuracy {accuracy:.3f}, 95 % interval {low:.3f} to {high:.3f} for other samples like these {n:,}"


def command(*words: str) -> str:
    """A command as it can be typed, folders with blanks quoted."""
    return shlex.join(("qplug", *words))


def end(console: Console, place: str, *commands: str) -> None:
    """Prints where all is, and the commands that go on from there.

    Args:
        console: where to.
        place: the folder or file.
        commands: such as ``command`` gives.
    """
    console.print(f"written to {place}", soft_wrap=True)
    if commands:
        console.print(f"next: {' · '.join(commands)}", soft_wrap=True)
