"""Writing to a cache that others use at the same time, on a disk that may be full."""

from __future__ import annotations

import errno
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from qplug.atomic import replacing
from qplug.contract.errors import UserError
from qplug.lab.locks import Held, take

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_POLL = 0.1  # seconds
_ATTEMPTS = 20
UNUSED = 24 * 3600.0
"""Seconds without use after which what can be made again is removed from the cache."""


@contextmanager
def exclusive(path: Path, *, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Holds a lock that one process at a time has; it is free again when the process ends, however it ends.

    Args:
        path: the lock file; it is made with its folder, and may be removed with it while the lock is held.
        waiting: called about ten times a second while another process holds the lock.
    """
    while (held := _take(path)) is None:
        waiting()
        time.sleep(_POLL)
    try:
        yield
    finally:
        held.release()


def _take(path: Path) -> Held | None:
    # Who had the lock may have removed its folder with it.
    make_folder(path.parent)
    with suppress(FileNotFoundError):
        return take(path)
    return None


def make_folder(folder: Path) -> None:
    """Makes a folder unless it is there, also while others remove and make it.

    Raises:
        OSError: it cannot be made; a file of its name, for one, is there.
    """
    for left in reversed(range(_ATTEMPTS)):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return
        except FileExistsError:  # a file, or a folder that went away before it was looked at
            if not left:
                raise


@contextmanager
def writing_to(folder: Path, *, n_bytes: int) -> Iterator[None]:
    """Turns a full or read-only disk into an error that names the folder.

    Args:
        folder: where the block writes; it is made if it is missing.
        n_bytes: how much the block will write.

    Raises:
        UserError: there is no room, or no permission.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        if free < n_bytes:
            raise _full(folder, n_bytes, f"{readable(free)} are free")
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise _full(folder, n_bytes, error.strerror or str(error)) from error
        if isinstance(error, PermissionError | NotADirectoryError | FileExistsError) or error.errno == errno.EROFS:
            raise UserError(
                f"the cache folder {folder} cannot be written ({error.strerror}). "
                "Choose another with the environment variable QPLUG_CACHE."
            ) from error
        raise


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON file that appears whole or not at all."""
    with replacing(path) as file:
        file.write((json.dumps(content, indent=2, sort_keys=True, default=str) + "\n").encode())


def readable(n_bytes: float) -> str:
    """A number of bytes for people, such as ``"1.4 GB"``."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.0f} {unit}" if unit == "bytes" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} TB"


def _full(folder: Path, n_bytes: int, why: str) -> UserError:
    return UserError(
        f"the cache folder {folder} has no room for the {readable(n_bytes)} ({n_bytes} bytes) that are still needed "
        f"({why}). What is cached already is intact. Free some space, or choose another folder "
        "with the environment variable QPLUG_CACHE."
    )
