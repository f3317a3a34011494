"""Telling changed files apart."""

from __future__ import annotations

from pathlib import Path

from qplug.contract.errors import DataError


def stamp(name: str, path: Path) -> tuple[int, int]:
    """What changes with a file, so that what was read of it is not used for another one.

    Args:
        name: the data set's name.
        path: a file of it.

    Returns:
        Size in bytes and time of the last change in nanoseconds.

    Raises:
        DataError: there is no such file.
    """
    try:
        stat = path.stat()
    except FileNotFoundError:
        raise DataError(f"{name}: there is no {path}. Get the file again.") from None
    return stat.st_size, stat.st_mtime_ns
