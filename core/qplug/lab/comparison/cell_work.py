"""A run of a set, carried out in a worker of an executor. Only text comes in, and only text goes out."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from qplug import catalogue
from qplug.contract.errors import UserError
from qplug.contract.interfaces import Cell, Executor
from qplug.lab.comparison.needs import needs_of
from qplug.lab.config.resolve import resolve
from qplug.lab.runner import complete
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.workplace import Workplace
from qplug.lab.runs.directory import SET

WORK = f"{__name__}:carry_out"


@dataclass(frozen=True)
class Spec:
    """All that a worker has to know of a run.

    Attributes:
        settings: the run's configuration; it alone decides the numbers.
        folder: where the run is kept.
        workplace: what is said of where the worker works; all else it finds out itself, see ``workplace_there``.
    """

    settings: dict[str, Any]
    folder: str
    workplace: dict[str, Any]


def told_of_workplace(place: Workplace, executor: Executor) -> dict[str, Any]:
    """What the workers of an executor are told of their workplace: all of it on this machine, little on others."""
    room = replace(place, workers=1).to_json()  # features are extracted by the cells side by side
    if executor.capabilities.machines == "one":
        return room
    return {name: room[name] for name in ("data_dir", "workers", "loggers", "disabled", "figures")}


def workplace_there(told: Mapping[str, Any]) -> Workplace:
    """The workplace of this worker: what it was told, and of the rest what its own machine says.

    A folder of data that is not on this machine says nothing here: the machine has its own.
    """
    own = Workplace.from_environment().to_json()
    place = Workplace.from_json(own | dict(told))
    if "data" in told or place.data_dir is None or place.data_dir.is_dir():
        return place
    return replace(place, data_dir=None)


def cell_of(key: str, spec: Spec) -> Cell:
    """The run for an executor, with the threads and GPUs that its configuration says."""
    return Cell(key, json.dumps(asdict(spec)), needs_of(spec.settings))


def carry_out(text: str) -> str:
    """Completes one run and gives its most important number; all else stands in its folder."""
    spec = Spec(**json.loads(text))
    _refuse_missing_folder(Path(spec.folder))
    place = workplace_there(spec.workplace)
    with catalogue.without(place.disabled):
        config = resolve([spec.settings])
    record = complete.complete(complete.Cell(config, Path(spec.folder)), place, Silent())
    return json.dumps({"accuracy": record.test.accuracy})


def _refuse_missing_folder(folder: Path) -> None:
    """A run's files are the set's: where its folder is not, they would be lost."""
    whole = folder.parent.parent
    if not (whole / SET).is_file():
        raise UserError(
            f"the set's folder {whole} is not on the machine {platform.node()}. Runs of a set on other machines need "
            "a folder that all of them share under the same path: --out /shared/runs."
        )
