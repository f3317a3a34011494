"""Rows of numbers on disk, each under a key: written once, mapped into memory ever after.

Two files make a store. ``rows.f32`` holds the rows, one after the other. ``keys.bin`` holds one record per row: the
row's key and a digest of its content. A record is written only when its row is safely on disk, so whatever lies beyond
the last whole record is the rest of an interrupted write, and the next writer cuts it off.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qplug.atomic import replacing
from qplug.lab.data.disk import UNUSED, write_json

_log = logging.getLogger("qplug")
KEY_BYTES = 32
_DIGEST_BYTES = 16
_RECORD = KEY_BYTES + _DIGEST_BYTES
_COPY_ROWS = 1024


@dataclass(frozen=True)
class Entry:
    """One row of a store.

    Attributes:
        row: its position.
        digest: 16 bytes that are equal exactly where the content of rows is.
    """

    row: int
    digest: bytes


def digest(row: NDArray[np.float32]) -> bytes:
    """16 bytes that are equal exactly where the content of rows is."""
    content = np.ascontiguousarray(row, dtype="<f4").data
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()


class Store:
    """An append-only table of float32 rows in one folder.

    Any number of processes may read while one writes. Writers hold ``disk.exclusive(store.lock)``.

    Args:
        folder: exists already.
        shape: the shape of every row.
    """

    def __init__(self, folder: Path, shape: Sequence[int]) -> None:
        self.folder = folder
        self.shape = tuple(shape)
        self.row_bytes = 4 * math.prod(self.shape)
        self.lock = folder / "lock"
        self._rows = folder / "rows.f32"
        self._keys = folder / "keys.bin"

    def describe(self, about: Mapping[str, Any]) -> None:
        """Writes ``about.json`` for people who look into the folder."""
        if not (self.folder / "about.json").exists():
            write_json(self.folder / "about.json", about)

    def entries(self) -> dict[bytes, Entry]:
        """All rows that are complete, by key."""
        records = self._keys.read_bytes() if self._keys.exists() else b""
        entries = {}
        for row in range(min(len(records) // _RECORD, self._whole_rows())):
            start = row * _RECORD
            key = records[start : start + KEY_BYTES]
            entries[key] = Entry(row, records[start + KEY_BYTES : start + _RECORD])
        return entries

    def intact(self, keys: Iterable[bytes]) -> dict[bytes, Entry]:
        """All entries but those of ``keys`` whose row is not what was written; these can be appended anew.

        Rows that this process found whole are not read again as long as nobody has written to the store since.
        """
        asked, times = tuple(dict.fromkeys(keys)), (_times(self._rows), _times(self._keys))
        if (last := _WHOLE.get(self.folder)) is not None and last[:2] == (times, asked):
            return dict(last[2])
        entries = self.entries()
        found = [(key, entries[key]) for key in asked if key in entries]
        if not found:
            return entries
        rows = np.asarray(self._map(self._rows, self._whole_rows()))  # of a map each row would cost a look at the map
        damaged = {key for key, entry in found if digest(rows[entry.row]) != entry.digest}
        if damaged:
            _log.warning("%d of %d rows in %s are damaged; they are made again.", len(damaged), len(found), self.folder)
            return {key: entry for key, entry in entries.items() if key not in damaged}
        if all(each is not None and time.time() - each.changed > _SETTLED for each in times):
            while len(_WHOLE) >= _MOST_WHOLE:
                _WHOLE.pop(next(iter(_WHOLE)))
            _WHOLE[self.folder] = times, asked, dict(entries)
        return entries

    def __len__(self) -> int:
        records = self._keys.stat().st_size // _RECORD if self._keys.exists() else 0
        return min(records, self._whole_rows())

    def _whole_rows(self) -> int:
        return self._rows.stat().st_size // self.row_bytes if self._rows.exists() else 0

    def append(self, keys: Sequence[bytes], rows: NDArray[np.float32]) -> None:
        """Adds rows; after it returns they survive the process and the machine.

        Args:
            keys: one of ``KEY_BYTES`` bytes per row; a row under a key that is there takes the other's place.
            rows: (row, *shape).

        Raises:
            OSError: the disk is full or fails; the entries are what they were.
        """
        n = len(self)
        contiguous = np.ascontiguousarray(rows, dtype="<f4")
        digests = [digest(row) for row in contiguous]
        _write_at(self._rows, n * self.row_bytes, contiguous.tobytes())
        records = b"".join(key + digest for key, digest in zip(keys, digests, strict=True))
        _write_at(self._keys, n * _RECORD, records)

    def values(self, entries: Sequence[Entry]) -> NDArray[np.float32]:
        """The rows of these entries, (len(entries), *shape), mapped into memory and read-only.

        Rows that lie one behind the other are mapped where they are. Others are first copied in order into a file of
        their own; such copies are removed once nobody asked for them for a day.
        """
        rows = [entry.row for entry in entries]
        first = rows[0]
        if rows == list(range(first, first + len(rows))):
            return self._map(self._rows, len(rows), offset=first * self.row_bytes)
        return self._in_order(np.asarray(rows, dtype="<i8"), [entry.digest for entry in entries])

    def _in_order(self, rows: NDArray[np.int64], digests: Sequence[bytes]) -> NDArray[np.float32]:
        path = self.folder / f"ordered-{hashlib.sha256(rows.tobytes()).hexdigest()[:16]}.f32"
        while True:  # another process may remove the copy just before it is opened
            with suppress(FileNotFoundError):
                os.utime(path)
                copy = self._map(path, len(rows))
                if [digest(row) for row in np.asarray(copy)] == list(digests):
                    return copy
            self._remove_old_copies()
            self._copy_in_order(rows, path)
            with suppress(FileNotFoundError):
                return self._map(path, len(rows))

    def _map(self, path: Path, n_rows: int, offset: int = 0) -> NDArray[np.float32]:
        return np.memmap(path, dtype="<f4", mode="r", offset=offset, shape=(n_rows, *self.shape))

    def _copy_in_order(self, rows: NDArray[np.int64], path: Path) -> None:
        source = self._map(self._rows, len(self))
        with replacing(path) as file:
            for start in range(0, len(rows), _COPY_ROWS):
                file.write(source[rows[start : start + _COPY_ROWS]].tobytes())

    def _remove_old_copies(self) -> None:
        for copy in self.folder.glob("ordered-*.f32"):
            with suppress(OSError):  # another process was quicker
                if time.time() - copy.stat().st_mtime > UNUSED:
                    copy.unlink(missing_ok=True)


class _Times(NamedTuple):
    """What changes whenever somebody writes to a file."""

    inode: int
    n_bytes: int
    modified: int
    touched: int

    @property
    def changed(self) -> float:
        """The last change, in seconds."""
        return max(self.modified, self.touched) / 1e9


_WHOLE: dict[Path, tuple[object, tuple[bytes, ...], dict[bytes, Entry]]] = {}
"""Of the stores that this process read last: times of change, the rows that were looked at, and all entries."""
_MOST_WHOLE = 4
_SETTLED = 2.0
"""Seconds after which another write is sure to change a file's times, which some file systems count in steps."""


def _times(path: Path) -> _Times | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return _Times(stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


def _write_at(path: Path, offset: int, content: bytes) -> None:
    """Makes the file end with ``content`` at ``offset``, on disk. What an error leaves half written is cut off here."""
    with path.open("ab") as file:
        file.truncate(offset)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
