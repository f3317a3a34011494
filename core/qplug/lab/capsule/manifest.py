"""``manifest.json``: what a capsule holds, with the SHA-256 of each file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from qplug.contract.errors import DataError
from qplug.lab.capsule.check import Check, failed
from qplug.lab.config.reading import parse_json
from qplug.lab.runs.digests import digest_of_file
from qplug.lab.runs.files import json_bytes
from qplug.lab.runs.run_record import Count, Table
from qplug.lab.runs.typed_file import refuse_newer, validated

MANIFEST = "manifest.json"
SEAL = "manifest.sha256"
"""Holds the SHA-256 of the manifest, so that a change of that is told too."""
CONTENT = "content"
"""Folder, in a capsule, of the files."""
VERSION: Literal[1] = 1

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Member(Table):
    """One file of a capsule."""

    sha256: Sha256
    size: Count = Field(description="bytes")


class Replaced(Table):
    """A file that is not as it was on the machine that it is from."""

    was: Sha256 = Field(description="SHA-256 of the file as it was")
    what: tuple[str, ...] = Field(description="what was replaced in it")


class Manifest(Table):
    """What a capsule holds.

    Attributes:
        kind: what was packed.
        name: what its folder was called.
        settings_as_they_were: whether the configuration is that by which the folder was named.
        left_out: files of the folder that are not handed over.
    """

    format: Literal["qplug-capsule"]
    version: Literal[1]
    kind: Literal["run", "set", "comparison"]
    name: Annotated[str, Field(pattern=r"^[^/\\]+$", max_length=255)]
    qplug: str
    settings_as_they_were: bool = True
    members: dict[str, Member]
    replaced: dict[str, Replaced] = Field(default={})
    left_out: tuple[str, ...] = ()


def manifest_bytes(manifest: Manifest) -> tuple[bytes, bytes]:
    """The manifest, and its seal."""
    content = json_bytes(manifest.model_dump(mode="json"))
    return content, f"{hashlib.sha256(content).hexdigest()}  {MANIFEST}\n".encode()


def read_manifest(folder: Path, where: str) -> Manifest:
    """The manifest of an opened capsule.

    Args:
        folder: where it was opened.
        where: the capsule's file, for errors.

    Raises:
        DataError: it is no capsule, its manifest is damaged, or a newer version wrote it.
    """
    if not (folder / MANIFEST).is_file():
        raise DataError(f"{where} is no capsule: it holds no {MANIFEST}. One is made by: qplug pack RUN")
    try:
        text = (folder / MANIFEST).read_text("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: {MANIFEST} is damaged: {error}.") from error
    place = f"{where}: {MANIFEST}"
    refuse_newer(parse_json(text, place, DataError), place, VERSION, "capsules")
    return validated(text, place, Manifest)


def checks_of_manifest(folder: Path, manifest: Manifest, there: Mapping[str, str]) -> Iterator[Check]:
    """A check for each file of an opened capsule, of those too that the manifest does not know.

    Args:
        folder: where it was opened.
        manifest: what it says of itself.
        there: the SHA-256 of each file that came out of it.
    """
    seal = folder / SEAL
    told = seal.read_text("utf-8", "replace").split()[:1] if seal.is_file() else ["missing"]
    found = digest_of_file(folder / MANIFEST)
    yield Check(f"{MANIFEST}, {SEAL}", "SHA-256", "".join(told), found, told == [found], MANIFEST)
    for name, member in sorted(manifest.members.items()):
        digest = there.get(f"{CONTENT}/{name}", "missing")
        yield Check(name, "SHA-256 in the capsule", member.sha256, digest, digest == member.sha256, MANIFEST)
        if digest != "missing":
            size = (folder / CONTENT / name).stat().st_size
            yield Check(name, "size in the capsule", member.size, size, size == member.size, MANIFEST)
    known = {MANIFEST, SEAL, *(f"{CONTENT}/{name}" for name in manifest.members)}
    for name in sorted(there.keys() - known):
        yield failed(
            name.removeprefix(f"{CONTENT}/"), "SHA-256 in the capsule", f"{MANIFEST} does not know this file", MANIFEST
        )
