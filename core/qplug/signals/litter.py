"""What lies in data folders and is no data: one rule for every data set."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

_FOLDERS = frozenset(
    {".ipynb_checkpoints", "@eadir", "__macosx", "#recycle", "@recycle", "$recycle.bin", "lost+found", ".trashes"}
)
"""Folders that file browsers, notebooks and storage devices make, in lower case."""

_COPY = re.compile(r"~$|\.(bak|tmp)(\.[^.]+)?$", re.IGNORECASE)
"""How names of copies kept aside end; another ending may follow, as in ``x.wav.bak.wav``."""

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


def litter(folder: Path) -> list[str]:
    """Recordings and images that are passed over as litter, as paths below ``folder`` with slashes, in order.

    Hidden folders of other programs, such as version control, are nobody's data and are not looked into.
    """
    return sorted(path for path, passed_over in _files(folder) if passed_over and _ending(path) in _READ)


def unread_formats(folder: Path) -> str:
    """How many recordings and images are in formats that are not read, and which, in words; empty if there are none."""
    found = sorted(path for path, passed_over in _files(folder) if not passed_over and _ending(path) in _UNREAD)
    if not found:
        return ""
    formats = ", ".join(f"{n} {ending}" for ending, n in sorted(Counter(map(_ending, found)).items()))
    some = ", ".join(found[:_SHOWN]) + (", …" if len(found) > _SHOWN else "")
    verb = "file is" if len(found) == 1 else "files are"
    return f"{len(found)} {verb} of a format that is not read: {formats} ({some}). To use such files convert them"


def _ending(path: str) -> str:
    return path.rpartition(".")[2].lower()


def _files(folder: Path) -> Iterator[tuple[str, bool]]:
    """Each file's path, and whether its own name or a folder's above it is litter."""
    top = os.fspath(folder)
    for home, folders, names in os.walk(top):
        folders[:] = [name for name in folders if not name.startswith(".") or name.lower() in _FOLDERS]
        inner = home[len(top) :].strip(os.sep).replace(os.sep, "/")
        above = any(map(is_litter, inner.split("/"))) if inner else False
        for name in names:
            path = f"{inner}/{name}" if inner else name
            yield path.encode("utf-8", "backslashreplace").decode(), above or is_litter(name)
