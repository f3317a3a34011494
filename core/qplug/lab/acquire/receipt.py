"""What was put into a data set's folder from its source: a small file beside the data."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qplug.atomic import write_atomically
from qplug.lab.acquire.unpack import Unpacked

NAME = ".qplug-fetched.json"
_FORMAT = 1


@dataclass
class Receipt:
    """The files that came from a data set's source.

    Attributes:
        folder: the data set's folder.
        begun: whether a download into the folder was ever begun, and its licence therefore shown.
        files: by path below the folder, what each was when it came.
        archives: for each archive's address the paths that came out of it.
    """

    folder: Path
    begun: bool = False
    files: dict[str, Unpacked] = field(default_factory=dict)
    archives: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path) -> Receipt:
        """The receipt in a folder; an empty one if there is none, or one that cannot be read."""
        try:
            told: dict[str, Any] = json.loads((folder / NAME).read_text("utf-8"))
            if told["format"] != _FORMAT:
                return cls(folder)
            files = {path: Unpacked(int(size), str(checksum)) for path, (size, checksum) in told["files"].items()}
            archives = {str(url): [str(path) for path in paths] for url, paths in told["archives"].items()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return cls(folder)  # it only saves downloads and adds checks; without it everything still works
        return cls(folder, True, files, archives)

    def write(self) -> None:
        """Keeps the receipt.

        Raises:
            UserError: the folder cannot be written.
        """
        files = {path: [file.size, file.checksum] for path, file in self.files.items()}
        told = {"format": _FORMAT, "files": files, "archives": self.archives}
        write_atomically(self.folder / NAME, json.dumps(told, indent=1).encode() + b"\n")
        self.begun = True


def size_of(path: Path) -> int | None:
    """The size of a file; None if there is no such file."""
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:
        return None
