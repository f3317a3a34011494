"""Where data sets live on this machine."""

from __future__ import annotations

from pathlib import Path

from qplug.contract.errors import DataError
from qplug.contract.interfaces import Dataset
from qplug.variables import data_home


def data_folder(name: str, dataset: Dataset, data_dir: Path | None = None, *, home: Path | None = None) -> Path:
    """The folder of one data set.

    Args:
        name: the data set's name, such as ``"crema-d"``.
        dataset: tells whether it needs a folder, and the layout for the error.
        data_dir: what the user gave: the data set's own folder, or one with a sub-folder of its name (case, hyphens
            and underscores do not matter). None: look in ``home``.
        home: the one place for all data; None: ``data_home()``.

    Raises:
        DataError: there is no such folder.
    """
    if not dataset.capabilities.needs_folder:
        return data_dir or Path()
    usual = home or data_home()
    looked_in = usual if data_dir is None else data_dir.expanduser()
    named = _named_folder(looked_in, name)
    if named is not None:
        return named
    if data_dir is not None and looked_in.is_dir():
        return looked_in
    looked = f"{looked_in} is no folder" if data_dir is not None else f"there is no {looked_in / name}"
    fetchable = dataset.files or type(dataset).remote_files is not Dataset.remote_files
    told = f"qplug data fetch {name}" in dataset.layout  # as layouts of such data sets mostly do
    fetch = f" To download it: qplug data fetch {name}." if fetchable and not told else ""
    raise DataError(
        f"{name}: its data was not found: {looked}.{fetch} Expected layout: {dataset.layout.strip().rstrip('.')}. "
        f"Then name the folder with --data-dir, or put it into {usual / name} (QPLUG_DATA moves that place)."
    )


def _named_folder(home: Path, name: str) -> Path | None:
    if (home / name).is_dir():
        return home / name
    if not home.is_dir():
        return None
    return next((entry for entry in sorted(home.iterdir()) if same_name(entry.name, name) and entry.is_dir()), None)


def same_name(left: str, right: str) -> bool:
    """Whether a folder's name means a data set's: case, hyphens and underscores do not matter."""
    return _plain(left) == _plain(right)


def _plain(name: str) -> str:
    return name.casefold().replace("-", "").replace("_", "")
