"""The file of learnt weights that a backbone declares: found in its place, or downloaded there once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from qplug.atomic import storage_error
from qplug.contract.addresses import redacted
from qplug.contract.errors import DataError, Interrupted, PluginError, QplugError, UserError
from qplug.contract.interfaces import WeightsFile
from qplug.lab.acquire.download import download
from qplug.lab.acquire.meter import Meter, Progress, silent
from qplug.lab.acquire.paths import parts_of
from qplug.lab.data.disk import exclusive, readable
from qplug.variables import data_home

FOLDER = "weights"
"""Sub-folder of the one place for all data; in it each backbone has a folder of its name."""


def place(declared: WeightsFile, backbone: str, home: Path | None = None) -> Path:
    """Where a declared file lies, or will lie once it is downloaded.

    Args:
        declared: what the backbone declares.
        backbone: its name.
        home: the one place for all data; None: ``data_home()``.

    Raises:
        PluginError: neither a path nor an address that ends in a file's name is declared.
    """
    if declared.path is not None:
        return declared.path
    name = parts_of(unquote(urlsplit(declared.url).path).rpartition("/")[2], where=f"backbone {backbone}")
    if not name:
        raise PluginError(f"backbone {backbone} declares weights at {declared.url!r}, which names no file.")
    return (home or data_home()).joinpath(FOLDER, backbone, *name)


def obtain(
    declared: WeightsFile,
    backbone: str,
    *,
    home: Path | None = None,
    tell: Callable[[str], None] = lambda text: None,
    progress: Progress = silent,
    pause: float = 1.0,
) -> Path:
    """Where the declared file lies, downloaded first if it is not there yet. What is there is never asked for again.

    Args:
        declared: what the backbone declares.
        backbone: its name.
        home: the one place for all data; None: ``data_home()``.
        tell: told the licence before the first byte.
        progress: told how far the download has come.
        pause: seconds before a second attempt, see ``download``.

    Raises:
        DataError: what came has another checksum than declared; nothing of it is kept.
        QplugError: the server does not have it or cannot be reached; the message says where to put the file by hand.
        UserError: the disk is full, or the folder cannot be written.
        Interrupted: the user pressed Ctrl-C; what came is kept.
        PluginError: an address without a checksum is declared.
    """
    path = place(declared, backbone, home)
    if declared.path is not None or path.is_file():
        return path
    if declared.sha256 is None:
        raise PluginError(f"backbone {backbone} declares weights at {declared.url} without their SHA-256.")
    tell(_announcement(declared, path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with exclusive(path.with_name(f".{path.name}.lock")):
            if not path.is_file():  # another process may have been quicker
                _download(declared, path, Meter(f"downloading {path.name}", progress, declared.size), pause)
    except OSError as error:
        advice = "Choose another place for data with the environment variable QPLUG_DATA."
        raise storage_error(path, error, advice=advice) from error
    return path


def _announcement(declared: WeightsFile, path: Path) -> str:
    size = "" if declared.size is None else f", {readable(declared.size)}"
    licence = f"licence: {declared.licence}" if declared.licence else "no licence is stated"
    source = f", {declared.homepage}" if declared.homepage else ""
    return (
        f"downloading the weights {path.name}{size} ({licence}{source}) from {redacted(declared.url)} to {path.parent}"
    )


def _download(declared: WeightsFile, path: Path, meter: Meter, pause: float) -> None:
    try:
        download(declared.url, path, size=declared.size, checksum=f"sha256:{declared.sha256}", meter=meter, pause=pause)
    except KeyboardInterrupt as error:
        raise Interrupted(
            f"stopped: {readable(meter.done)} of {path.name} are kept. Run the same command again to go on from there."
        ) from error
    except (DataError, UserError):
        raise  # another network would not help
    except QplugError as error:
        raise QplugError(
            f"{error} Without network: get the file elsewhere, and put it there by hand as {path}"
        ) from error
