"""Cells of a comparison, carried out in a worker of an executor. Only text comes in, and only text goes out."""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from qplug import catalogue
from qplug.contract.errors import ConfigError, DataError, QplugError
from qplug.contract.interfaces import Cell
from qplug.lab.comparison.cell_file import CellResult, Trial, cell_files
from qplug.lab.comparison.cell_work import workplace_there
from qplug.lab.comparison.needs import needs_of
from qplug.lab.comparison.plan_file import PlannedCell
from qplug.lab.comparison.trials import goodness, trial_settings
from qplug.lab.config.resolve import resolve
from qplug.lab.runner import complete
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.workplace import Workplace
from qplug.lab.runs.directory import RunDirectory
from qplug.lab.runs.run_record import RunRecord

WORK = f"{__name__}:carry_out"


@dataclass(frozen=True)
class Spec:
    """All that a worker has to know of one cell.

    Attributes:
        key: the cell's address.
        settings: the run's configuration.
        split: SHA-256 of the split that the plan was made with.
        code: SHA-256 of each part's code.
        versions: of the packages that this code imports.
    """

    key: str
    settings: dict[str, Any]
    split: str
    code: dict[str, str]
    versions: dict[str, str]


@dataclass(frozen=True)
class Order:
    """Some cells that one worker carries out: one, or several seeds of one arm that train in one pass.

    Attributes:
        cells: ``Spec``s as plain data.
        trials: how many settings each tries on its validation part.
        workplace: what the worker is told of its machine; of the rest its environment tells.
        keep: folder for whole run directories; None: they go.
        together: whether they train in one pass, a single one too: its numbers are those that it has beside others.
    """

    cells: list[dict[str, Any]]
    trials: int
    workplace: dict[str, Any]
    keep: str | None
    together: bool


def order_of(
    cells: Sequence[PlannedCell], trials: int, workplace: dict[str, Any], keep: Path | None, *, together: bool
) -> Cell:
    """Some cells of one arm as one piece of work for an executor."""
    specs = [
        Spec(
            key=cell.key,
            settings=cell.settings(),
            split=cell.split.hash,
            code={place: code.sha256 for place, code in cell.arm.code.items()},
            versions=dict(cell.arm.versions),
        )
        for cell in cells
    ]
    order = Order([asdict(spec) for spec in specs], trials, workplace, None if keep is None else str(keep), together)
    return Cell(cells[0].key, json.dumps(asdict(order)), needs_of(specs[0].settings))


def carry_out(text: str) -> str:
    """Carries out an order, and gives for each cell the content of its files, or the problem."""
    order = Order(**json.loads(text))
    specs = [Spec(**each) for each in order.cells]
    place = workplace_there(order.workplace)
    with catalogue.without(place.disabled), _folders(order) as home:
        if order.trials > 1:
            answers = [_answer(spec, partial(_best_trial, spec, order.trials, place, home)) for spec in specs]
        else:
            found = _completed(specs, place, home, together=order.together)
            answers = [_answer(spec, partial(_read_back, spec, each, home / spec.key))
                       for spec, each in zip(specs, found, strict=True)]  # fmt: skip
    return json.dumps(answers)


@contextmanager
def _folders(order: Order) -> Iterator[Path]:
    if order.keep is not None:
        yield Path(order.keep)
        return
    with tempfile.TemporaryDirectory(prefix="qplug-cells-") as scratch:
        yield Path(scratch)


def _completed(specs: Sequence[Spec], place: Workplace, home: Path, *, together: bool) -> list[RunRecord | QplugError]:
    cells = [complete.Cell(resolve([spec.settings]), home / spec.key) for spec in specs]
    if together:
        from qplug.lab.runner.together import complete_together

        return complete_together(cells, place, Silent(), even_one=True)
    return [complete.complete(cell, place, Silent()) for cell in cells]  # what it raises is told with its traceback


def _answer(spec: Spec, make: Callable[[], CellResult]) -> dict[str, Any]:
    """What became of a cell. One that fails keeps no other of its order from being told."""
    try:
        result = make()
    except QplugError as error:
        return {"key": spec.key, "problem": f"{type(error).__name__}: {error}"}
    packed, told = cell_files(result)
    accuracy = result.record.test.accuracy
    return {"key": spec.key, "npz": base64.b64encode(packed).decode(), "json": told.decode(), "accuracy": accuracy}


def _best_trial(spec: Spec, n_trials: int, place: Workplace, home: Path) -> CellResult:
    best: CellResult | None = None
    trials: list[Trial] = []
    for number, settings in enumerate(trial_settings(spec.settings, n_trials)):
        folder = home / spec.key / f"trial-{number + 1}"
        record = complete.complete(complete.Cell(resolve([settings]), folder), place, Silent())
        found = goodness(record.judgement("validation"), settings)
        if best is None or found > max(trial.goodness or float("-inf") for trial in trials):
            best = _read_back(spec, record, folder)
        trials.append(_told(settings, found))
    assert best is not None
    return best.with_trials(trials)


def _told(settings: Mapping[str, Any], found: float) -> Trial:
    names = ("learning_rate", "backbone_learning_rate", "quantum_learning_rate", "weight_decay")
    training = settings["training"]
    return Trial(settings={name: training[name] for name in names if training.get(name) is not None}, goodness=found)


def _read_back(spec: Spec, record: RunRecord | QplugError, folder: Path) -> CellResult:
    if isinstance(record, QplugError):
        raise record
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
