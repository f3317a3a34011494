"""A run of a set, carried out in a worker of an executor. Only text comes in, and only text goes out."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from qplug import catalogue
from qplug.contract.interfaces import Cell
from qplug.lab.comparison.needs import needs_of
from qplug.lab.config.resolve import resolve
from qplug.lab.runner import complete
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.workplace import Workplace

WORK = f"{__name__}:carry_out"


@dataclass(frozen=True)
class Spec:
    """All that a worker has to know of a run.

    Attributes:
        settings: the run's configuration; it alone decides the numbers.
        folder: where the run is kept.
        workplace: what the worker finds on its machine.
    """

    settings: dict[str, Any]
    folder: str
    workplace: dict[str, Any]


def cell_of(key: str, spec: Spec) -> Cell:
    """The run for an executor, with the threads and GPUs that its configuration says."""
    return Cell(key, json.dumps(asdict(spec)), needs_of(spec.settings))


def carry_out(text: str) -> str:
    """Completes one run and gives its most important number; all else stands in its folder."""
    spec = Spec(**json.loads(text))
    place = Workplace.from_json(spec.workplace)
    with catalogue.without(place.disabled):
        config = resolve([spec.settings])
    record = complete.complete(complete.Cell(config, Path(spec.folder)), place, Silent())
    return json.dumps({"accuracy": record.test.accuracy})
