"""A capsule opened: nobody vouches for it, so nothing leaves its folder and each file is held against the manifest."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from qplug.contract.errors import DataError
from qplug.lab.acquire.unpack import unpack
from qplug.lab.capsule.check import Check
from qplug.lab.capsule.manifest import CONTENT, MANIFEST, SEAL, Manifest, checks_of_manifest, read_manifest
from qplug.lab.capsule.members import LISTED

MOST_BYTES = 4_000_000_000
"""A capsule that unpacks to more is refused."""
MOST_MEMBERS = 1_000_000


@dataclass(frozen=True)
class Opened:
    """A capsule in a folder that goes again.

    Attributes:
        folder: with the files, as they lay in the run's own.
        manifest: what the capsule says of itself.
        checks: of each of its files.
    """

    folder: Path
    manifest: Manifest
    checks: tuple[Check, ...]


@contextmanager
def opened(file: Path) -> Iterator[Opened]:
    """The capsule's content in a folder, which is removed behind.

    Raises:
        DataError: it is no capsule, or holds what no capsule holds; nothing was put anywhere.
    """
    _refuse_what_is_no_capsule(file)
    with tempfile.TemporaryDirectory(prefix="qplug-capsule-") as made:
        # Beside a copy, since an archive is unpacked next to itself, where nothing may be writable.
        copy = Path(shutil.copyfile(file, Path(made) / file.name))
        home = Path(made) / "opened"
        there = unpack(copy, home, most=MOST_BYTES)
        manifest = read_manifest(home, str(file))
        digests = {name: each.checksum.removeprefix("sha256:") for name, each in there.items()}
        checks = tuple(checks_of_manifest(home, manifest, digests))
        folder = home / CONTENT
        folder.mkdir(exist_ok=True)
        yield Opened(folder, manifest, checks)


def _refuse_what_is_no_capsule(file: Path) -> None:
    """Looks at the names alone: nothing else than what ``pack`` writes is unpacked at all."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = [entry.filename for entry in archive.infolist()]
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise DataError(f"{file} is no capsule ({error}). One is made by: qplug pack RUN") from error
    if len(names) > MOST_MEMBERS:
        raise DataError(f"{file} holds {len(names):,} files; a capsule has at most {MOST_MEMBERS:,}.")
    if MANIFEST not in names:
        raise DataError(f"{file} is no capsule: it holds no {MANIFEST}. One is made by: qplug pack RUN")
    if (
        twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]
        if len(set(names)) < len(names)
        else []
    ):
        raise DataError(f"{file} holds {twice[0]!r} twice, so nobody can tell which of them is meant.")
    for name in names:
        inner = name.removeprefix(f"{CONTENT}/")
        listed = name != inner and any(pattern.fullmatch(inner) for pattern in LISTED.values())
        if not listed and name not in (MANIFEST, SEAL):
            raise DataError(f"{file} holds {name!r}, which no capsule holds. Nothing of it was put anywhere.")
