"""Unpacking archives that nobody vouches for: plain files and folders only, beneath one folder, up to a limit."""

from __future__ import annotations

import hashlib
import lzma
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

from qplug.atomic import storage_error
from qplug.contract.errors import DataError, UserError
from qplug.lab.acquire.meter import Meter
from qplug.lab.acquire.paths import parts_of
from qplug.lab.data.disk import readable

MOST_RATIO = 200
"""An archive of data that would unpack to more than so many times its size is taken for a bomb …"""
MOST_ALWAYS = 200_000_000
"""… unless it unpacks to fewer bytes than this."""
MOST_FILES = 2_000_000

MOST_HEADER = 1 << 20
"""Bytes of a tar archive's extended header at most; names and attributes of a file take a few kB."""

_BLOCK = 1 << 18
_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,
    RecursionError,
)


@dataclass(frozen=True)
class _Member:
    """A plain file in an archive: its path, its promised size, and how to read it."""

    path: str
    size: int
    open: Callable[[], IO[bytes]]


@dataclass(frozen=True)
class Unpacked:
    """A file that came out of an archive: bytes, and ``"sha256:…"``."""

    size: int
    checksum: str


def unpack(
    archive: Path,
    folder: Path,
    *,
    strip: int = 0,
    replace: bool = False,
    most: int | None = None,
    meter: Meter | None = None,
) -> dict[str, Unpacked]:
    """Unpacks a zip or tar archive. Its files appear in ``folder`` only after all of it was read without fault.

    Links, devices, modes and owners in the archive are refused or passed over: every file is written here, as a plain
    one, which is stricter than the ``data`` filter of ``tarfile``.

    Args:
        archive: the archive; tar may be packed with gz, bz2 or xz.
        folder: where its files go.
        strip: how many leading folders of its paths are left out; what lies above is left out, too.
        replace: whether files that are in ``folder`` already are replaced.
        most: refuse to write more bytes than this; None: ``MOST_RATIO`` times the archive's size or ``MOST_ALWAYS``.
        meter: told how much of the archive was read.

    Returns:
        What the archive holds, by path below ``folder``.

    Raises:
        DataError: it is damaged, encrypted or no archive, holds a link, a device or a path that leaves the folder, or
            unpacks to more than is plausible. ``folder`` is as it was.
        UserError: the disk is full, and ``folder`` is as it was; or something stands in the way of a file.
    """
    most = max(MOST_RATIO * archive.stat().st_size, MOST_ALWAYS) if most is None else most
    staging = archive.with_name(f"{archive.name}.unpacked")
    meter = meter or Meter("")
    try:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        with archive.open("rb") as file:
            found = _write(archive, _members(file, archive), staging, strip, most, _follow(file, meter))
        _place(staging, folder, found, replace=replace)
    except _DAMAGE as error:
        raise _damaged(archive, error) from error
    except OSError as error:
        if error.errno is None:  # what gzip and bz2 say of damaged content
            raise _damaged(archive, error) from error
        raise storage_error(
            folder, error, advice="Free some space or choose another folder. The archive is kept; run this again."
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return found


def _damaged(archive: Path, error: Exception) -> DataError:
    reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(":")  # tarfile lists all that it tried
    return DataError(f"{archive.name} cannot be unpacked ({reason}): it is damaged, or no archive. Get it again.")


def _follow(file: BinaryIO, meter: Meter) -> Callable[[], None]:
    before = 0

    def moved() -> None:
        nonlocal before
        now = file.tell()
        if now > before:
            meter.add(now - before)
            before = now

    return moved


def _members(file: BinaryIO, archive: Path) -> Iterator[_Member]:
    # Told by its first bytes: a tar whose last file is a zip looks like one to those who look at the end.
    is_zip = file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")
    file.seek(0)
    yield from (_zip_members if is_zip else _tar_members)(file, archive)


def _zip_members(file: BinaryIO, archive: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(file) as opened:
        for info in opened.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if info.flag_bits & 1:
                raise DataError(f"{archive.name} is encrypted ({info.filename}), so it cannot be unpacked here.")
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _no_plain_file(archive, info.filename)
            if not info.is_dir():
                yield _Member(info.filename, info.file_size, lambda info=info: opened.open(info))  # type: ignore[misc]


def _tar_members(file: BinaryIO, archive: Path) -> Iterator[_Member]:
    with tarfile.open(fileobj=file, mode="r:*", tarinfo=_TarInfo) as opened:
        for info in opened:
            if info.isreg():
                yield _Member(info.name, info.size, lambda info=info: _extracted(opened, info))  # type: ignore[misc]
            elif not info.isdir():
                raise _no_plain_file(archive, info.name)


class _TarInfo(tarfile.TarInfo):
    """Headers that are checked before ``tarfile``, whose time and memory grow with the square of a bad one, reads them.

    ``tarfile`` hands extended headers to these methods; they have no public names.
    """

    def _proc_pax(self, opened: Any) -> Any:
        content = self._checked_header(opened)
        _refuse_bad_records(content[: self.size])
        return super()._proc_pax(opened)  # type: ignore[misc]

    def _proc_gnulong(self, opened: Any) -> Any:
        self._checked_header(opened)
        return super()._proc_gnulong(opened)  # type: ignore[misc]

    def _checked_header(self, opened: Any) -> bytes:
        """The header's content, which the next reading gives again."""
        if self.size > MOST_HEADER:
            raise tarfile.ReadError(f"an extended header of {self.size} bytes")
        file = opened.fileobj
        content: bytes = file.read(-(-self.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE)
        opened.fileobj = _ReadAgain(content, lambda: setattr(opened, "fileobj", file))
        return content


class _ReadAgain:
    """Gives content that was read already, once, and steps aside."""

    def __init__(self, content: bytes, step_aside: Callable[[], None]) -> None:
        self._content, self._step_aside = content, step_aside

    def read(self, size: int) -> bytes:
        self._step_aside()
        return self._content


def _refuse_bad_records(content: bytes) -> None:
    """Raises an error unless each record is ``length key=value`` and a line feed, as long as it says."""
    start = 0
    while start < len(content) and content[start] != 0:
        length = re.compile(rb"(\d{1,9}) ").match(content, start)
        end = start + int(length[1]) if length else 0
        if length is None or end > len(content) or content[end - 1 : end] != b"\n" or end <= length.end():
            raise tarfile.ReadError("a malformed extended header")
        if b"=" not in content[length.end() : end]:
            raise tarfile.ReadError("a malformed extended header")
        start = end


def _extracted(opened: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    content = opened.extractfile(info)
    assert content is not None  # it is a regular file
    return content


def _no_plain_file(archive: Path, name: str) -> DataError:
    return DataError(
        f"{archive.name} holds {name!r}, which is neither a plain file nor a folder but a link or a device. Nothing of "
        "it was put into place. Such an archive is damaged or malicious; get it from another source."
    )


def _write(
    archive: Path, members: Iterator[_Member], staging: Path, strip: int, most: int, moved: Callable[[], None]
) -> dict[str, Unpacked]:
    found: dict[str, Unpacked] = {}
    total = 0
    for member in members:
        parts = parts_of(member.path, where=archive.name)[strip:]
        if not parts:
            continue
        if total + member.size > most or len(found) >= MOST_FILES:
            raise _bomb(archive, total + member.size, most)
        target = staging.joinpath(*parts)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with member.open() as source, target.open("wb") as sink:
                found["/".join(parts)] = _copy(source, sink, moved)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise DataError(f"{archive.name} holds {member.path!r} both as a file and as a folder.") from error
        total += found["/".join(parts)].size
    return found


def _copy(source: IO[bytes], sink: IO[bytes], moved: Callable[[], None]) -> Unpacked:
    size = 0
    content = hashlib.sha256()
    while block := source.read(_BLOCK):
        sink.write(block)
        content.update(block)
        size += len(block)
        moved()
    return Unpacked(size, f"sha256:{content.hexdigest()}")


def _bomb(archive: Path, n_bytes: int, most: int) -> DataError:
    return DataError(
        f"{archive.name} ({readable(archive.stat().st_size)}) would unpack to {readable(n_bytes)} or more, beyond the "
        f"limit of {readable(most)} and {MOST_FILES:,} files. Nothing of it was put into place. Such an archive is "
        "damaged or malicious; get it from another source."
    )


def _place(staging: Path, folder: Path, found: dict[str, Unpacked], *, replace: bool) -> None:
    for path in found:
        target = folder / path
        if replace or not target.exists():
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                (staging / path).replace(target)
            except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
                raise UserError(
                    f"{target} cannot be put into place: a file is where a folder should be, or the other way round. "
                    "Move it away; the archive is kept, so run the same command again."
                ) from error
