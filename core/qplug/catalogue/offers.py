"""What is installed: the names that distributions offer through entry points. Nothing is imported."""

from __future__ import annotations

import difflib
import functools
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, EntryPoints, PackageNotFoundError, distributions
from pathlib import Path

from qplug import installation, variables
from qplug.contract.errors import PluginError
from qplug.contract.kinds import KINDS
from qplug.installation import canonical

GROUPS = {**KINDS, "hook": "qplug.hooks", "command": "qplug.commands"}
"""Each kind that plugins announce, hooks and commands among them, and its entry-point group."""

PEERS = "qplug.peers"
"""The group of what ``qplug bench`` compares with, which is no part of a run."""

OWN_COMMANDS = (
    "run", "compare", "cards", "reproduce", "resume", "evaluate", "predict", "report", "export", "verify",
    "replay", "pack", "runs", "jobs", "data", "bench", "diagnose",
    "recipes", "list", "plugins", "search", "show", "check", "new", "explain", "registry", "cache", "doctor",
    "completion",
)  # fmt: skip
"""The commands that qplug has itself. No plugin's takes the place of one."""

_TARGET = re.compile(r"^(?P<module>[^\W\d]\w*(\.[^\W\d]\w*)*)\s*(:\s*(?P<path>[^\W\d]\w*(\.[^\W\d]\w*)*))?\s*$")


@dataclass(frozen=True, slots=True)
class Offer:
    """A distribution says: this name of this kind is mine, and the code is there.

    Attributes:
        kind: one of ``GROUPS``, or ``"peer"``.
        name: what the user writes.
        target: ``package.module:Class``.
        provider: the distribution's name; ``qplug`` for this project's own, however that is called today.
        version: the distribution's version.
        folder: the folder on ``sys.path`` that holds the distribution's metadata.
        file: the file that no package brings, if it stands in one; it is imported already.
        summary: of what stands in such a file, in one line.
    """

    kind: str
    name: str
    target: str
    provider: str
    version: str
    folder: Path | None = None
    file: Path | None = None
    summary: str = ""

    def parts(self) -> tuple[str, str]:
        """Module and path inside it; the path is empty for a module with hooks.

        Raises:
            PluginError: the target is not of the form ``package.module:Class``.
        """
        match = _TARGET.match(self.target)
        if match is None or not (match["path"] or self.kind in ("hook", "command")):
            raise PluginError(f"its entry point says {self.target!r}, which is not of the form 'package.module:Class'")
        return match["module"], match["path"] or ""

    @property
    def package(self) -> str:
        """The top-level package of the target, as far as one can be read from it."""
        return re.split(r"[.:\s]", self.target, maxsplit=1)[0]

    @property
    def key(self) -> str:
        """What it claims and where the code is, in one word."""
        return f"{self.kind} {self.name} = {self.target}"


def offers() -> list[Offer]:
    """All offers of all installed distributions and of the files that the user named, by kind and name."""
    found = list(_offers(installed()))
    return sorted([*found, *_of_files()], key=_order) if variables.plugin_files() else found


def _of_files() -> list[Offer]:
    from qplug.catalogue.plugin_files import file_parts  # most have no file, and need none of what imports one

    return [
        Offer(part.kind, part.name, part.target, part.file.name, "", part.file.parent, part.file, part.summary)
        for part in file_parts()
    ]


def _order(offer: Offer) -> tuple[int, str, str]:
    return list(GROUPS).index(offer.kind), offer.name, offer.provider


def peer_offers() -> list[Offer]:
    """What distributions announce for ``qplug bench`` to compare with, by name."""
    found = (_offer("peer", point, _facts) for point in _points(installed()).select(group=PEERS))
    return sorted(found, key=lambda offer: (offer.name, offer.provider))


def misspelt_groups() -> list[str]:
    """What is announced in groups that begin as qplug's do and are none of them, each in a sentence."""
    ours = [*GROUPS.values(), PEERS]
    return [
        f"{point.dist.name if point.dist else 'a distribution'} announces {point.name!r} in the entry-point group "
        f"{group!r}, which qplug does not know{_meant(group, ours)}. Groups: {', '.join(ours)}"
        for group in sorted(_points(installed()).groups)
        if group.lower().replace("_", ".").replace("-", ".").startswith("qplug.") and group not in ours
        for point in _points(installed()).select(group=group)
    ]


def _meant(group: str, known: list[str]) -> str:
    near = difflib.get_close_matches(group.lower(), known, n=1, cutoff=0.6)
    return f"; did its author mean {near[0]!r}?" if near else ""


def installed() -> tuple[tuple[str, int], ...]:
    """What differs once a distribution is installed, removed or put on ``sys.path``: each folder there and its time."""
    return tuple((folder, _changed(folder or ".")) for folder in sys.path)


def _changed(folder: str) -> int:
    try:
        return Path(folder).stat().st_mtime_ns
    except OSError:
        return 0


@functools.lru_cache(maxsize=4)  # one run asks some hundred times, and each reading takes tens of milliseconds
def _points(_: tuple[tuple[str, int], ...]) -> EntryPoints:
    return EntryPoints(point for distribution in _announcing() for point in distribution.entry_points)


def _announcing() -> Iterator[Distribution]:
    """The distributions with qplug in their entry points: to parse those of all would be most of a listing's work."""
    seen = {canonical(old.name) for old in installation.superseded()}
    for distribution in distributions():
        if "qplug" not in (distribution.read_text("entry_points.txt") or "").lower():
            continue
        name = canonical(distribution.name)
        if name not in seen and _is_first(distribution):
            seen.add(name)
            yield distribution


def _is_first(distribution: Distribution) -> bool:
    """Whether no other of its name stands before it on ``sys.path``: then that one would be imported."""
    try:
        first = Distribution.from_name(distribution.name)
    except (PackageNotFoundError, ValueError):
        return True
    return first.locate_file("") == distribution.locate_file("")


@functools.lru_cache(maxsize=4)
def _offers(state: tuple[tuple[str, int], ...]) -> list[Offer]:
    found = _points(state)
    read = functools.cache(_facts)  # each access to a name or version parses the distribution's metadata anew
    return sorted(
        (_offer(kind, point, read) for kind, group in GROUPS.items() for point in found.select(group=group)),
        key=_order,
    )


def same_distribution(one: str, other: str) -> bool:
    """Whether two distribution names mean the same one; ``-``, ``_``, ``.`` and case do not count."""
    return canonical(one) == canonical(other)


def _facts(distribution: Distribution) -> tuple[str, str, Path]:
    """A distribution's name, version and folder."""
    name = distribution.name
    if installation.may_be_ours(name):
        name = installation.provider(name, ours=installation.is_ours(distribution))
    return name, distribution.version, Path(str(distribution.locate_file("")))


def _offer(kind: str, point: EntryPoint, read: Callable[[Distribution], tuple[str, str, Path]]) -> Offer:
    if point.dist is None:
        return Offer(kind, point.name, point.value, "an unknown distribution", "")
    return Offer(kind, point.name, point.value, *read(point.dist))
