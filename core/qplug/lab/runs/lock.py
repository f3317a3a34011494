"""Who works in a run directory right now."""

from __future__ import annotations

from pathlib import Path

from qplug.atomic import storage_error
from qplug.contract.errors import UserError
from qplug.lab.locks import is_taken, take

LOCK = ".lock"


class Lock:
    """A claim on a folder that is dropped when the process ends, however it ends.

    Raises:
        UserError: if another process works there, or nothing can be written there.
        QplugError: if locking fails in another way.
    """

    def __init__(self, folder: Path) -> None:
        try:
            held = take(folder / LOCK)
        except OSError as error:
            raise storage_error(folder, error) from error
        if held is None:
            raise UserError(f"another process works in {folder}. Wait until it ends, or stop it.")
        self.release = held.release


def is_locked(folder: Path) -> bool:
    """Whether a process works in ``folder``."""
    return is_taken(folder / LOCK)
