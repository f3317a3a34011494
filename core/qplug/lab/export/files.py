"""What an export writes, and how."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from qplug.atomic import storage_error, write_atomically
from qplug.lab.config.layers import from_file
from qplug.lab.runs.directory import CONFIG, RunDirectory
from qplug.lab.runs.record_file import read_record

Format = Literal["safetensors", "qasm3", "onnx"]
FOLDER = "export"
"""The folder in the run directory where exports go by default."""


@dataclass(frozen=True)
class Exported:
    """One file that was written.

    Attributes:
        file: where it is.
        what: what it holds, in a few words.
    """

    file: Path
    what: str


def target(path: Path, out: Path | None, name: str) -> Path:
    """The main file to write: ``out``, or ``name`` in the run directory's folder for exports, which is then made.

    Raises:
        UserError: that folder cannot be made.
    """
    if out is not None:
        return out
    folder = path / FOLDER
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise storage_error(folder, error, advice="Choose another place with --out.") from error
    return folder / name


def write(file: Path, content: bytes, what: str) -> Exported:
    """Writes a file, whole or not at all."""
    write_atomically(file, content)
    return Exported(file, what)


def about(path: Path) -> dict[str, Any]:
    """What a file needs to carry to be understood without its run directory; plain data.

    These are ``qplug`` (its version), ``run`` (the configuration, without the folder of the data), ``classes``,
    ``test`` (accuracy and cross-entropy of so many samples) and ``stamps``.

    Raises:
        UserError: there is no such run, or it is not finished.
        DataError: its files are damaged.
    """
    directory = RunDirectory.open(path)
    directory.require_finished("there is nothing to export")
    record = read_record(path)
    config = from_file(directory.path / CONFIG)
    config.pop("data_dir", None)
    return {
        "qplug": record.environment.qplug,
        "run": config,
        "classes": list(record.test.per_class),
        "test": {name: getattr(record.test, name) for name in ("n", "accuracy", "cross_entropy")},
        "stamps": list(record.stamps),
    }
