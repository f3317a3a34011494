"""Links between the page of a set and those of its runs, relative, so that they hold wherever the set is taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from qplug.lab.report.folds import FinishedSet
from qplug.lab.report.sets import FinishedRuns
from qplug.lab.report.source import FinishedRun
from qplug.lab.runs.directory import SET

PAGE = "report.html"


@dataclass(frozen=True)
class Whole:
    """The set that a run belongs to.

    Attributes:
        name: the name of its folder.
        href: its page, from that of the run; empty if it has none.
    """

    name: str
    href: str


def whole_of(run: FinishedRun, *, linked: bool) -> Whole | None:
    """The set that a run belongs to; None if it was run by itself."""
    home = run.directory.path.resolve()
    if (home.parents[1] / SET).is_file():
        return Whole(home.parents[1].name, _href(home, f"../../{PAGE}") if linked else "")
    if run.fold_set is None:
        return None
    name = run.fold_set.name
    return Whole(name, _href(home, f"../{name}/{PAGE}") if linked else "")


def links_of_folds(found: FinishedSet) -> Mapping[str, str]:
    """By the name of each fold's run that has a page, that page as seen from the set's."""
    above = "" if found.inside else "../"
    names = map(found.beside, found.runs.values())
    return _there(found.directory.path, ((name, above + name) for name in names))


def links_of_runs(found: FinishedRuns) -> Mapping[str, str]:
    """By the folder of each run that has a page, that page as seen from the set's."""
    return _there(found.directory.path, ((cell.folder, cell.folder) for cell in found.record.cells))


def _there(home: Path, named: Iterable[tuple[str, str]]) -> dict[str, str]:
    found = {name: _href(home, f"{folder}/{PAGE}") for name, folder in named}
    return {name: href for name, href in found.items() if href}


def _href(home: Path, relative: str) -> str:
    return quote(relative) if (home / relative).is_file() else ""
