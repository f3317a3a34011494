"""A diagnosis on disk."""

from __future__ import annotations

import errno
import io
import json
from pathlib import Path

from qplug.atomic import storage_error, write_atomically
from qplug.lab.diagnosis.diagnosis import Diagnosis, sealed

CONTENT, FIGURE = "diagnosis.json", "diagnosis.png"
_DPI = 160


def write(diagnosis: Diagnosis, folder: Path) -> list[Path]:
    """Writes ``diagnosis.json``, sealed with date and SHA-256, and ``diagnosis.png``; makes the folder if need be.

    Raises:
        QplugError: the folder cannot be written to.
    """
    from qplug.lab.diagnosis.figure import figure  # Matplotlib takes seconds to import

    drawn = io.BytesIO()
    figure(diagnosis).savefig(drawn, format="png", dpi=_DPI)
    text = json.dumps(sealed(diagnosis.to_json()), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    make_folder(folder)
    written = {folder / FIGURE: drawn.getvalue(), folder / CONTENT: text.encode()}
    for path, content in written.items():
        write_atomically(path, content)
    return [*written]


def make_folder(folder: Path) -> None:
    """Makes a folder to write to.

    Raises:
        QplugError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise storage_error(folder, OSError(errno.ENOTDIR, "not a folder")) from error
    except OSError as error:
        raise storage_error(folder, error) from error
