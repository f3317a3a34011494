"""``pack``: finished work as one file to hand over, without data, secrets and the folders of the machine."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from qplug.atomic import write_atomically
from qplug.contract.errors import DataError, UserError, some_of
from qplug.lab.capsule.cleaning import (
    Cleaned,
    cleaned,
    folders_named,
    has_changed_settings,
    refuse_changed_settings,
    refuse_secrets,
)
from qplug.lab.capsule.manifest import CONTENT, MANIFEST, SEAL, VERSION, Manifest, Member, Replaced, manifest_bytes
from qplug.lab.capsule.members import Found, members_of
from qplug.lab.capsule.replay import replay
from qplug.lab.comparison.plan_file import PLAN
from qplug.lab.runs.digests import DIGESTS, digest
from qplug.lab.runs.directory import CONFIG, SET
from qplug.version import __version__

ENDING = ".capsule.zip"
_FEW = 3


@dataclass(frozen=True)
class Packed:
    """A capsule that was written.

    Attributes:
        file: where.
        size: its bytes.
        manifest: what it holds.
    """

    file: Path
    size: int
    manifest: Manifest


def pack(folder: Path, out: Path | None = None) -> Packed:
    """Writes a finished run, set of runs or comparison as one file; the same work gives the same bytes.

    Args:
        folder: of the run, the set of runs or the comparison.
        out: the file; None: beside the folder, with its name.

    Raises:
        UserError: it is not finished, a number of it does not hold, or a file holds a secret; nothing was written.
        DataError: a file cannot be read.
    """
    found = members_of(folder)
    if faults := replay(folder).faults:
        told = some_of([f"{fault.file}: {fault.number}" for fault in faults], _FEW)
        raise UserError(f"{folder} is not packed, for not all of its numbers hold ({told}). See: qplug replay {folder}")
    before = {name: _read(path) for name, path in found.members.items()}
    known = folders_named(before, folder)
    after = {name: cleaned(name, content, known) for name, content in before.items()}
    _refuse_what_cannot_be_told(found, before, after)
    after |= _new_digests(after)
    for name, each in after.items():
        refuse_secrets(name, each.content)
    manifest = _manifest(folder, found, before, after)
    content = _archive(manifest, {name: each.content for name, each in after.items()})
    file = out or folder.resolve().with_name(folder.resolve().name + ENDING)
    if file.is_dir():
        raise UserError(
            f"{file} is a folder. Name a file with --out, such as {file / (folder.resolve().name + ENDING)}."
        )
    if not file.absolute().parent.is_dir():
        raise UserError(
            f"there is no folder {file.absolute().parent} for {file.name}. Make it, or name another with --out."
        )
    write_atomically(file, content)
    return Packed(file, len(content), manifest)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


def _refuse_what_cannot_be_told(found: Found, before: Mapping[str, bytes], after: Mapping[str, Cleaned]) -> None:
    """Runs of a set and cells of a comparison are named by their settings, which must not change on the way."""
    for name in (SET, PLAN) if found.kind != "run" else ():
        if name in before:
            refuse_changed_settings(name, before[name], after[name].content)


def _new_digests(after: Mapping[str, Cleaned]) -> dict[str, Cleaned]:
    """Each ``digests.json`` for the files beside it as they are handed over."""
    found = {}
    for name in after:
        place = PurePosixPath(name)
        if place.name != DIGESTS:
            continue
        written = json.loads(after[name].content)
        there = {inner: after.get((place.parent / inner).as_posix()) for inner in written}
        told = {inner: digest(each.content) for inner, each in there.items() if each is not None}
        if told != written:
            content = (json.dumps(told, indent=1, sort_keys=True) + "\n").encode()
            found[name] = Cleaned(content, ("digests of what was replaced or left out",))
    return found


def _manifest(folder: Path, found: Found, before: Mapping[str, bytes], after: Mapping[str, Cleaned]) -> Manifest:
    replaced = {name: each for name, each in after.items() if each.changes}
    return Manifest(
        format="qplug-capsule",
        version=VERSION,
        kind=found.kind,  # type: ignore[arg-type]
        name=folder.resolve().name,
        qplug=__version__,
        settings_as_they_were=found.kind != "run" or not has_changed_settings(before[CONFIG], after[CONFIG].content),
        members={name: Member(sha256=digest(each.content), size=len(each.content)) for name, each in after.items()},
        replaced={name: Replaced(was=digest(before[name]), what=each.changes) for name, each in replaced.items()},
        left_out=found.left_out,
    )


def _archive(manifest: Manifest, contents: Mapping[str, bytes]) -> bytes:
    """A zip archive whose bytes depend on the contents alone."""
    told, seal = manifest_bytes(manifest)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        entries = {f"{CONTENT}/{name}": contents[name] for name in sorted(contents)}
        for name, content in {MANIFEST: told, SEAL: seal, **entries}.items():
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o100644 << 16
            archive.writestr(entry, content, compresslevel=6)
    return file.getvalue()


def digest_of_capsule(file: Path) -> str:
    """SHA-256 (hex) of the whole file, by which two people know that they look at the same one."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
