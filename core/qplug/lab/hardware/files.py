"""The few ways in which a journal touches the disk, in one place, so that tests can let each of them fail."""

from __future__ import annotations

import os
from pathlib import Path

from qplug.atomic import storage_error, write_atomically


class Files:
    """The disk. What a method has written is on it when the method returns."""

    def append(self, path: Path, content: bytes) -> None:
        """Adds to the end of a file, which is made if it is missing.

        Raises:
            QplugError: it cannot be written.
        """
        try:
            with path.open("ab") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise storage_error(path, error) from error

    def replace(self, path: Path, content: bytes) -> None:
        """Writes a whole file, which appears in one step.

        Raises:
            QplugError: it cannot be written.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
