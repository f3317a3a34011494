"""What is odd about a data set's folder, said before work begins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qplug.contract.interfaces import Dataset
from qplug.signals.litter import files, likely_copies, litter, unread_formats

_SHOWN = 3


def folder_remarks(dataset: Dataset, folder: Path) -> tuple[str, ...]:
    """Litter that is left out, likely copies, formats that are not read, and what the data set itself finds odd.

    Args:
        dataset: the data set.
        folder: its folder, which it can read; without one there is nothing to say.
    """
    if not dataset.capabilities.needs_folder:
        return ()
    found = files(folder)
    general = (_litter(litter(found)), _copies(likely_copies(found)), unread_formats(found))
    return (*filter(None, general), *dataset.remarks(folder))


def _litter(paths: Sequence[str]) -> str:
    if not paths:
        return ""
    what = (
        "file is litter (hidden, a copy kept aside, or in"
        if len(paths) == 1
        else "files are litter (hidden, copies kept aside, or in"
    )
    return f"{len(paths)} {what} a folder that is hidden or that some program made) and left out: {_some(paths)}"


def _copies(paths: Sequence[str]) -> str:
    if not paths:
        return ""
    what = (
        "file is named like a copy of the one beside it and counts"
        if len(paths) == 1
        else "files are named like copies of those beside them and count"
    )
    return f"{len(paths)} {what} as data ({_some(paths)}). If they are copies remove them, else rename them"


def _some(paths: Sequence[str]) -> str:
    return ", ".join(paths[:_SHOWN]) + (", …" if len(paths) > _SHOWN else "")
