"""Which files of finished work are handed over: those on a list, and of these no data, and nothing that is no file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from qplug.contract.errors import UserError
from qplug.lab.comparison.plan_file import PLAN as COMPARISON_PLAN
from qplug.lab.comparison.plan_file import is_comparison, read_plan
from qplug.lab.comparison.reading import read_outcome
from qplug.lab.runs.directory import FOLDS, SET, SUMMARY, RunDirectory
from qplug.lab.runs.lock import LOCK
from qplug.lab.runs.set_record import read_set

Kind: TypeAlias = Literal["run", "set", "comparison"]

_KEY = r"[0-9a-f]{64}"
_TABLES = r"record\.json|metrics\.json|predictions\.csv|digests\.json"
_FIGURES = r"(?:confusion_matrix|calibration|roc_pr|embedding|curves|gradients|verification|circuit(?:-\d+)?)\.png"
_SENT = r"plan(?:-\d+)?\.json|jobs\.jsonl|[\w.+-]+\.npz"
_RUN = "|".join([
    _TABLES, _FIGURES, r"run\.toml|environment\.json|split\.json|history\.csv|model\.safetensors",
    r"circuit(?:-\d+)?\.qasm", r"settings/[\w.+-]+/[\w.+-]+", rf"training/(?:{_SENT})", r"evaluations/ladder\.json",
    rf"evaluations/[\w.+-]+/(?:{_TABLES}|{_FIGURES}|{_SENT})",
])  # fmt: skip
LISTED: dict[Kind, re.Pattern[str]] = {
    "run": re.compile(_RUN),
    "set": re.compile(rf"set\.json|summary\.json|cells/{_KEY}/(?:{_RUN})"),
    "comparison": re.compile(rf"plan\.toml|outcome\.json|cells/[0-9a-f]{{2}}/{_KEY}\.(?:json|npz)"),
}
"""What may be in a capsule, by its kind. ``misclassified.png`` shows samples, so it is data; checkpoints hold more than
what is handed over, and reports are written again by a command."""


@dataclass(frozen=True)
class Found:
    """What lies in the folder of finished work.

    Attributes:
        kind: ``run``, ``set`` or ``comparison``.
        members: the files that are handed over, by their path in the folder.
        left_out: the paths of the others.
    """

    kind: Kind
    members: dict[str, Path]
    left_out: tuple[str, ...]


def members_of(folder: Path) -> Found:
    """What of a folder is handed over.

    Raises:
        UserError: it holds no finished run, set of runs or comparison.
        DataError: what it holds is damaged.
    """
    kind = kind_of(folder)
    members: dict[str, Path] = {}
    left_out: list[str] = []
    wanted = _planned(folder) if kind == "comparison" else None
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        listed = LISTED[kind].fullmatch(name) is not None and not path.is_symlink()
        if listed and (wanted is None or "/" not in name or Path(name).stem in wanted):
            members[name] = path
        elif not path.name.startswith(LOCK):
            left_out.append(name)
    return Found(kind, members, tuple(left_out))


def kind_of(folder: Path) -> Kind:
    """What a folder holds, finished.

    Raises:
        UserError: it holds no finished run, set of runs or comparison.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}. All runs: qplug runs; all comparisons: qplug compare --list")
    if (folder / COMPARISON_PLAN).is_file() and is_comparison(folder):
        read_outcome(folder)
        return "comparison"
    if (folder / SET).is_file():
        read_set(folder)
        if not (folder / SUMMARY).is_file():
            raise UserError(f"{folder} is not finished, so it cannot be packed. Go on with: qplug resume {folder}")
        return "set"
    if (folder / FOLDS).is_file():
        raise UserError(f"the runs of {folder} stand beside it, so it is no one thing to pack. Pack them one by one.")
    RunDirectory.open(folder).require_finished("it cannot be packed")
    return "run"


def _planned(folder: Path) -> set[str]:
    return {cell.key for cell in read_plan(folder).cells}


def _files(folder: Path) -> Iterator[Path]:
    """Everything that is no folder; links to folders are not followed."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            yield from _files(path)
        else:
            yield path
