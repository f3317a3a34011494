"""What is odd about a data set's folder, said before work begins."""

from __future__ import annotations

from pathlib import Path

from qplug.contract.interfaces import Dataset
from qplug.signals.litter import litter, unread_formats

_SHOWN = 3


def folder_remarks(dataset: Dataset, folder: Path) -> tuple[str, ...]:
    """Litter that is left out, files of formats that are not read, and what the data set itself finds odd.

    Args:
        dataset: the data set.
        folder: its folder, which it can read; without one there is nothing to say.
    """
    if not dataset.capabilities.needs_folder:
        return ()
    return (*_litter(litter(folder)), *filter(None, [unread_formats(folder)]), *dataset.remarks(folder))


def _litter(paths: list[str]) -> tuple[str, ...]:
    if not paths:
        return ()
    some = ", ".join(paths[:_SHOWN]) + (", …" if len(paths) > _SHOWN else "")
    what = (
        "file is litter (hidden, a copy kept aside, or in"
        if len(paths) == 1
        else "files are litter (hidden, copies kept aside, or in"
    )
    return (f"{len(paths)} {what} a folder that some program made) and left out: {some}",)
