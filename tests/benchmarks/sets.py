"""Sets of runs: how much two processes gain, and what is lost when processes are killed.

    python tests/benchmarks/sets.py
    python tests/benchmarks/sets.py --seeds 12 --epochs 10 --jobs 2 --kills 10 --json

Two heads with so many seeds on digits, once one after the other and once with ``--jobs``. The promise is the same
numbers and at least 1.6 times the speed with two jobs on two idle cores. Each kill ends the command, or one of its
workers, with SIGKILL at a drawn moment; the set is then resumed. The promise is the same table, finished runs that are
as they were, and no process left.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

HEADS = ("pennylane-pqc", "mlp")
KEPT = ("name", "n_runs", "test", "test_sd", "validation", "validation_sd")


def words(options: argparse.Namespace, out: Path, jobs: int) -> list[str]:
    """The command."""
    heads = [word for head in HEADS for word in ("--head", head)]
    given = ["--dataset", "digits", "--backbone", "identity", *heads, "--seed", f"0-{options.seeds - 1}"]
    given += ["--epochs", str(options.epochs), "--jobs", str(jobs), "--no-figures", "--json"]
    return [sys.executable, "-m", "qplug_cli", "run", *given, "--out", str(out)]


def environment(cache: Path) -> dict[str, str]:
    """That of the commands."""
    return os.environ | {"QPLUG_CACHE": str(cache)}


def table(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """What must be equal."""
    return [{key: arm[key] for key in KEPT} for arm in summary["arms"]]


def measured(options: argparse.Namespace, out: Path, cache: Path, jobs: int) -> tuple[float, dict[str, Any]]:
    """Wall-clock seconds of a whole command, and what it printed."""
    began = time.perf_counter()
    done = subprocess.run(words(options, out, jobs), env=environment(cache), capture_output=True, check=True)
    return time.perf_counter() - began, json.loads(done.stdout)


def killed(options: argparse.Namespace, out: Path, cache: Path, moment: float, victim: str) -> dict[str, Any]:
    """One command of which a process is killed, and what came of it."""
    process = subprocess.Popen(
        words(options, out, 2), env=environment(cache), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    end = time.monotonic() + moment
    while time.monotonic() < end and process.poll() is None:
        time.sleep(0.05)
    command = psutil.Process(process.pid)
    seen = [] if process.poll() is not None else command.children(recursive=True)
    at_work = [each.pid for each in seen if "comparison.worker" in " ".join(each.cmdline())]
    chosen = at_work[0] if victim == "worker" and at_work else process.pid
    finished = {path: path.read_bytes() for path in out.glob("*/cells/*/record.json")}
    if process.poll() is None:
        os.kill(chosen, signal.SIGKILL)
    printed, _ = process.communicate()
    time.sleep(2)
    left = [each for each in seen if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]
    if process.returncode == 0:
        summary = json.loads(printed)
    else:
        torn = next(out.iterdir(), None) if out.is_dir() else None
        again = [sys.executable, "-m", "qplug_cli", "resume", str(torn), "--jobs", "2", "--no-figures", "--json"]
        # One that was killed before it had a folder left nothing to go on with.
        way = words(options, out, 2) if torn is None else again
        done = subprocess.run(way, env=environment(cache), capture_output=True, check=True)
        summary = json.loads(done.stdout)
    untouched = all(path.read_bytes() == content for path, content in finished.items())
    return {"victim": victim, "moment": moment, "finished_before": len(finished), "untouched": untouched,
            "left_running": len(left), "table": table(summary)}  # fmt: skip


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=12, help="seeds of each of two heads (default 12)")
    parser.add_argument("--epochs", type=int, default=30, help="epochs of each run (default 30)")
    parser.add_argument("--jobs", type=int, default=2, help="runs at once (default 2)")
    parser.add_argument("--kills", type=int, default=0, help="also kill at so many drawn moments")
    parser.add_argument("--seed", type=int, default=0, help="decides the moments (default 0)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        cache = home / "cache"
        alone, serial = measured(options, home / "serial", cache, 1)
        together, parallel = measured(options, home / "parallel", cache, options.jobs)
        found = {
            "runs": len(HEADS) * options.seeds,
            "seconds one by one": alone,
            f"seconds with {options.jobs} jobs": together,
            "times as fast": alone / together,
            "equal numbers": [cell["test"] for cell in serial["cells"]] == [cell["test"] for cell in parallel["cells"]],
        }
        print(json.dumps(found), file=sys.stderr, flush=True)
        randomly, kills = random.Random(options.seed), []
        for number in range(options.kills):
            moment = randomly.uniform(0.1, 0.95) * together
            victim = randomly.choice(["command", "worker"])
            kills.append(killed(options, home / f"killed-{number}", cache, moment, victim))
            told = {key: value for key, value in kills[-1].items() if key != "table"}
            same = kills[-1]["table"] == table(serial)
            print(f"kill {number + 1} of {options.kills}: same table: {same}, {told}", file=sys.stderr, flush=True)
    if kills:
        found["kills"] = len(kills)
        found["same table after going on"] = sum(kill["table"] == table(serial) for kill in kills)
        found["finished runs untouched"] = sum(kill["untouched"] for kill in kills)
        found["processes left"] = sum(kill["left_running"] for kill in kills)
    if options.json:
        print(json.dumps({**found, "each kill": [{k: v for k, v in kill.items() if k != "table"} for kill in kills]}))
        return
    print("| what | measured |\n| --- | ---: |")
    for name, value in found.items():
        print(f"| {name} | {value:.3g} |" if isinstance(value, float) else f"| {name} | {value} |")


if __name__ == "__main__":
    main()
