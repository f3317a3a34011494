"""A run of a set, carried out in a worker of an executor. Only text comes in, and only text goes out."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from qplug import catalogue
from qplug.contract.interfaces import Cell, Needs
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
    options, settings = spec.settings["training"], spec.settings
    processes = int(options["devices"])
    on_gpu = settings["device"] == "cuda"
    # Processes on the CPU share the threads of the run out among them, and each has at least one.
    threads = int(settings["threads"]) if on_gpu else max(int(settings["threads"]), processes)
    return Cell(key, json.dumps(asdict(spec)), Needs(threads=threads, gpus=processes if on_gpu else 0))


def carry_out(text: str) -> str:
    """Completes one run and gives its most important number; all else stands in its folder."""
    spec = Spec(**json.loads(text))
    place = Workplace.from_json(spec.workplace)
    with catalogue.without(place.disabled):
        config = resolve([spec.settings])
    record = complete.complete(complete.Cell(config, Path(spec.folder)), place, Silent())
    return json.dumps({"accuracy": record.test.accuracy})
