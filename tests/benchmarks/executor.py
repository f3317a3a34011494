"""What the executor ``local`` costs by itself: CPU time per empty cell, and how much of a second worker is gained.

    python tests/benchmarks/executor.py
    python tests/benchmarks/executor.py --cells 5000 --slots 4 --seconds 5 --json

The promise is at most 3 ms of CPU per empty cell, and two workers that do at least 0.95 of twice the work of one on
cells of five seconds (``--seconds 5``). These cells sleep, so that other load on the machine tells nothing.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path

from qplug.contract.interfaces import Cell
from qplug.lab.comparison.local import Local


def rest(spec: str) -> str:
    """Work for a worker: so many seconds of sleep."""
    time.sleep(json.loads(spec))
    return spec


def cpu_seconds() -> float:
    """Of this process and of all that it started and that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def cost(n_cells: int, slots: int) -> float:
    """CPU seconds of a call with so many empty cells, workers included."""
    before = cpu_seconds()
    cells = (Cell(str(index), "null") for index in range(n_cells))
    assert all(done.result == "null" for done in Local(slots=slots)("qplug.testing.cells:echo", cells))
    return cpu_seconds() - before


def duration(n_cells: int, slots: int, seconds: float) -> float:
    """Wall-clock seconds of cells that sleep, from the first outcome on: every worker is warm by then."""
    cells = (Cell(str(index), json.dumps(seconds)) for index in range(n_cells + slots))
    start = 0.0
    for index, done in enumerate(Local(slots=slots)("executor:rest", cells)):
        assert not done.problem, done.problem
        if index == slots - 1:
            start = time.perf_counter()
    return time.perf_counter() - start


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=2000, help="empty cells (default 2000)")
    parser.add_argument("--slots", type=int, default=2, help="workers (default 2)")
    parser.add_argument("--seconds", type=float, default=0.0, help="also measure cells of so many seconds")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    few = cost(options.slots, options.slots)  # what starting the workers costs is no cell's
    measured = {
        "cells": options.cells,
        "slots": options.slots,
        "cpu_milliseconds_per_cell": 1000 * (cost(options.cells + options.slots, options.slots) - few) / options.cells,
        "cpu_seconds_to_start": few,
    }
    if options.seconds:
        sys.path.insert(0, str(Path(__file__).parent))
        alone = duration(4, 1, options.seconds)
        measured["gain_per_worker"] = alone / duration(4 * options.slots, options.slots, options.seconds)
    if options.json:
        print(json.dumps(measured))
        return
    print("| what | measured |\n| --- | ---: |")
    for name, value in measured.items():
        print(f"| {name.replace('_', ' ')} | {value:.3g} |")


if __name__ == "__main__":
    main()
