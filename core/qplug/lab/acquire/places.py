"""Where a data set goes when it is fetched."""

from __future__ import annotations

from pathlib import Path

from qplug.lab.data.folders import same_name
from qplug.variables import data_home


def target_folder(name: str, data_dir: Path | None = None) -> Path:
    """The folder of a data set, which may not exist yet: the same one in which a run will look for it.

    Args:
        name: the data set's name, such as ``"crema-d"``.
        data_dir: the one place for all data, in which each data set has a folder of its name; or that folder itself,
            told by its name (case, hyphens and underscores do not matter). None: ``data_home()``.
    """
    home = data_home() if data_dir is None else data_dir.expanduser()
    if data_dir is not None and same_name(home.absolute().name, name):
        return home
    if home.is_dir():
        for entry in sorted(home.iterdir()):
            if same_name(entry.name, name) and entry.is_dir():
                return entry
    return home / name
