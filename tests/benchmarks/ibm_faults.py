"""What a fault at each request of IBM's client does to a whole evaluation: nothing is paid for twice.

A small run is trained, and evaluated on a device of a server on this machine. Then it is evaluated anew for each
request of that, where this request fails: answered 502 twice, 401 once, or not at all. After each the same evaluation
is asked for until it is done, which must take one job. The server proves the client's side of the protocol alone.

The client's own pauses between its repeats, and the minute after a lost answer to its log-in, are left out; how often
it repeats is as it is.

Examples:
    python tests/benchmarks/ibm_faults.py --json        # all requests, some 100 s of CPU
    python tests/benchmarks/ibm_faults.py --every 5
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parents[1]))
from ibm_service.control import Control
from ibm_service.devices import Device
from ibm_service.server import serve
from ibm_service.service import Service

from qplug.contract.errors import QplugError
from qplug.lab.runner.asked import Asked
from qplug.lab.runner.evaluate import evaluate
from qplug.lab.runner.on_device import Spending
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import run_once
from qplug.lab.runner.workplace import Workplace

HOWS = {"502": 2, "dropped": 1, "401": 1}
"""What is answered, and how often in a row."""
MOST_TRIES = 4
"""So often the same evaluation is asked for until it must be done."""
PIPELINE = {
    "dataset": {"name": "chirps", "n_samples": 100},
    "features": {"name": "mel", "n_mels": 4},
    "backbone": {"name": "identity"},
    "reducer": {"name": "linear", "n_outputs": 2},
    "head": {"name": "pennylane-pqc", "n_qubits": 2, "n_layers": 1},
    "training": {"epochs": 1},
    "device": "cpu",
}


@dataclass(frozen=True)
class Walked:
    """One evaluation with a fault in it.

    Attributes:
        request: which request failed, counted from 0.
        how: what it was answered.
        errors: what the user was told before it was done.
        jobs: how many jobs the server took for it.
        resumable: whether it came to its end.
    """

    request: int
    how: str
    errors: tuple[str, ...]
    jobs: int
    resumable: bool


@dataclass
class Walk:
    """A trained run, and the server that it is evaluated at.

    Attributes:
        run: the run.
        ibm: the server.
        place: where it is worked on.
    """

    run: Path
    ibm: Control
    place: Workplace
    _number: int = 0

    def n_requests(self) -> int:
        """How many requests an evaluation without a fault makes."""
        before = sum(self.ibm.seen()["requests"].values())
        self._evaluated(self._question())
        return int(sum(self.ibm.seen()["requests"].values()) - before)

    def at(self, request: int, how: str) -> Walked:
        """An evaluation in which this request goes wrong."""
        question, before, errors = self._question(), len(self.ibm.jobs()), []
        self.ibm.fault("at_request", HOWS[how], after=request, how=how)
        done = False
        for _ in range(MOST_TRIES):
            try:
                self._evaluated(question)
                done = True
                break
            except QplugError as error:
                errors.append(str(error))
        self.ibm.clear()
        return Walked(request, how, tuple(errors), len(self.ibm.jobs()) - before, done)

    def _question(self) -> Asked:
        self._number += 1
        settings = {"backend": {"name": "ibm", "layout_seeds": 1, "device": "ibm_oslo"}}
        return Asked(settings, size=(2, 100), attempt=self._number)

    def _evaluated(self, question: Asked) -> dict[str, Any]:
        free = Spending(budget=60, allow=lambda _: True, sleep=lambda _: None)
        return evaluate(self.run, question, Silent(), workplace=self.place, spending=free)


class Ahead:
    """A clock for the client's log-in that waits for nothing: it is ahead by all pauses that were asked for."""

    def __init__(self) -> None:
        self.by = 0.0

    def time(self) -> float:
        return time.time() + self.by

    def sleep(self, seconds: float) -> None:
        self.by += seconds


@contextmanager
def walking(folder: Path) -> Iterator[Walk]:
    """A run that was trained in the folder, with the client of this process pointed at a server."""
    place = Workplace(cache=folder / "cache", figures=False)
    run = Path(run_once([PIPELINE], folder / "runs", Silent(), workplace=place)["run"])
    unhurried = patch("urllib3.util.retry.Retry.sleep", lambda *_: None)
    signing_in = patch("ibm_cloud_sdk_core.token_managers.token_manager.time", Ahead())
    with (
        serve(Service([Device("FakeOslo", 0)], noise=False)) as control,
        patch.dict(os.environ, {**control.environment, "QPLUG_CACHE": str(folder / "cache")}),
        unhurried,
        signing_in,
    ):
        yield Walk(run, control, place)


def walk(folder: Path, every: int = 1, hows: Iterable[str] = HOWS) -> Iterator[Walked]:
    """Each request in turn, with each fault."""
    with walking(folder) as walking_at:
        for request in range(0, walking_at.n_requests(), every):
            for how in hows:
                yield walking_at.at(request, how)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="takes each so many-th request")
    parser.add_argument("--json", action="store_true", help="a document instead of lines")
    words = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for one in walk(Path(folder), words.every):
            found.append(one)
            if not words.json:
                print(f"request {one.request} {one.how}: {one.jobs} job, told {list(one.errors)}", flush=True)
    wrong = [one for one in found if one.jobs != 1 or not one.resumable]
    if words.json:
        print(json.dumps({"walked": len(found), "wrong": [asdict(one) for one in wrong]}))
    else:
        print(f"{len(found)} faults, {len(wrong)} wrong")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
