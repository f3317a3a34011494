"""``replay``: every number of a run, a set of runs, a comparison or a capsule, recorded and derived again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qplug.contract.errors import UserError
from qplug.lab.capsule.check import Check
from qplug.lab.capsule.comparison import checks_of_comparison
from qplug.lab.capsule.run import checks_of_run, not_derived
from qplug.lab.capsule.sets import checks_of_old_folds, checks_of_set
from qplug.lab.comparison.plan_file import is_comparison
from qplug.lab.runs.directory import FOLDS, SET
from qplug.lab.runs.set_record import read_set


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
