"""Locks that one process at a time has, also where the file system knows no locks."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

from filelock import SoftFileLock, Timeout

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_TAKEN = {errno.EAGAIN, errno.EACCES, errno.EDEADLK}
_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP}
_OWNER = ".owner"
"""Suffix of the file that stands for a lock where the file system has none: it names the process that holds it."""


class Held:
    """A lock that this process has, until it gives it back or ends, however it ends."""

    def __init__(self, give_back: Callable[[], None]) -> None:
        self._give_back: Callable[[], None] | None = give_back

    def release(self) -> None:
        """Give the lock back; a second time does nothing."""
        give_back, self._give_back = self._give_back, None
        if give_back is not None:
            give_back()


def take(path: Path, *, create: bool = True) -> Held | None:
    """The lock of this name, or None if somebody else has it.

    Where the file system knows no locks, as some network drives, a second file beside ``path`` names the process and
    the machine that hold it. What a process of this machine left there when it was killed is taken over; what one of
    another machine left stays until it is removed by hand, because nobody here can tell whether it still runs.

    Args:
        path: the lock file; it stays.
        create: whether the file is made if it is missing.

    Raises:
        OSError: the file cannot be opened, or locking fails in another way than that the lock is taken.
    """
    descriptor = os.open(path, os.O_RDWR | (os.O_CREAT if create else 0), 0o644)
    try:
        _lock(descriptor)
    except BaseException as error:
        os.close(descriptor)
        if not isinstance(error, OSError):
            raise
        if error.errno in _TAKEN:
            return None
        if error.errno in _NO_LOCKS:
            return _take_by_file(path)
        raise
    if os.name == "posix" and not os.fstat(descriptor).st_nlink:  # removed since: a lock that nobody else would see
        os.close(descriptor)
        return take(path, create=create)
    return Held(lambda: os.close(descriptor))


def is_taken(path: Path) -> bool:
    """Whether a process has the lock; False where there is no lock file, or none may be opened."""
    try:
        held = take(path, create=False)
    except OSError:
        return False
    if held is not None:
        held.release()
    return held is None


def _take_by_file(path: Path) -> Held | None:
    # No singleton and no thread's own: each claim stands for itself, and any thread may give it back.
    lock = SoftFileLock(f"{path}{_OWNER}", timeout=0, thread_local=False, is_singleton=False)
    try:
        lock.acquire()
    except Timeout:
        return None
    return Held(lambda: lock.release(force=True))
