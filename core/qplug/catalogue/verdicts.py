"""What is remembered about plugins that were tried: so that a listing imports none and still names the broken ones.

A verdict holds as long as the plugin's files and its distribution stay as they are. One that a plugin cannot be used
holds no longer than the folders that packages are installed into, since what it lacks may have come. That a plugin took
too long is never remembered beyond the process that waited for it: it may say something about the moment only.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from qplug.atomic import replacing
from qplug.catalogue.offers import Offer
from qplug.contract.kinds import INTERFACE
from qplug.variables import cache_folder
from qplug.version import __version__

_MOST = 1000
"""So many verdicts are kept, the latest; a file of some 200 kB at worst."""
_MOST_FILES = 2000
"""So many source files of one plugin are looked at."""
_unwritten: dict[str, Verdict] = {}
"""Verdicts by key that this process alone remembers: the cache did not take them, or they are of the moment."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an attempt to load a plugin ended.

    Attributes:
        ok: whether it can be used.
        reason: why not; or a remark on one that can be.
        summary: the component's own one-line summary.
        momentary: whether it was given up for its time, so that another attempt may end otherwise.
    """

    ok: bool
    reason: str = ""
    summary: str = ""
    momentary: bool = field(default=False, compare=False)


def recall(offers: Iterable[Offer]) -> dict[Offer, Verdict]:
    """The verdicts that still hold for some of the ``offers``."""
    kept = _unwritten | _read()
    held, files = {}, functools.cache(_files)
    for offer in offers if kept else ():
        whole, beside = _keys(offer, files)
        if known := kept.get(whole) or kept.get(beside):
            held[offer] = known
    return held


def remember(verdicts: Mapping[Offer, Verdict]) -> None:
    """Keeps verdicts for later listings; where the cache cannot be written, for this process alone."""
    kept, files = _read(), functools.cache(_files)
    keys = {offer: _keys(offer, files) for offer in verdicts}
    new: dict[str, Verdict] = {}
    for offer, verdict in verdicts.items():
        whole, beside = keys[offer]
        for old in keys[offer]:
            _unwritten.pop(old, None)
        (_unwritten if verdict.momentary else new)[whole if verdict.ok else beside] = verdict
    if all(kept.get(key) == verdict for key, verdict in new.items()):
        return
    for old in (key for both in keys.values() for key in both):  # what was known of it before is no longer true
        kept.pop(old, None)
    kept |= new
    latest = list(kept.items())[-_MOST:]
    try:
        _file().parent.mkdir(parents=True, exist_ok=True)
        with replacing(_file()) as file:
            file.write(json.dumps({key: _plain(verdict) for key, verdict in latest}, indent=0).encode())
    except OSError:
        _unwritten.update(new)


def _plain(verdict: Verdict) -> dict[str, Any]:
    return {"ok": verdict.ok, "reason": verdict.reason, "summary": verdict.summary}


def _keys(offer: Offer, files: Callable[[str], list[tuple[str, int, int]]]) -> tuple[str, str]:
    """Hashes of all that decides whether a plugin loads: its offer and its files; and beside them what is installed.

    Args:
        offer: the plugin's offer.
        files: gives the files of a package, their times of change and sizes.
    """
    state = (
        __version__, INTERFACE, sys.prefix, sys.version,
        offer.kind, offer.name, offer.target, offer.provider, offer.version, files(offer.package),
    )  # fmt: skip
    whole = hashlib.sha256(repr(state).encode()).hexdigest()
    beside = (whole, [(str(folder), _changed(folder)) for folder in _install_folders(offer)])
    return whole, hashlib.sha256(repr(beside).encode()).hexdigest()


def _install_folders(offer: Offer) -> list[Path]:
    """The folders that packages are installed into; their time of change moves when one is added or removed."""
    path = [Path(entry) for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]
    extra = [Path(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    return sorted({*path, *extra, *([offer.folder] if offer.folder else [])})


def _files(package: str) -> list[tuple[str, int, int]]:
    try:
        spec = find_spec(package) if package else None
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return []
    roots = [Path(root) for root in spec.submodule_search_locations or ()]
    files = [file for root in roots for file in root.rglob("*.py")] or [Path(spec.origin or "")]
    return sorted((str(file), _changed(file), _size(file)) for file in files[:_MOST_FILES])


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _file() -> Path:
    return cache_folder() / "plugins.json"


def _read() -> dict[str, Verdict]:
    try:
        return {key: Verdict(**fields) for key, fields in json.loads(_file().read_text("utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # none yet, or damaged: it is only a cache
