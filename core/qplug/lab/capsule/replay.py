"""``replay``: every number of a run, a set of runs, a comparison or a capsule, recorded and derived again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qplug.contract.errors import QplugError, UserError
from qplug.lab.capsule.check import Check, failed
from qplug.lab.capsule.comparison import checks_of_comparison
from qplug.lab.capsule.opening import opened
from qplug.lab.capsule.run import checks_of_run, not_derived
from qplug.lab.capsule.sets import checks_of_old_folds, checks_of_set
from qplug.lab.comparison.plan_file import is_comparison
from qplug.lab.runs.directory import FOLDS, SET
from qplug.lab.runs.set_record import read_set

UNKNOWN = "-"
"""A folder's name that tells nothing."""


@dataclass(frozen=True)
class Replayed:
    """What came out.

    Attributes:
        what: the kind of folder: ``run``, ``set``, ``comparison``.
        checks: a check for each number.
        not_derived: what nothing else in the folder tells, in words.
    """

    what: str
    checks: tuple[Check, ...]
    not_derived: tuple[str, ...] = ()

    @property
    def faults(self) -> list[Check]:
        """The checks that do not hold."""
        return [check for check in self.checks if not check.holds]

    def to_json(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "what": self.what,
            "holds": not self.faults,
            "n_numbers": len(self.checks),
            "n_faults": len(self.faults),
            "numbers": [check.to_json() for check in self.checks],
            "not_derived": list(self.not_derived),
        }


def replay(folder: Path, *, name: str = "") -> Replayed:
    """Derives every number of finished work again, without its data and without torch.

    Args:
        folder: of a run, a set of runs or a comparison.
        name: what the folder was called where it was made; empty: as it is called now.

    Raises:
        UserError: the folder holds none of these, or it is not finished.
        DataError: what says what the folder holds is damaged.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}. All runs: qplug runs; all comparisons: qplug compare --list")
    what, checks = _found(folder, name)
    return Replayed(what, tuple(checks), tuple(_not_derived(what, folder)))


def replay_capsule(file: Path, also: Callable[[Path], Iterable[Check]] | None = None) -> Replayed:
    """The same of a capsule, each of whose files is first held against its manifest.

    Args:
        file: the capsule.
        also: gives further checks of a run's folder, while it is opened.

    Raises:
        DataError: it is no capsule, or holds what no capsule holds.
    """
    with opened(file) as capsule:
        manifest = capsule.manifest
        try:
            # Where settings were left out, the hash in the folder's name is not theirs.
            found = replay(capsule.folder, name=manifest.name if manifest.settings_as_they_were else UNKNOWN)
            if also is not None:
                _refuse_several(manifest.kind, file)
                found = replace(found, checks=(*found.checks, *also(capsule.folder)))
        except QplugError as error:
            told = str(error).replace(str(capsule.folder), manifest.name)
            found = Replayed(manifest.kind, (failed(manifest.name, "all", told),))
    lacking = () if manifest.settings_as_they_were else ("the hash in the folder's name, since settings were left out",)
    what = f"capsule of a {manifest.kind}"
    return Replayed(what, (*capsule.checks, *found.checks), (*found.not_derived, *lacking))


def replay_with(folder: Path, also: Callable[[Path], Iterable[Check]]) -> Replayed:
    """``replay`` of a run, with further checks of its folder."""
    found = replay(folder)
    _refuse_several(found.what, folder)
    return replace(found, checks=(*found.checks, *also(folder)))


def _refuse_several(what: str, where: Path) -> None:
    if what != "run":
        raise UserError(
            f"{where} holds a {what}, which is not judged again with data. Name one of its runs; a comparison is "
            "carried out again by: qplug compare plan.toml"
        )


def _found(folder: Path, name: str) -> tuple[str, Iterator[Check]]:
    if is_comparison(folder):
        return "comparison", checks_of_comparison(folder)
    if (folder / SET).is_file():
        return "set", checks_of_set(folder)
    if (folder / FOLDS).is_file():
        return "set of folds", checks_of_old_folds(folder)
    return "run", checks_of_run(folder, name=name)


def _not_derived(what: str, folder: Path) -> list[str]:
    if what == "run":
        return not_derived(folder)
    if what == "set":
        return not_derived(folder / read_set(folder).cells[0].folder)
    if what == "comparison":
        return ["the scores of the validation part", "training.parameters", "what circuits cost (plan.toml)"]
    return []
