"""Past runs at a glance; a damaged one is shown as damaged, and hides no other."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qplug.contract.errors import DataError, QplugError
from qplug.lab.config.reading import parse_json, parse_toml
from qplug.lab.runs.directory import CONFIG, ENDED, ENVIRONMENT, FOLDS, METRICS, RECORD, SET, RunDirectory, Status
from qplug.lab.runs.evaluations import EVALUATIONS, count_evaluations
from qplug.lab.runs.glance import glance
from qplug.lab.runs.record_file import Glance, glance_at_record
from qplug.lab.runs.set_record import SetRecord, read_set, read_summary


@dataclass(frozen=True)
class RunSummary:
    """One line of ``qplug runs``: a run, or a set of runs with their mean.

    Attributes:
        path: its folder.
        status: finished, running or interrupted.
        started: ``YYYYmmdd-HHMMSS``, as in the folder's name.
        dataset: name of the data set.
        head: name of the head; of several, joined by ``+``.
        backend: name of the backend; empty where no head of the run has a circuit.
        seed: its seed; None for a set of several.
        fold: the fold that is its test part, if its split has folds; ``"all"`` for a set of several.
        test: the test metrics that are single numbers; empty while unfinished.
        stamps: what must stand beside its numbers, such as ``"LEAKY"``.
        problem: what is damaged; empty if nothing is.
        ended: how an unfinished run ended, such as ``failed: the disk is full``; empty if nothing was written down.
        evaluations: how often it was judged again.
        n_runs: how many runs a set is to have; 0 for a run, and for a set of folds of an older version.
    """

    path: Path
    status: Status
    started: str
    dataset: str = ""
    head: str = ""
    backend: str = ""
    seed: int | None = None
    fold: int | str | None = None
    test: Mapping[str, float] = field(default_factory=dict)
    stamps: tuple[str, ...] = ()
    problem: str = ""
    ended: str = ""
    evaluations: int = 0
    n_runs: int = 0


def list_runs(root: Path) -> list[RunSummary]:
    """All runs and sets of runs in a folder, the newest first; empty if there is no such folder.

    A folder without ``run.toml``, ``set.json`` or ``folds.json`` is neither; one whose files are damaged is listed with
    its problem.
    """
    if not root.is_dir():
        return []
    folders = sorted(root.iterdir(), key=lambda path: path.name, reverse=True)
    looked_at = ((path, _names(path)) for path in folders)
    return [_summarise(path, files) for path, files in looked_at if files & {CONFIG, FOLDS, SET}]


def _names(path: Path) -> set[str]:
    """The names in a folder, those of folders with a slash behind; none where it is no folder, or cannot be read."""
    try:
        with os.scandir(path) as entries:
            return {entry.name if entry.is_file() else f"{entry.name}/" for entry in entries}
    except OSError:
        return set()


def summarise(path: Path) -> RunSummary:
    """The summary of one run; never fails for a damaged file, but says so."""
    return _summarise(path, _names(path))


def _summarise(path: Path, files: Collection[str]) -> RunSummary:
    if SET in files:
        return _of_a_set(path)
    run = RunDirectory(path)
    status: Status = "finished" if RECORD in files or METRICS in files else run.status
    problems: list[str] = []
    config = _config(run, problems, several=FOLDS in files)
    seen = _glance(run, problems, typed=RECORD in files) if status == "finished" else Glance()
    telling = _fold_begun(path) if FOLDS in files else run
    circuits = _names_a_backend(telling) if seen.has_circuits is None else seen.has_circuits
    seed, fold = config.get("seed"), config.get("fold")
    ended = _ended(run, problems) if status == "interrupted" else ""
    return RunSummary(
        path=path,
        status=status,
        started=path.name[:15],
        dataset=_name(config.get("dataset")),
        head="+".join(_name(branch.get("head")) for branch in _branches(config)),
        backend=_name(config.get("backend")) if circuits else "",
        seed=seed if isinstance(seed, int) else None,
        fold="all" if FOLDS in files else fold if isinstance(fold, int) else None,
        test=seen.test,
        stamps=seen.stamps,
        problem=" ".join(problems),
        ended=ended,
        evaluations=count_evaluations(path) if f"{EVALUATIONS}/" in files else 0,
    )


def _of_a_set(path: Path) -> RunSummary:
    status = RunDirectory(path).status
    try:
        record = read_set(path)
        summary = read_summary(path) if status == "finished" else None
    except QplugError as error:
        return RunSummary(path=path, status=status, started=path.name[:15], problem=str(error))
    one = summary.arms[0] if summary is not None and len(summary.arms) == 1 else None
    done = sum((path / cell.folder / RECORD).is_file() for cell in record.cells) if summary is None else 0
    return RunSummary(
        path=path,
        status=status,
        started=path.name[:15],
        dataset=record.dataset,
        head="+".join(arm.name for arm in record.arms),
        backend="+".join(dict.fromkeys(_name(arm.settings.get("backend")) for arm in record.arms if _has(arm.code))),
        seed=_only({cell.seed for cell in record.cells}),
        fold=_fold_of(record),
        test={name: value for name, value in one.test.items() if value is not None} if one is not None else {},
        stamps=() if summary is None else summary.stamps,
        ended=f"{status}: {done} of {len(record.cells)} runs finished" if summary is None else "",
        n_runs=len(record.cells),
    )


def _only(values: set[int]) -> int | None:
    return next(iter(values)) if len(values) == 1 else None


def _fold_of(record: SetRecord) -> int | str | None:
    folds = {cell.fold for cell in record.cells if cell.fold is not None}
    return "all" if len(folds) > 1 else _only(folds)


def _ended(run: RunDirectory, problems: list[str]) -> str:
    if not (run.path / ENDED).is_file():
        return ""
    try:
        content = run.read_json(ENDED, whole=True)
    except QplugError as error:
        problems.append(str(error))
        return ""
    return f"{content['status']}: {content['reason']}"


def _names_a_backend(run: RunDirectory) -> bool:
    """Whether the run has a backend among its components; so it is taken where it does not name its components."""
    try:
        code = parse_json(run.read_text(ENVIRONMENT), ENVIRONMENT, DataError)
    except (QplugError, OSError):
        return True
    return _has(code.get("code") if isinstance(code, Mapping) else None)


def _has(parts: object) -> bool:
    """Whether a backend is among the parts; so it is taken where none are named."""
    return not isinstance(parts, Mapping) or not parts or "backend" in parts


def _fold_begun(path: Path) -> RunDirectory:
    """A run of a set of folds of an older version, which names its parts; without one the set itself."""
    try:
        runs = RunDirectory(path).read_json(FOLDS)["runs"]
        folders = [path.parent / str(name) for name in runs.values()]
    except (QplugError, KeyError, TypeError, AttributeError):
        folders = []
    return RunDirectory(next((folder for folder in folders if (folder / ENVIRONMENT).is_file()), path))


def _config(run: RunDirectory, problems: list[str], *, several: bool) -> dict[str, Any]:
    name = FOLDS if several else CONFIG
    try:
        if name == FOLDS:
            return dict(run.read_json(FOLDS)["settings"])
        text = run.read_text(CONFIG)
        plain = glance(text)
        return parse_toml(text, CONFIG, DataError) if plain is None else plain
    except (QplugError, KeyError, TypeError, ValueError) as error:
        problems.append(f"{name} is damaged: {error}.")
        return {}


def _glance(run: RunDirectory, problems: list[str], *, typed: bool) -> Glance:
    try:
        if typed:
            return glance_at_record(run)
        content = parse_json(run.read_text(METRICS), METRICS, DataError)
    except QplugError as error:
        problems.append(str(error))
        return Glance()
    test = content.get("test") if isinstance(content, Mapping) else None
    if not isinstance(test, Mapping):
        problems.append(f"{METRICS} has no test metrics.")
        return Glance()
    stamps = content.get("stamps")
    numbers = {name: value for name, value in test.items() if isinstance(value, int | float)}
    return Glance(numbers, tuple(map(str, stamps)) if isinstance(stamps, list) else ())


def _branches(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    several = config.get("branch")
    branches = several if isinstance(several, list) else [config]
    return [branch for branch in branches if isinstance(branch, Mapping)]


def _name(table: Any) -> str:
    return str(table.get("name", "")) if isinstance(table, Mapping) else ""
