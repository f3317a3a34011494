"""When Python looks for garbage: not while modules load, and never among what is loaded."""

from __future__ import annotations

import gc


def at_the_door() -> None:
    """Nothing is looked for until ``look``, and this process is known as a command's own."""
    gc.disable()
    gc.freeze()


def look() -> None:
    """Garbage is looked for from now on. A command's own process leaves out what there is by now.

    It is modules, which stay. Looking through them, also once more when the process ends, would take a fifth of the
    time of a command that loads torch.
    """
    if gc.get_freeze_count():
        gc.freeze()
    gc.enable()
