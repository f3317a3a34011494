"""What this machine remembers of work: the results of fake devices, and the facts of what was sent to real ones."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qplug.atomic import replacing, storage_error
from qplug.circuits.values_file import pack, unpack
from qplug.contract.errors import DataError
from qplug.contract.interfaces import Values
from qplug.variables import cache_folder


@dataclass(frozen=True)
class Keeping:
    """A folder with a file or two for each work, named by its tag; files appear whole or not at all.

    Attributes:
        folder: where; it need not exist.
    """

    folder: Path

    @classmethod
    def at(cls, folder: str) -> Keeping:
        """In a folder, or else in the cache: ``QPLUG_CACHE``, or the platform's own place for caches."""
        if folder:
            return cls(Path(folder).expanduser())
        return cls(cache_folder() / "ibm")

    def keep_values(self, tag: str, values: Values) -> None:
        """Keeps the results of a fake device."""
        self._write(self._path(tag, "npz"), pack(values))

    def has_values(self, tag: str) -> bool:
        """Whether there are results of this work."""
        return self._path(tag, "npz").exists()

    def values(self, tag: str) -> Values | None:
        """The results of a fake device; None if there are none."""
        path = self._path(tag, "npz")
        try:
            return unpack(path.read_bytes())
        except FileNotFoundError:
            return None
        except Exception as error:  # a damaged archive fails in many ways
            raise DataError(
                f"{path}, what a fake device gave, is damaged: {error}. Remove it and run again."
            ) from error

    def keep_facts(self, tag: str, facts: dict[str, Any]) -> None:
        """Keeps what is known of work that is sent."""
        self._write(self._path(tag, "json"), json.dumps(facts).encode())

    def facts(self, tag: str) -> dict[str, Any]:
        """What is known of work that was sent from this machine; empty if it was sent from another."""
        try:
            found = json.loads(self._path(tag, "json").read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _path(self, tag: str, ending: str) -> Path:
        return self.folder / f"{hashlib.sha256(tag.encode()).hexdigest()[:32]}.{ending}"

    def _write(self, path: Path, content: bytes) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with replacing(path) as file:
                file.write(content)
        except OSError as error:
            raise storage_error(path, error, advice="Name another folder: --set backend.folder=…") from error
