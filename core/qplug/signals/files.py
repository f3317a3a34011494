"""What recordings and images in files have in common: being there, being whole, and being no pointer."""

from __future__ import annotations

import re
from pathlib import Path

from qplug.contract.errors import DataError

NO_FILE = "there is no such file"
_ANNEX = re.compile(rb"(?:\.\./)*(?:\.git)?/annex/objects/\S+\s*")


def look(path: Path, noun: str) -> tuple[bytes, int]:
    """The first bytes of a file, and its size in bytes.

    Args:
        path: the file.
        noun: what it should hold, ``"recording"`` or ``"image"``, for the error.

    Raises:
        DataError: it is missing, no file, unreadable, empty, or a pointer to content that is kept elsewhere.
    """
    try:
        if path.exists() and not path.is_file():
            raise DataError.of_file(path, "is no file but a folder, a pipe or a device")
        with path.open("rb") as file:
            head = file.read(1024)
            size = file.seek(0, 2)
    except FileNotFoundError:
        raise _absent(path) from None
    except OSError as problem:
        raise DataError.of_file(path, f"cannot be read ({problem.strerror})") from problem
    if size == 0:
        raise DataError.of_file(path, "the file is empty (0 bytes)")
    if told := _pointer(head, noun):
        raise DataError.of_file(path, told)
    return head, size


def _absent(path: Path) -> DataError:
    if path.is_symlink() and "annex/objects/" in str(path.readlink()):
        return DataError.of_file(path, "is git-annex's link to content that is not here: get it with git annex get")
    error = DataError(f"{path}: {NO_FILE}. Is the data set complete?")
    error.reason = NO_FILE
    return error


def _pointer(head: bytes, noun: str) -> str:
    """What to say of a few lines of text that stand for the content; empty if they do not."""
    if head.startswith(b"version https://git-lfs"):
        return f"holds Git LFS's pointer to the {noun}, not the {noun}: get those with git lfs pull"
    if _ANNEX.match(head):
        return f"holds git-annex's pointer to the {noun}, not the {noun}: get those with git annex get"
    return ""
