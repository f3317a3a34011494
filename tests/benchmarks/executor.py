"""What executors cost by themselves, and what they lose when workers, machines or both die.

    python tests/benchmarks/executor.py
    python tests/benchmarks/executor.py --cells 5000 --slots 4 --seconds 5 --json
    python tests/benchmarks/executor.py --executor ray --cells 500 --seconds 5
    python tests/benchmarks/executor.py --faults
    python tests/benchmarks/executor.py --executor ray --faults --json

Cost and gain: the promise is at most 3 ms of CPU per empty cell for ``local`` and 30 ms for ``ray``, and two workers
that do at least 0.95 (``ray``: 0.9) of twice the work of one on cells of five seconds (``--seconds 5``). These cells
sleep, so that other load on the machine tells nothing.

Faults: 60 cells on two slots, with ``kill -9`` of a worker in a cell; for ``ray``, on a cluster of two nodes with a
token on this machine's loopback, also with all processes of a node killed, and with a node frozen. The promise is that
no cell is lost, that no more are repeated than were in flight, and that a cell starts again within 3 s (a worker), 15 s
(a node killed) and 60 s (a node frozen). A cluster without a token has to be refused.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from qplug import catalogue
from qplug.contract.errors import UserError
from qplug.contract.interfaces import Cell, Executor

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "plugins")]

from ray_cluster import Cluster, Node, cluster  # noqa: E402

SECONDS = 0.5
"""How long each of the sixty cells takes."""


def rest(spec: str) -> str:
    """Work for a worker: so many seconds of sleep."""
    time.sleep(json.loads(spec))
    return spec


def note(spec: str) -> str:
    """Work for a worker: notes when and where it was begun, and sleeps; the first time of some, for ever."""
    order = json.loads(spec)
    begun = Path(order["folder"], order["key"])
    first = not begun.exists()
    with begun.open("a") as file:
        file.write(f"{os.getpid()} {os.getsid(0)} {time.time()}\n")
    time.sleep(600 if first and order["hangs"] else SECONDS)
    return json.dumps(order["key"])


# Cost and gain


def cpu_seconds(cluster: Cluster | None) -> float:
    """Of this process, of all that it started and that have ended, and of the cluster."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    there = 0.0 if cluster is None else sum(node.cpu_seconds() for node in cluster.nodes)
    return sum(each.ru_utime + each.ru_stime for each in used) + there


def cost(make: Callable[[int], Executor], n_cells: int, slots: int, there: Cluster | None) -> float:
    """CPU seconds of so many empty cells, without what starting the workers costs, which is no cell's."""
    if there is None:  # what processes used is known when they have ended
        return _whole(make, n_cells + slots, slots) - _whole(make, slots, slots)
    cells = (Cell(str(index), "null") for index in range(n_cells + 4 * slots))
    before = after = 0.0
    for index, done in enumerate(make(slots)("qplug.testing.cells:echo", cells)):
        assert done.result == "null", done
        if index == 4 * slots - 1:  # all are warm
            before = cpu_seconds(there)
        if index == n_cells + 4 * slots - 1:
            after = cpu_seconds(there)
    return after - before


def _whole(make: Callable[[int], Executor], n_cells: int, slots: int) -> float:
    before = cpu_seconds(None)
    cells = (Cell(str(index), "null") for index in range(n_cells))
    assert all(done.result == "null" for done in make(slots)("qplug.testing.cells:echo", cells))
    return cpu_seconds(None) - before


def duration(make: Callable[[int], Executor], n_cells: int, slots: int, seconds: float) -> float:
    """Wall-clock seconds of cells that sleep, from the first outcome on: every worker is warm by then."""
    cells = (Cell(str(index), json.dumps(seconds)) for index in range(n_cells + slots))
    start = 0.0
    for index, done in enumerate(make(slots)("executor:rest", cells)):
        assert not done.problem, done.problem
        if index == slots - 1:
            start = time.perf_counter()
    return time.perf_counter() - start


# Faults


def with_fault(executor: Executor, harm: Callable[[int], None]) -> dict[str, float]:
    """Sixty cells, one of which hangs until ``harm`` is done to its process; what was lost and how long it took."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        orders = ({"folder": name, "key": f"{index:02}", "hangs": index == 20} for index in range(60))
        cells = (Cell(order["key"], json.dumps(order)) for order in orders)
        told: dict[str, float] = {}
        watch = threading.Thread(target=lambda: told.update(harmed=_harm(folder / "20", harm)), daemon=True)
        watch.start()
        done = list(executor("executor:note", cells))
        watch.join()
        begun = {path.name: path.read_text().splitlines() for path in folder.iterdir()}
    again = float(begun["20"][1].split()[2])
    return {
        "cells": len(done),
        "lost": sum(outcome.result is None for outcome in done),
        "repeated": sum(len(times) - 1 for times in begun.values()),
        "seconds_to_restart": again - told["harmed"],
    }


def _harm(note: Path, harm: Callable[[int], None]) -> float:
    while not note.exists() or not note.read_text().endswith("\n"):
        time.sleep(0.02)
    moment = time.time()
    harm(int(note.read_text().split()[0]))
    return moment


def kill_worker(pid: int) -> None:
    """Kills one process, as the kernel does when memory runs out."""
    os.kill(pid, signal.SIGKILL)


def node_of(pid: int, nodes: list[Node]) -> Node:
    """The node to which a worker belongs."""
    return next(node for node in nodes if pid in node.processes())


# Executors


@contextmanager
def executors(name: str, *cpus: int) -> Iterator[tuple[Callable[[int], Executor], Cluster | None]]:
    """Makes an executor with so many slots; for ``ray``, with a cluster that has these nodes."""
    if name == "local":
        yield lambda slots: catalogue.create("executor", "local", {"slots": slots}), None
        return
    with cluster(*cpus, path=str(HERE)) as there:
        os.environ.update(there.environment)
        yield lambda slots: catalogue.create("executor", name, {"slots": slots, "address": there.address}), there


def faults(name: str) -> dict[str, Any]:
    """What each kind of harm cost."""
    with executors(name, 2) as (make, _):
        told: dict[str, Any] = {"worker killed": with_fault(make(2), kill_worker)}
        print(told, file=sys.stderr)
    if name == "local":
        return told
    for words, number in (("node killed", signal.SIGKILL), ("node frozen", signal.SIGSTOP)):
        with executors(name, 0, 1, 1) as (make, there):
            assert there is not None
            nodes = there.nodes
            told[words] = with_fault(make(4), lambda pid, n=number, all_=nodes: node_of(pid, all_).signal(n))
            print(words, told[words], file=sys.stderr)
    told["open cluster refused"] = refuses_an_open_one()
    return told


def refuses_an_open_one() -> bool:
    """Whether a cluster without a token is refused; in a process of its own, since Ray reads its token once."""
    script = (
        "import sys; from qplug import catalogue; from qplug.contract.interfaces import Cell\n"
        "executor = catalogue.create('executor', 'ray', {'address': sys.argv[1]})\n"
        "list(executor('qplug.testing.cells:echo', [Cell('a', '1')]))"
    )
    with cluster(1, token=False) as there:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        words = [sys.executable, "-c", script, there.address]
        environment |= {"RAY_AUTH_TOKEN": "0" * 48}
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    return f"{UserError.__name__}: the cluster of Ray at {there.address} answers without a token" in done.stderr


def costs(options: argparse.Namespace) -> dict[str, Any]:
    """CPU per cell, and the gain of a second worker."""
    with executors(options.executor, options.slots) as (make, there):
        spent = cost(make, options.cells, options.slots, there)
        told: dict[str, Any] = {"cells": options.cells, "slots": options.slots}
        told["cpu_milliseconds_per_cell"] = 1000 * spent / options.cells
        if options.seconds:
            alone = duration(make, 4, 1, options.seconds)
            told["gain_per_worker"] = alone / duration(make, 4 * options.slots, options.slots, options.seconds)
    return told


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--executor", choices=["local", "ray"], default="local", help="which one (default local)")
    parser.add_argument("--cells", type=int, default=2000, help="empty cells (default 2000)")
    parser.add_argument("--slots", type=int, default=2, help="workers (default 2)")
    parser.add_argument("--seconds", type=float, default=0.0, help="also measure cells of so many seconds")
    parser.add_argument("--faults", action="store_true", help="kill and freeze, instead of measuring costs")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    measured = faults(options.executor) if options.faults else costs(options)
    measured["load"] = os.getloadavg()[0]
    if options.json:
        print(json.dumps(measured))
        return
    print("| what | measured |\n| --- | ---: |")
    for name, value in measured.items():
        row = {name: value} if not isinstance(value, dict) else {f"{name}: {key}": each for key, each in value.items()}
        for words, each in row.items():
            print(f"| {words.replace('_', ' ')} | {each:.3g} |")


if __name__ == "__main__":
    main()
