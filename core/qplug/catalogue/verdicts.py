"""What is remembered about plugins that were tried: so that a listing imports none and still names the broken ones.

A verdict holds as long as the plugin's files, its distribution and the folders that packages are installed into stay
as they are.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

from qplug.catalogue.claims import Claim
from qplug.contract.interfaces.component import INTERFACE
from qplug.version import __version__

_MOST = 1000
"""So many verdicts are kept, the latest; a file of some 200 kB at worst."""
_MOST_FILES = 2000
"""So many source files of one plugin are looked at."""
_unwritten: dict[str, Verdict] = {}
"""Verdicts by fingerprint that the cache did not take."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an attempt to load a plugin ended.

    Attributes:
        ok: whether it can be used.
        reason: why not; or a remark on one that can be.
        summary: the component's own one-line summary.
    """

    ok: bool
    reason: str = ""
    summary: str = ""


def cache_folder() -> Path:
    """Where qplug keeps what can be computed again: ``QPLUG_CACHE``, or the platform's folder for caches."""
    if chosen := os.environ.get("QPLUG_CACHE"):
        return Path(chosen).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("qplug")


def recall(claims: Iterable[Claim]) -> dict[Claim, Verdict]:
    """The verdicts that still hold for some of the ``claims``."""
    kept = _unwritten | _read()
    held = {}
    for claim in claims if kept else ():
        if known := kept.get(fingerprint(claim)):
            held[claim] = known
    return held


def remember(verdicts: Mapping[Claim, Verdict]) -> None:
    """Keeps verdicts for later listings; where the cache cannot be written, for this process alone."""
    kept = _read()
    new = {fingerprint(claim): verdict for claim, verdict in verdicts.items()}
    if all(kept.get(key) == verdict for key, verdict in new.items()):
        return
    for key, verdict in new.items():
        kept.pop(key, None)
        kept[key] = verdict
    latest = list(kept.items())[-_MOST:]
    try:
        _write_whole(_file(), json.dumps({key: asdict(verdict) for key, verdict in latest}, indent=0))
    except OSError:
        _unwritten.update(new)


def fingerprint(claim: Claim) -> str:
    """A hash of all that decides whether a plugin loads: its claim, its files, and what is installed beside it."""
    state = (
        __version__, INTERFACE, sys.prefix, sys.version,
        claim.kind, claim.name, claim.target, claim.provider, claim.version,
        _files(claim), [(str(folder), _changed(folder)) for folder in _install_folders(claim)],
    )  # fmt: skip
    return hashlib.sha256(repr(state).encode()).hexdigest()


def _install_folders(claim: Claim) -> list[Path]:
    """The folders that packages are installed into; their time of change moves when one is added or removed."""
    path = [Path(entry) for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]
    extra = [Path(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    return sorted({*path, *extra, *([claim.folder] if claim.folder else [])})


def _files(claim: Claim) -> list[tuple[str, int, int]]:
    try:
        spec = find_spec(claim.package) if claim.package else None
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


def _write_whole(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
