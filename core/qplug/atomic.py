"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from qplug.contract.errors import QplugError, UserError

PARTIAL = ".part"
"""Suffix of a file that is still being written; one that outlives its process is worthless."""

_PARTIAL_NAME = re.compile(rf"\.(.+)\.[0-9a-f]{{12}}{re.escape(PARTIAL)}", re.DOTALL)
_REASONS = {
    errno.EACCES: "you may not write there",
    errno.EPERM: "you may not write there",
    errno.EROFS: "it lies on a read-only file system",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your disk quota is used up",
    errno.EFBIG: "it is larger than the file system or your limits allow",
    errno.ENOTDIR: "a part of its path is a file, not a folder",
    errno.ENOENT: "its folder does not exist",
    errno.ENAMETOOLONG: "its name is too long for the file system",
}


_FULL = (errno.ENOSPC, errno.EDQUOT)


def storage_error(path: Path, error: OSError, *, advice: str | None = None) -> QplugError:
    """The error to show where ``path`` could not be written: the user's to solve, or of an unknown kind."""
    reason = _REASONS.get(error.errno or 0)
    if reason is None:
        return QplugError(f"{path} cannot be written: {error.strerror or error}.")
    usual = "Free some space or choose another folder." if error.errno in _FULL else "Choose another folder."
    return UserError(f"{path} cannot be written: {reason}. {advice or usual}")


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to that takes the name ``path`` in one step when the block ends well; else nothing is changed.

    The content goes to a new file beside ``path`` and is forced to the disk first. The new file's name is drawn, not
    made of the process's number, which other machines and containers use as well.

    Raises:
        OSError: the disk is full or fails.
    """
    _remove_abandoned(path)
    partial, file = _claimed(path)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
    _sync_folder(path.parent)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a restart after a kill, sees the old content or the new, never a piece.

    Raises:
        UserError: if the folder may not be written to, or the disk is full.
        QplugError: if writing fails in another way.
    """
    try:
        with replacing(path) as file:
            file.write(content)
    except OSError as error:
        raise storage_error(path, error) from error


def temporary(path: Path) -> Path:
    """A name beside ``path`` that no other writer has, wherever it runs."""
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}{PARTIAL}")


def _claimed(path: Path) -> tuple[Path, BinaryIO]:
    """A new file beside ``path`` that is marked as being written, and its name.

    Between the making of a file and its claim another writer may take it for abandoned and delete it: then a new one
    is made.
    """
    while True:
        partial = temporary(path)
        file = partial.open("xb")
        _claim(file.fileno(), wait=True)
        if os.name != "posix" or os.fstat(file.fileno()).st_nlink:
            return partial, file
        file.close()


def _remove_abandoned(path: Path) -> None:
    """Delete what writers of the same file left that were killed: what nobody claims any more."""
    for leftover in _left_in(path.parent).get(path.name, ()):
        with contextlib.suppress(OSError), leftover.open("rb") as file:
            if _claim(file.fileno()):
                leftover.unlink(missing_ok=True)


@lru_cache(maxsize=64)
def _left_in(folder: Path) -> dict[str, list[Path]]:
    """Files that were being written when this process first wrote into ``folder``, by the name they were to have.

    A folder is listed once: listing one of a hundred thousand files at each write would cost more than the writes.
    """
    left: dict[str, list[Path]] = defaultdict(list)
    with contextlib.suppress(OSError):
        for entry in folder.iterdir():
            if match := _PARTIAL_NAME.fullmatch(entry.name):
                left[match[1]].append(entry)
    return left


def _claim(descriptor: int, *, wait: bool = False) -> bool:
    """Mark a file as being written, until this process ends however it does; False if another process has it."""
    try:
        import fcntl
    except ImportError:  # Windows removes no open file anyway
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True


def remove_partial_files(folder: Path) -> None:
    """Delete what writers left in ``folder`` that were killed while they wrote."""
    for leftover in folder.glob(f".*{PARTIAL}"):
        leftover.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    # The rename itself reaches the disk with its folder; where folders cannot be opened, the system decides when.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
