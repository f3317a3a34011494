"""What data sets share when they look into folders of recordings or images."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from qplug.contract.errors import DataError, ParameterError
from qplug.signals.litter import is_litter

AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".au", ".aif", ".aiff", ".caf", ".w64"})
"""File-name endings that are taken for recordings, in lower case."""

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"})
"""File-name endings that are taken for images, in lower case."""

NOT_YET_KNOWN: Sequence[str] = ()
"""The classes of a data set that reads them from its folder."""


def require_folder(name: str, folder: Path, layout: str) -> Path:
    """``folder`` itself, if it is one.

    Args:
        name: the data set's name.
        folder: what must be there.
        layout: the expected layout and how to get the data, for the error.

    Raises:
        DataError: there is no such folder.
    """
    if not folder.is_dir():
        raise DataError(f"{name}: there is no folder {folder}. Expected layout: {layout}")
    return folder


def recordings(folder: Path) -> Iterator[Path]:
    """All recordings directly in a folder, ordered by name; litter is passed over, links to nowhere are not."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if not entry.is_dir()]
    for name in sorted(names):
        if not is_litter(name) and _suffix(name) in AUDIO_SUFFIXES:
            yield folder / name


def class_folders(name: str, folder: Path, suffixes: Collection[str]) -> dict[str, list[str]]:
    """The files in each sub-folder, at any depth, by the sub-folder's name; both in order.

    Args:
        name: the data set's name.
        folder: holds one folder per class.
        suffixes: endings of the files that count, in lower case; others and litter are passed over.

    Returns:
        Paths below the class folder, with slashes. Sub-folders without such files are left out.

    Raises:
        DataError: a class folder's name is no valid text.
    """
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir() and not is_litter(entry.name))
    found = {label: sorted(files_below(folder / label, suffixes)) for label in names}
    found = {label: files for label, files in found.items() if files}
    _refuse_undecodable_classes(name, list(found))
    return found


def class_remarks(folder: Path, suffixes: Collection[str]) -> list[str]:
    """What is odd about the class folders in a folder: names that nearly are one another, folders without files."""
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir() and not is_litter(entry.name))
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(" ".join(name.casefold().split()), []).append(as_text(name))
    remarks = [
        f"classes {' and '.join(map(repr, its))} differ in case or spaces only and count as different ones. "
        "If they are one, move their files together"
        for its in alike.values()
        if len(its) > 1
    ]
    empty = [as_text(name) for name in names if next(files_below(folder / name, suffixes), None) is None]
    if empty:
        many = "folder holds" if len(empty) == 1 else "folders hold"
        remarks.append(f"{len(empty)} {many} no file that is read, so no class is made of it ({some(empty)})")
    return remarks


def chosen_classes(name: str, there: Collection[str], only: Sequence[str]) -> tuple[str, ...]:
    """The classes to use: those asked for, in that order, or all.

    Args:
        name: the data set's name.
        there: the classes that have files, in order.
        only: what the user asked for; empty: all.

    Raises:
        DataError: a class that was asked for is not there, or fewer than two are left.
    """
    missing = [label for label in only if label not in there]
    if missing:
        raise DataError(
            f"{name}: there are no files for {', '.join(missing)}. There is: {', '.join(there) or 'nothing'}."
        )
    chosen = tuple(only) or tuple(there)
    if len(set(chosen)) < 2:
        raise DataError(
            f"{name}: at least two classes are needed; found {', '.join(chosen) or 'none'}. "
            "Each class is a folder of its own with its files in it."
        )
    return chosen


def group_finder(name: str, pattern: str) -> Callable[[str], str | None]:
    """A function from a text to what the pattern's first group (or the whole pattern) finds in it; None if nothing.

    Args:
        name: the parameter, such as ``"dataset.group"``, for the error.
        pattern: a regular expression.

    Raises:
        ParameterError: the pattern is no regular expression.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as problem:
        raise ParameterError(f"{name}={pattern!r} is no regular expression: {problem}.") from None

    def find(text: str) -> str | None:
        match = compiled.search(text)
        return match and match[min(1, compiled.groups)]

    return find


def as_text(name: str) -> str:
    """A file's name that can be written anywhere: bytes of it that are no UTF-8 become escapes."""
    return name.encode("utf-8", "backslashreplace").decode()


def refuse_undecodable(path: Path) -> None:
    """Raises an error if a file's name is no text, so that no table of results could name it.

    Raises:
        DataError: bytes of the name are no UTF-8.
    """
    if as_text(path.name) != path.name:
        raise DataError(
            f"{path}: its name is not valid UTF-8. Rename the file, or go on without it: --on-bad-file skip"
        )


def some(things: Sequence[object]) -> str:
    """The first five of many things in words."""
    return ", ".join(as_text(str(thing)) for thing in things[:5]) + (", …" if len(things) > 5 else "")


def files_below(folder: Path, suffixes: Collection[str]) -> Iterator[str]:
    """Paths below a folder, with slashes, of the files whose names end so, at any depth; litter is passed over."""
    top = os.fspath(folder)
    for home, folders, names in os.walk(top):
        folders[:] = [folder for folder in folders if not is_litter(folder)]
        inner = home[len(top) + 1 :].replace(os.sep, "/")
        for name in names:
            if _suffix(name) in suffixes and not is_litter(name):
                yield f"{inner}/{name}" if inner else name


def _suffix(name: str) -> str:
    return f".{name.rpartition('.')[2].lower()}"


def _refuse_undecodable_classes(name: str, labels: Sequence[str]) -> None:
    bad = [as_text(label) for label in labels if as_text(label) != label]
    if bad:
        raise DataError(f"{name}: {len(bad)} folder names are not valid UTF-8 ({some(bad)}). Rename the folders.")
