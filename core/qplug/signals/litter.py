"""What lies in data folders and is no data: one rule for every data set."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

_FOLDERS = frozenset(
    {".ipynb_checkpoints", "@eadir", "__macosx", "#recycle", "@recycle", "$recycle.bin", "lost+found", ".trashes"}
)
"""Folders that file browsers, notebooks and storage devices make, in lower case."""

_COPY = re.compile(r"~$|\.(bak|tmp)(\.[^.]+)?$", re.IGNORECASE)
"""How names of copies kept aside end; another ending may follow, as in ``x.wav.bak.wav``."""

_COPIED = (
    re.compile(r"(?P<original>.+?)( ?\(\d+\)|[ _-]+(copy|kopie|copie|copia)( ?\d+| ?\(\d+\))?)", re.IGNORECASE),
    re.compile(r"(copy of|kopie von|copie de|copia de) (?P<original>.+)", re.IGNORECASE),
)
"""Names, without ending, that file browsers give to a copy beside its original."""

_NOT_LOOKED_INTO = frozenset({".git", ".hg", ".svn", ".bzr", ".dvc", ".downloads", ".source"})
"""Folders in which version control keeps old states, and a download its parts and the lists that it goes by."""

_READ = frozenset(
    "wav flac ogg oga opus mp3 au aif aiff caf w64 png jpg jpeg bmp gif tif tiff webp ppm pgm".split()  # noqa: SIM905
)
_UNREAD = frozenset(
    "m4a mp4 aac wma amr ape wv webm mkv mov avi 3gp dsf heic heif avif jp2 svg psd cr2 nef dng eps".split()  # noqa: SIM905
)
_SHOWN = 3


def is_litter(name: str) -> bool:
    """Whether a file or folder of this name is passed over: hidden, a copy kept aside, or made by some program."""
    return name.startswith(".") or name.lower() in _FOLDERS or _COPY.search(name) is not None


def files(folder: Path) -> list[tuple[str, bool]]:
    """Each file's path below ``folder`` with slashes, and whether its own name or a folder's above it is litter.

    What version control and downloads keep for themselves is nobody's data and is not looked into.
    """
    return sorted(_files(os.fspath(folder)))


def litter(found: Collection[tuple[str, bool]]) -> list[str]:
    """Recordings and images among ``files`` that are passed over as litter, in order."""
    return [path for path, passed_over in found if passed_over and _ending(path) in _READ]


def likely_copies(found: Collection[tuple[str, bool]]) -> list[str]:
    """Recordings and images whose names say that they are copies of a file beside them. They are no litter.

    ``x (1).wav``, ``x copy.wav``, ``x - Copy (2).wav`` and ``Copy of x.wav`` are, where ``x`` lies in the same folder;
    by name alone nobody can tell, so they are not left out.
    """
    data = [path for path, passed_over in found if not passed_over and _ending(path) in _READ]
    there = {_stem(path).casefold() for path in data}
    return [path for path in data if any(original.casefold() in there for original in _originals(_stem(path)))]


def unread_formats(found: Collection[tuple[str, bool]]) -> str:
    """How many recordings and images are in formats that are not read, and which, in words; empty if there are none."""
    unread = [path for path, passed_over in found if not passed_over and _ending(path) in _UNREAD]
    if not unread:
        return ""
    formats = ", ".join(f"{n} {ending}" for ending, n in sorted(Counter(map(_ending, unread)).items()))
    some = ", ".join(unread[:_SHOWN]) + (", …" if len(unread) > _SHOWN else "")
    verb = "file is" if len(unread) == 1 else "files are"
    return f"{len(unread)} {verb} of a format that is not read: {formats} ({some}). To use such files convert them"


def _ending(path: str) -> str:
    return path.rpartition(".")[2].lower()


def _stem(path: str) -> str:
    return path.rpartition(".")[0]


def _originals(stem: str) -> Iterator[str]:
    """What a file would be called, without its ending, of which one of this name is a copy."""
    home, slash, name = stem.rpartition("/")
    for pattern in _COPIED:
        if copied := pattern.fullmatch(name):
            yield f"{home}{slash}{copied['original']}"


def _files(top: str) -> Iterator[tuple[str, bool]]:
    for home, folders, names in os.walk(top):
        folders[:] = [name for name in folders if name not in _NOT_LOOKED_INTO]
        inner = home[len(top) :].strip(os.sep).replace(os.sep, "/")
        above = any(map(is_litter, inner.split("/"))) if inner else False
        for name in names:
            path = f"{inner}/{name}" if inner else name
            yield path.encode("utf-8", "backslashreplace").decode(), above or is_litter(name)
