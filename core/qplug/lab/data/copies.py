"""Copies across the parts of a split, searched once: what was found is kept in the cache."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from qplug.contract.errors import UserError
from qplug.contract.interfaces import Dataset
from qplug.lab.data import likeness
from qplug.lab.data.cache import Features, full_identity
from qplug.lab.data.code import hash_of
from qplug.lab.data.disk import write_json, writing_to
from qplug.lab.data.fingerprint import identity_hash
from qplug.lab.data.likeness import Alike, alike_across_parts
from qplug.lab.data.prints import identity, print_of, prints
from qplug.lab.data.splits import Split

FOLDER = "copies"
"""Where it is kept, in the cache: a folder for each state of a data set, and in it a file for each split."""

_log = logging.getLogger("qplug")
_LAST: dict[bytes, Features] = {}


def copies_across_parts(
    dataset: Dataset, extracted: Features, split: Split, *, name: str, cache: Path, most_workers: int | None = None
) -> list[Alike]:
    """What ``alike_across_parts`` finds by prints, which do not depend on the features of the run.

    It is found again as long as the bytes of the source files, the samples, the split, the data set's code and the code
    of the search are the same. A file that is not what was written is written anew.

    Args:
        dataset: loads the signals.
        extracted: its samples, and under which keys they are cached.
        split: its parts.
        name: the data set's name.
        cache: the cache folder.
        most_workers: how many processes make prints, at most; None: one per core.
    """
    made_of = _made_of(dataset, extracted, name)
    path = cache / FOLDER / made_of[:20] / f"{split.hashes['all']}.json"
    found = _read(path)
    if found is None:
        printed = _prints(dataset, extracted, made_of, name, cache, most_workers)
        content = made_of.encode() if len(printed.kept) == len(extracted.kept) else None
        found = alike_across_parts(printed.values, printed.kept, split, dataset.capabilities.modality, known_as=content)
        if content is not None:  # else a file could be read for the one and not for the other
            _write(path, found)
    return found


def _made_of(dataset: Dataset, extracted: Features, name: str) -> str:
    extractor = print_of(dataset)
    samples = hashlib.sha256(b"".join(extracted.keys)).hexdigest()
    return identity_hash({**full_identity(identity(name), dataset, extractor), "search": _rule(), "samples": samples})


@functools.cache
def _rule() -> str:
    """The code of the search, which decides what is found."""
    return hash_of([Path(str(likeness.__file__)).read_bytes()])


def _prints(
    dataset: Dataset, extracted: Features, made_of: str, name: str, cache: Path, most_workers: int | None
) -> Features:
    """The last ones again if they are of the same recordings: the next split is most often of them."""
    key = f"{cache} {made_of}".encode()
    if key not in _LAST:
        _LAST.clear()
        _LAST[key] = prints(dataset, extracted.kept, name=name, cache=cache, most_workers=most_workers)
    return _LAST[key]


def _write(path: Path, found: Sequence[Alike]) -> None:
    told = [[*pair.ids, *pair.parts, pair.likeness] for pair in found]
    with suppress(OSError, UserError), writing_to(path.parent, n_bytes=0):  # it only saves time
        write_json(path, {"found": told, "sha256": _digest(told)})


def _read(path: Path) -> list[Alike] | None:
    """What was found; None if it was not searched for yet, or the file is damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        told = content["found"]
        if content["sha256"] != _digest(told):
            raise ValueError("another digest")
        return [Alike((one, other), (part, across), float(alike)) for one, other, part, across, alike in told]
    except OSError:
        return None
    except (ValueError, KeyError, TypeError):
        _log.warning("%s is damaged; copies are searched for again.", path)
        return None


def _digest(told: Any) -> str:
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()
