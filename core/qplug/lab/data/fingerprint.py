"""What tells one content from another: hashes of files and records, and the duplicates that they betray."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Any

from qplug.contract.interfaces import Part, Sample
from qplug.lab.data.disk import writing_to

if TYPE_CHECKING:
    from qplug.lab.data.splits import Split

_BATCH = 256
_THREADS = 4
CHANGED = "was changed while it was read; run again"
"""Why a sample cannot be used whose file is no longer what its key was made of."""


def identity_hash(identity: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of a description of plain values; the order of its keys does not matter."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode()).hexdigest()


def sample_key(sample: Sample, source_hash: str) -> bytes:
    """32 bytes that change with all that a data set's ``load`` may look at: file, record, id and keys."""
    parts = [source_hash, sample.id, sample.offset, sorted(sample.keys.items())]
    return hashlib.sha256(json.dumps(parts).encode()).digest()


def source_hashes(
    samples: Iterable[Sample], cache: Path, *, progress: Callable[[int, int], None] = lambda done, total: None
) -> dict[Path, str | OSError]:
    """SHA-256 (hex) of each source file of ``samples``, or why it cannot be read.

    A hash is remembered with the file's size and times of change, so an unchanged file is read once.

    Args:
        samples: those without a source are passed over.
        cache: the cache folder.
        progress: called with how many files are done, and of how many, while files are read.

    Raises:
        UserError: the cache folder cannot be written.
    """
    paths = list(dict.fromkeys(sample.source for sample in samples if sample.source is not None))
    with writing_to(cache, n_bytes=0), _table(cache / "files.sqlite") as table:
        found, unread = _remembered(table, paths)
        done = 0
        with ThreadPoolExecutor(_THREADS) as threads:
            for batch in (unread[i : i + _BATCH] for i in range(0, len(unread), _BATCH)):
                hashes = list(threads.map(lambda item: _hash_file(item[0]), batch))
                _remember(table, [(path, stat, hash_) for (path, stat), hash_ in zip(batch, hashes, strict=True)])
                found.update((path, hash_) for (path, _), hash_ in zip(batch, hashes, strict=True))
                done += len(batch)
                progress(done, len(unread))
    return found


@contextmanager
def _table(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        connection = _open(path)
    except sqlite3.OperationalError as error:
        raise PermissionError(None, str(error), str(path)) from error
    except sqlite3.DatabaseError:  # damaged from outside: it only saves time, so it is built anew
        path.unlink()
        connection = _open(path)
    with closing(connection):
        yield connection


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=60)
    try:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS files"
            " (path TEXT PRIMARY KEY, size INTEGER, mtime INTEGER, ctime INTEGER, sha256 TEXT) WITHOUT ROWID"
        )
        connection.execute("SELECT * FROM files LIMIT 1").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def _remembered(
    table: sqlite3.Connection, paths: Iterable[Path]
) -> tuple[dict[Path, str | OSError], list[tuple[Path, os.stat_result]]]:
    """What is known of the files as they are now, and the files that have to be read."""
    found: dict[Path, str | OSError] = {}
    unread = []
    names = {path: _name(path) for path in paths}
    known = _rows(table, list(names.values()))
    for path, name in names.items():
        try:
            stat = path.stat()
        except OSError as error:
            found[path] = error
            continue
        if not S_ISREG(stat.st_mode):  # reading a pipe would wait for ever
            found[path] = OSError(errno.EINVAL, "is no file but a folder, a pipe or a device", str(path))
            continue
        row = known.get(name)
        if row is not None and row[:3] == _times_of(stat):
            found[path] = row[3]
        else:
            unread.append((path, stat))
    return found, unread


def _rows(table: sqlite3.Connection, names: Sequence[str]) -> dict[str, tuple[int, int, int, str]]:
    """Size, times of change and hash by name, of the names that the table knows."""
    known: dict[str, tuple[int, int, int, str]] = {}
    for some in (names[start : start + _BATCH] for start in range(0, len(names), _BATCH)):
        asked = ", ".join("?" * len(some))
        found = table.execute(f"SELECT path, size, mtime, ctime, sha256 FROM files WHERE path IN ({asked})", some)
        known.update((row[0], row[1:]) for row in found)
    return known


def _remember(table: sqlite3.Connection, hashes: Iterable[tuple[Path, os.stat_result, str | OSError]]) -> None:
    rows = [(_name(path), *_times_of(stat), hash_) for path, stat, hash_ in hashes if isinstance(hash_, str)]
    try:
        with table:
            table.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", rows)
    except sqlite3.OperationalError:
        # A full or read-only disk costs time at the next start and nothing else; what must be written says so itself.
        return


def _name(path: Path) -> str:
    name = str(path.absolute())
    # Names that are not valid text come from Python with lone surrogates, which SQLite would refuse.
    return name if name.isascii() else name.encode("utf-8", "backslashreplace").decode()


class Unchanged:
    """Says of samples that were read whether their files are still what their keys were made of.

    A file is read for it once, and again only where its size or times have changed since.
    """

    def __init__(self) -> None:
        self._seen: dict[Path, tuple[tuple[int, int, int] | None, str | OSError]] = {}

    def __call__(self, sample: Sample, key: bytes) -> bool:
        """Whether ``key`` is the sample's key still."""
        if sample.source is None:
            return True
        times = _times(sample.source)
        if self._seen.get(sample.source, (None, ""))[0] != times or times is None:
            self._seen[sample.source] = (times, _hash_file(sample.source))
        found = self._seen[sample.source][1]
        return isinstance(found, str) and sample_key(sample, found) == key


def _times(path: Path) -> tuple[int, int, int] | None:
    try:
        return _times_of(path.stat())
    except OSError:
        return None


def _times_of(stat: os.stat_result) -> tuple[int, int, int]:
    """Size and times of change, by which an unchanged file is known."""
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def _hash_file(path: Path) -> str | OSError:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return error


@dataclass(frozen=True)
class Duplicate:
    """Samples with the same content.

    Attributes:
        ids: two or more, in the data set's order.
        parts: the parts of the split in which they stand, each once.
    """

    ids: tuple[str, ...]
    parts: tuple[Part, ...] = ()


def duplicates(samples: Sequence[Sample], digests: Sequence[bytes]) -> list[Duplicate]:
    """The samples that share their content with another, in groups.

    Args:
        samples: the samples.
        digests: a digest of each one's content, such as ``Features.digests``, which betrays a recording that was
            stored twice in two lossless formats too.
    """
    same: dict[bytes, list[str]] = defaultdict(list)
    for sample, digest in zip(samples, digests, strict=True):
        same[digest].append(sample.id)
    return [Duplicate(tuple(ids)) for ids in same.values() if len(ids) > 1]


def duplicates_across_parts(found: Iterable[Duplicate], split: Split) -> list[Duplicate]:
    """Those of the duplicates that stand in two or more parts of ``split``: the test knows them from training."""
    part_of = {sample.id: part for part, samples in split.parts.items() for sample in samples}
    crossing = []
    for duplicate in found:
        parts = tuple(dict.fromkeys(part_of[id_] for id_ in duplicate.ids if id_ in part_of))
        if len(parts) > 1:
            crossing.append(Duplicate(duplicate.ids, parts))
    return crossing
