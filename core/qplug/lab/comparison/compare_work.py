"""A cell of a comparison, carried out in a worker of an executor. Only text comes in, and only text goes out."""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qplug import catalogue
from qplug.contract.errors import ConfigError, DataError
from qplug.contract.interfaces import Cell
from qplug.lab.comparison.cell_file import CellResult, Trial, cell_files
from qplug.lab.comparison.cell_work import workplace_there
from qplug.lab.comparison.needs import needs_of
from qplug.lab.comparison.plan_file import PlannedCell
from qplug.lab.comparison.trials import goodness, trial_settings
from qplug.lab.config.resolve import resolve
from qplug.lab.config.training import LOWER_IS_BETTER
from qplug.lab.runner import complete
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.workplace import Workplace
from qplug.lab.runs.directory import RunDirectory
from qplug.lab.runs.run_record import RunRecord

WORK = f"{__name__}:carry_out"


@dataclass(frozen=True)
class Spec:
    """All that a worker has to know of a cell.

    Attributes:
        key: the cell's address.
        settings: the run's configuration.
        split: SHA-256 of the split that the plan was made with.
        code: SHA-256 of each part's code.
        versions: of the packages that this code imports.
        trials: how many settings are tried on the validation part.
        workplace: what the worker is told of its machine; of the rest its environment tells.
        keep: folder for the whole run directory; None: it goes.
    """

    key: str
    settings: dict[str, Any]
    split: str
    code: dict[str, str]
    versions: dict[str, str]
    trials: int
    workplace: dict[str, Any]
    keep: str | None


def spec_of(cell: PlannedCell, trials: int, workplace: dict[str, Any], keep: Path | None) -> Spec:
    """What a worker is told of a cell."""
    arm = cell.arm
    return Spec(
        key=cell.key,
        settings=cell.settings(),
        split=cell.split.hash,
        code={place: code.sha256 for place, code in arm.code.items()},
        versions=dict(arm.versions),
        trials=trials,
        workplace=workplace,
        keep=None if keep is None else str(keep / cell.key),
    )


def cell_of(spec: Spec) -> Cell:
    """The cell for an executor."""
    return Cell(spec.key, json.dumps(asdict(spec)), needs_of(spec.settings))


def carry_out(text: str) -> str:
    """Carries out one cell and gives the content of its files."""
    spec = Spec(**json.loads(text))
    place = workplace_there(spec.workplace)
    with catalogue.without(place.disabled):
        result = _best_trial(spec, place)
    packed, told = cell_files(result)
    accuracy = result.record.test.accuracy
    return json.dumps({"npz": base64.b64encode(packed).decode(), "json": told.decode(), "accuracy": accuracy})


def _best_trial(spec: Spec, place: Workplace) -> CellResult:
    best: CellResult | None = None
    trials: list[Trial] = []
    for number, settings in enumerate(trial_settings(spec.settings, spec.trials)):
        result = _completed(spec, settings, place, number)
        found = goodness(result.record.judgement("validation"), settings)
        trials.append(_told(settings, found))
        if best is None or found > max(trial.goodness or float("-inf") for trial in trials[:-1]):
            best = result
    assert best is not None
    return best.with_trials(trials) if spec.trials > 1 else best


def _told(settings: Mapping[str, Any], found: float) -> Trial:
    names = ("learning_rate", "backbone_learning_rate", "quantum_learning_rate", "weight_decay")
    training = settings["training"]
    return Trial(settings={name: training[name] for name in names if training.get(name) is not None}, goodness=found)


def _completed(spec: Spec, settings: dict[str, Any], place: Workplace, number: int) -> CellResult:
    config = resolve([settings])
    if spec.keep is not None:
        folder = Path(spec.keep) if spec.trials == 1 else Path(spec.keep) / f"trial-{number + 1}"
        return _read_back(spec, complete.complete(complete.Cell(config, folder), place, Silent()), folder)
    with tempfile.TemporaryDirectory(prefix="qplug-cell-") as scratch:
        folder = Path(scratch) / "run"
        return _read_back(spec, complete.complete(complete.Cell(config, folder), place, Silent()), folder)


def _read_back(spec: Spec, record: RunRecord, folder: Path) -> CellResult:
    _refuse_other_conditions(spec, record)
    run = RunDirectory(folder)
    rows = [row for row in run.read_csv("predictions.csv") if row["part"] == "test"]
    classes = list(record.test.per_class)
    history = run.read_csv("history.csv") if (folder / "history.csv").is_file() else []
    return CellResult(
        key=spec.key,
        record=record,
        ids=np.array([row["id"] for row in rows]),
        groups=np.array([row["group"] or row["id"] for row in rows]),
        labels=np.array([classes.index(row["label"]) for row in rows]),
        probabilities=np.array([[row[f"p_{name}"] for name in classes] for row in rows], dtype=np.float32),
        history=_columns(history),
    )


def _columns(history: list[dict[str, str]]) -> dict[str, Any]:
    names = [name for name in (history[0] if history else {}) if name not in ("stamps", "seconds")]
    return {name: np.array([float(row[name] or "nan") for row in history]) for name in names}


def _refuse_other_conditions(spec: Spec, record: RunRecord) -> None:
    """Refuses numbers that were not made as the plan says: other data, code or packages, as on another machine.

    Raises:
        DataError: the split is another one.
        ConfigError: code or packages differ; the message names the first.
    """
    if spec.settings.get("on_bad_file", "refuse") == "refuse" and record.split.hashes.get("all") != spec.split:
        raise DataError(
            f"the data here are not those that the comparison was planned with: its split has the hash "
            f"{spec.split[:12]}…, this one {str(record.split.hashes.get('all'))[:12]}…."
        )
    for place, sha256 in spec.code.items():
        about = record.environment.code.get(place)
        if about is not None and about.sha256 != sha256:
            raise ConfigError(
                f"the code of {about.kind} {about.name!r} is not the code that the comparison was planned with. "
                "Install the same version everywhere, or plan it anew."
            )
    for name, version in spec.versions.items():
        here = record.environment.packages.get(name)
        if here is not None and here != version:
            raise ConfigError(
                f"{name} is {here} here, but the comparison was planned with {version}. Install the same everywhere."
            )


def in_words(trials: tuple[Trial, ...], monitor: str) -> str:
    """How many settings were tried, and by what the best was chosen."""
    way = "lowest" if monitor in LOWER_IS_BETTER else "highest"
    return f"{len(trials)} settings, the one with the {way} validation {monitor.replace('_', ' ')}"
