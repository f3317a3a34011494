"""What many cells on many machines need: files, bytes, submissions and time, computed from what is measured here.

    python tests/benchmarks/scale.py
    python tests/benchmarks/scale.py --cells 100000 --machines 1000 --cores 32 --minutes 2 --json
    python tests/benchmarks/scale.py --per-cell 7.5

Two small comparisons on digits, of two arms with few and with more seeds, tell the size of a cell's files and what a
warm cell costs; a process that imports what a cell needs tells what each worker costs once. What an executor costs per
cell is taken from tests/benchmarks/executor.py (``--per-cell``). All else is arithmetic, and printed with what goes in.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import fmean
from typing import Any

IMPORTS = "import resource, qplug.lab.comparison.compare_work, qplug.lab.training.fit, qplug_models.heads"
TELL = "r = resource.getrusage(resource.RUSAGE_SELF); print(r.ru_utime + r.ru_stime, r.ru_maxrss / 1024)"
ARMS = 2
BLOCK = 4096
"""Bytes of a block: no file takes less room on most file systems."""


def imports() -> tuple[float, float]:
    """CPU seconds and megabytes of a worker before its first cell."""
    told = subprocess.run([sys.executable, "-c", f"{IMPORTS}\n{TELL}"], capture_output=True, text=True, check=True)
    seconds, megabytes = map(float, told.stdout.split())
    return seconds, megabytes


def comparison(folder: Path, seeds: int) -> float:
    """CPU seconds of a comparison of two heads with so many seeds, cached features and all."""
    words = ["compare", str(folder), "--dataset", "digits", "--backbone", "identity", "--heads", "linear,mlp"]
    words += ["--no-baselines", "--seeds", str(seeds), "--set", "training.epochs=2", "--json"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {"QPLUG_CACHE": str(folder.parent / "cache")}
    done = subprocess.run(
        [sys.executable, "-m", "qplug_cli", *words], env=environment, capture_output=True, check=False
    )
    if done.returncode not in (0,):
        raise SystemExit(done.stderr.decode()[-2000:])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measured(few: int, many: int) -> dict[str, float]:
    """The figures that everything else is computed from."""
    seconds, megabytes = imports()
    with tempfile.TemporaryDirectory() as home:
        comparison(Path(home, "warm-up"), few)
        first, second = comparison(Path(home, "few"), few), comparison(Path(home, "many"), many)
        sizes: dict[str, list[int]] = {ending: [] for ending in (".json", ".npz")}
        for path in Path(home, "many", "cells").rglob("*"):
            if path.suffix in sizes:
                sizes[path.suffix].append(path.stat().st_size)
    return {
        "import_cpu_seconds": seconds,
        "import_megabytes": megabytes,
        "warm_cell_cpu_seconds": (second - first) / ((many - few) * ARMS),
        "json_bytes": fmean(sizes[".json"]),
        "npz_bytes": fmean(sizes[".npz"]),
    }


def at_scale(figures: dict[str, float], options: argparse.Namespace) -> dict[str, float]:
    """What so many cells on so many machines need."""
    slots = options.machines * options.cores
    on_disk = sum(-(-figures[name] // BLOCK) * BLOCK for name in ("json_bytes", "npz_bytes"))
    of_cells = options.cells * options.minutes / 60  # core hours
    submitting = options.cells * options.per_cell / 1000
    workers = min(slots, options.cells)
    computing = -(-options.cells // slots) * options.minutes * 60
    return {
        "files": 2 * options.cells,
        "folders": 256,
        "gigabytes": options.cells * (figures["json_bytes"] + figures["npz_bytes"]) / 1e9,
        "gigabytes_in_blocks": options.cells * on_disk / 1e9,
        "cells_per_folder": options.cells / 256,
        "core_hours_of_training": of_cells,
        "core_hours_of_imports": workers * figures["import_cpu_seconds"] / 3600,
        "core_hours_of_imports_if_no_worker_stayed_warm": options.cells * figures["import_cpu_seconds"] / 3600,
        "import_memory_per_machine_gigabytes": options.cores * figures["import_megabytes"] / 1000,
        "seconds_of_one_core_to_submit_and_hear_of_all": submitting,
        "cells_per_second_that_can_be_submitted": 1000 / options.per_cell,
        "cells_per_second_that_end": slots / (options.minutes * 60),
        "slots_that_one_submitter_keeps_busy": options.minutes * 60 * 1000 / options.per_cell,
        "wall_seconds_of_computing": computing,
        "array_jobs_of_a_machine_each": options.machines,
    }


def main() -> None:
    """Measures, computes and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=100_000, help="cells (default 100000)")
    parser.add_argument("--machines", type=int, default=1000, help="machines (default 1000)")
    parser.add_argument("--cores", type=int, default=32, help="cells at once on each (default 32)")
    parser.add_argument("--minutes", type=float, default=2.0, help="how long a cell trains (default 2)")
    parser.add_argument("--per-cell", type=float, default=30.0, help="CPU ms of the executor per cell (default 30)")
    parser.add_argument("--few", type=int, default=2, help="seeds of the smaller comparison (default 2)")
    parser.add_argument("--many", type=int, default=6, help="seeds of the larger one (default 6)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    figures = measured(options.few, options.many)
    told: dict[str, Any] = {"measured": figures, "computed": at_scale(figures, options), "load": os.getloadavg()[0]}
    if options.json:
        print(json.dumps(told))
        return
    for heading in ("measured", "computed"):
        print(f"| {heading} | |\n| --- | ---: |")
        for name, value in told[heading].items():
            print(f"| {name.replace('_', ' ')} | {value:,.4g} |")
        print()


if __name__ == "__main__":
    main()
