"""Every fold of a split, one run each, and their mean: a set of folds, which can be gone on with like a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import nan
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from qplug.contract.errors import Interrupted, UserError
from qplug.lab.config.layers import Layer
from qplug.lab.config.resolve import resolve
from qplug.lab.config.toml import short_hash, to_layer
from qplug.lab.measures import SUMMARY
from qplug.lab.pipeline.describe import describe
from qplug.lab.pipeline.parts import assemble
from qplug.lab.runner.complete import Cell, complete
from qplug.lab.runner.inventory import inventory
from qplug.lab.runner.refusals import refuse_small_parts, splits_of_all_folds
from qplug.lab.runner.reporter import Reporter
from qplug.lab.runner.run import resume_run
from qplug.lab.runner.unused import unused_backend
from qplug.lab.runner.workplace import Workplace
from qplug.lab.runs.directory import FOLDS, METRICS, RunDirectory
from qplug.lab.runs.record_file import read_record


def run_every_fold(layers: Sequence[Layer], out: Path, reporter: Reporter) -> dict[str, Any]:
    """One run per fold; gives the mean over folds with its spread, and each fold's own summary under ``folds``.

    The runs stand in ``out`` as others do. Beside them stands a folder that says which they are, so that a set that was
    interrupted can be gone on with, and in the end holds their mean and spread.

    Raises:
        UserError: the split has no folds, or what ``run_once`` raises.
        Interrupted: the user stopped it; the message says how to go on.
    """
    config = resolve(layers)
    parts = assemble(config)
    found = inventory(config, parts, Workplace.from_environment())
    splits = splits_of_all_folds(config, parts, found.samples)
    description = describe(config, parts)
    for split in splits.values():
        refuse_small_parts(config, parts, split, description)
    folder, numbers = found.folder, list(splits)
    if unused := unused_backend(layers, config, parts):
        reporter.note(unused)
    data_dir = folder.resolve() if parts.dataset.capabilities.needs_folder else None
    config = replace(config, fold=None, data_dir=data_dir)
    name = f"{short_hash(config)}-folds"
    with RunDirectory.create(out, dataset=config.dataset.name, head=config.heads, short_hash=name) as directory:
        folds_of = _Folds(directory, {"settings": to_layer(config), "folds": numbers, "runs": {}})
        try:
            return folds_of.go_on(reporter)
        except BaseException:
            if not any(folds_of.path(number).exists() for number in numbers):
                directory.discard()
            raise


def resume_folds(path: Path, reporter: Reporter) -> dict[str, Any]:
    """Goes on with an interrupted set of folds: finished ones are kept, unfinished ones gone on with or begun.

    Raises:
        UserError: it is finished, another process works on it, or what ``resume_run`` raises.
        Interrupted: the user stopped it again.
    """
    with RunDirectory.reopen(path) as directory:
        if directory.status == "finished":
            raise UserError(f"all folds of {path} are finished; there is nothing to resume. Look at them: qplug runs")
        return _Folds(directory, directory.read_json(FOLDS, whole=True)).go_on(reporter)


def resume(path: Path, reporter: Reporter) -> dict[str, Any]:
    """Goes on with an interrupted run or set of folds, whichever ``path`` holds; see ``resume_run``."""
    return (resume_folds if (path / FOLDS).is_file() else resume_run)(path, reporter)


class _Folds:
    """The runs of a set, by fold, and the folder that names them."""

    def __init__(self, directory: RunDirectory, record: dict[str, Any]) -> None:
        self._directory = directory
        self._record = record
        self._out = directory.path.parent
        directory.write_json(FOLDS, record)

    def path(self, number: int) -> Path:
        """The run of a fold; of one that was not begun, a folder that does not exist."""
        return self._out / str(self._record["runs"].get(str(number), f"{self._directory.name}-{number}"))

    def go_on(self, reporter: Reporter) -> dict[str, Any]:
        """Runs what is not finished; gives and writes down the mean over all folds."""
        summaries = []
        for number in self._record["folds"]:
            try:
                summaries.append(self._fold(number, reporter))
            except (Interrupted, KeyboardInterrupt):
                raise Interrupted(
                    f"stopped in fold {number}; {len(summaries)} of {len(self._record['folds'])} folds are finished. "
                    f"Go on with: qplug resume {self._directory.path}"
                ) from None
        # Named without their folder, so that all of them may be moved together.
        self._directory.write_json(METRICS, over_folds([{**each, "run": Path(each["run"]).name} for each in summaries]))
        return {"set": str(self._directory.path), **over_folds(summaries)}

    def _fold(self, number: int, reporter: Reporter) -> dict[str, Any]:
        path = self.path(number)
        reporter.note(f"fold {number} of {self._record['settings']['dataset']['name']}")
        if not path.exists():
            config = resolve([{"fold": number}, self._record["settings"]])
            self._record["runs"][str(number)] = path.name
            self._directory.write_json(FOLDS, self._record)
            written = complete(Cell(config, path), Workplace.from_environment(), reporter)
            return written.summary(str(path))
        run = RunDirectory.open(path)
        return read_record(path).summary(str(run.path)) if run.status == "finished" else resume_run(path, reporter)


def over_folds(summaries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The mean of several folds' summaries, and the standard deviation of each metric between folds."""
    first = summaries[0]
    same = ("dataset", "head", "backend", "trained_on", "seed", "split", "parameters", "reference")
    return {
        "run": [each["run"] for each in summaries],
        **{key: first[key] for key in same},
        **{f"n_{part}": sum(each[f"n_{part}"] for each in summaries) for part in ("train", "validation", "test")},
        **{part: _over(summaries, part, fmean) for part in ("test", "validation")},
        **{f"{part}_sd": _over(summaries, part, _spread) for part in ("test", "validation")},
        "stamps": list(dict.fromkeys(_all(each["stamps"] for each in summaries))),
        "train_seconds": sum(each["train_seconds"] for each in summaries),
        "warnings": list(dict.fromkeys(_all(each["warnings"] for each in summaries))),
        "folds": list(summaries),
    }


def _over(summaries: Sequence[Mapping[str, Any]], part: str, statistic: Any) -> dict[str, float]:
    return {
        name: float(statistic([nan if each[part][name] is None else each[part][name] for each in summaries]))
        for name in SUMMARY
    }


def _spread(values: Sequence[float]) -> float:
    return stdev(values) if len(values) > 1 else 0.0


def _all(lists: Iterable[Iterable[str]]) -> Iterable[str]:
    return (entry for entries in lists for entry in entries)
