"""What the cache holds, and emptying it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from qplug.atomic import storage_error
from qplug.contract.errors import UserError
from qplug.lab.locks import is_taken

KINDS = {
    "features": "features of recordings and images",
    "embeddings": "outputs of frozen backbones",
    "copies": "what was found about copies across parts",
    "examples": "generated example files",
    "files": "digests of files that were read",
    "plugins": "notes about plugins that were tried",
}
"""Each kind of thing that the cache keeps, and what it is. All of it can be made again."""
_PLACES = {
    "features": ("features",),
    "embeddings": ("embeddings",),
    "copies": ("copies",),
    "examples": ("examples",),
    "files": ("files.sqlite", "files.sqlite-wal", "files.sqlite-shm"),
    "plugins": ("plugins.json",),
}


@dataclass(frozen=True)
class Kept:
    """What there is of one kind.

    Attributes:
        kind: one of ``KINDS``.
        n_files: how many files.
        n_bytes: their sizes together.
    """

    kind: str
    n_files: int
    n_bytes: int


def kept(cache: Path) -> list[Kept]:
    """What the cache holds, by kind; nothing is read but names and sizes."""
    return [_kept(kind, _files(cache, kind)) for kind in KINDS]


def clear(cache: Path) -> None:
    """Removes all that qplug keeps there, and nothing else.

    Raises:
        UserError: a process is filling a part of it, or a file cannot be removed; what is left is still whole.
    """
    for lock in sorted(path for kind in KINDS for path in _files(cache, kind) if path.name == "lock"):
        if is_taken(lock):
            raise UserError(
                f"nothing was removed: a run is filling {lock.parent}. Wait until it has ended, or stop it."
            )
    for places in _PLACES.values():
        for place in places:
            path = cache / place
            try:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
            except OSError as error:
                raise storage_error(path, error, advice="Remove it by hand.") from error


def _files(cache: Path, kind: str) -> list[Path]:
    found = []
    for place in _PLACES[kind]:
        path = cache / place
        found += [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path] * path.is_file()
    return found


def _kept(kind: str, files: list[Path]) -> Kept:
    return Kept(kind, len(files), sum(file.lstat().st_size for file in files))
