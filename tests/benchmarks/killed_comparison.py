"""What is lost when a whole comparison is killed: nothing that was finished.

    python tests/benchmarks/killed_comparison.py
    python tests/benchmarks/killed_comparison.py --share 0.4 --seeds 4 --epochs 3 --jobs 2 --json

A comparison on digits is carried out once undisturbed, then twice more: when so many of its cells are finished, the
command is killed with SIGKILL, alone, then with its whole process group, and given again as it was. The promise is that
no process is left, finished files keep their bytes and their time of change, and that the tables are equal byte for
byte. What times a table tells are no result and are left out of both: the column ``seconds`` of ``cells.csv``, and the
last one of the arms in ``comparison.tex``.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

_SECONDS_OF_ARM = re.compile(r"(?m)^(.* & (?:asked|baseline) & .*) & [^&]* \\\\$")
_PATIENCE = 30.0
"""Seconds within which all processes have to be gone, on a machine that does other things."""


def command(options: argparse.Namespace, folder: Path) -> list[str]:
    """The comparison, given as a user does."""
    given = ["--dataset", "digits", "--backbone", "identity", "--heads", options.heads, "--seeds", str(options.seeds)]
    given += ["--epochs", str(options.epochs), "--jobs", str(options.jobs), "--device", "cpu", "--no-transpile"]
    return [sys.executable, "-m", "qplug_cli", "compare", str(folder), *given, "--json"]


def tables(folder: Path) -> bytes:
    """Both tables of a comparison, without times."""
    rows = list(csv.DictReader(io.StringIO((folder / "cells.csv").read_text("utf-8"))))
    for row in rows:
        del row["seconds"]
    return (json.dumps(rows) + _SECONDS_OF_ARM.sub(r"\1", (folder / "comparison.tex").read_text("utf-8"))).encode()


def finished(folder: Path) -> dict[Path, tuple[bytes, int]]:
    """The files of all cells that are there, with their time of change."""
    cells = [path for path in folder.glob("cells/*/*.json") if not path.name.endswith(".failed.json")]
    files = [file for path in cells for file in (path, path.with_suffix(".npz"))]
    return {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in files}


def killed(options: argparse.Namespace, folder: Path, cache: Path, n_cells: int, victim: str) -> dict[str, Any]:
    """One comparison that is killed and given again, and what came of it."""
    surroundings = os.environ | {"QPLUG_CACHE": str(cache)}
    process = subprocess.Popen(
        command(options, folder), env=surroundings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    while len(finished(folder)) < 2 * options.share * n_cells and process.poll() is None:
        time.sleep(0.05)
    started = psutil.Process(process.pid).children(recursive=True)
    if victim == "process group":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
    _, left = psutil.wait_procs(started, timeout=_PATIENCE)
    before = finished(folder)
    subprocess.run(command(options, folder), env=surroundings, capture_output=True, check=True)
    after = finished(folder)
    return {
        "killed": victim,
        "cells": n_cells,
        "finished when killed": len(before) // 2,
        "finished files untouched": all(after[path] == found for path, found in before.items()),
        "computed afterwards": (len(after) - len(before)) // 2,
        "processes that it had": len(started),
        "processes left": len(left),
        "torn files": len(list(folder.rglob("*.partial"))),
        "tables": tables(folder),
    }


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heads", default="pennylane-pqc", help="beside the default arms (default pennylane-pqc)")
    parser.add_argument("--seeds", type=int, default=4, help="of each arm (default 4)")
    parser.add_argument("--epochs", type=int, default=3, help="of each cell (default 3)")
    parser.add_argument("--jobs", type=int, default=2, help="cells at once (default 2)")
    parser.add_argument("--share", type=float, default=0.4, help="how much is finished when it is killed (default 0.4)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        surroundings = os.environ | {"QPLUG_CACHE": str(home / "cache")}
        subprocess.run(command(options, home / "whole"), env=surroundings, capture_output=True, check=True)
        n_cells, expected = len(finished(home / "whole")) // 2, tables(home / "whole")
        told = []
        for victim in ("command alone", "process group"):
            found = killed(options, home / victim.replace(" ", "-"), home / "cache", n_cells, victim)
            told.append({**found, "tables": found["tables"] == expected})
            print(told[-1], file=sys.stderr, flush=True)
    if options.json:
        print(json.dumps(told))
        return
    print("| what | " + " | ".join(found["killed"] for found in told) + " |\n| --- | ---: | ---: |")
    for name in list(told[0])[1:]:
        words = "same tables" if name == "tables" else name
        print(f"| {words} | " + " | ".join(str(found[name]) for found in told) + " |")


if __name__ == "__main__":
    main()
