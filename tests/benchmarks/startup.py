"""How long commands take to start: processor seconds of whole processes, beside those of another checkout.

    python tests/benchmarks/startup.py
    python tests/benchmarks/startup.py --turns 5 --json
    python tests/benchmarks/startup.py --against ../older/.venv/bin/qplug
    python tests/benchmarks/startup.py --only list --only runs --many 5000

Processor seconds, user and system, are those of a command and all its children; they say more than the clock does on a
machine that is busy. Both checkouts take turns, each with runs and a cache of its own. The promise, with every extra
installed on two cores: 0.35 s for list and --help, and 2 s for the list of 5,000 runs.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HEADS = ("linear", "pennylane-pqc")
OURS = (sys.executable, "-m", "qplug_cli")


@dataclass(frozen=True)
class Checkout:
    """One installation that is measured, with a folder of its own.

    Attributes:
        command: the words that start it.
        folder: where its cache and runs are.
    """

    command: tuple[str, ...]
    folder: Path

    def seconds(self, words: list[str]) -> float:
        """Processor seconds of one command and its children."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.call(words)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def call(self, words: list[str]) -> None:
        """Runs one command to its end, which is to be a good one."""
        environment = os.environ | {"QPLUG_CACHE": str(self.folder / "cache")}
        done = subprocess.run(
            [*self.command, *words], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
        )
        if done.returncode:
            raise SystemExit(f"{' '.join([*self.command, *words])}: {done.stderr.decode()}")

    def run_of(self, head: str) -> Path:
        """The folder of its run with that head, made when it is first asked for."""
        out = self.folder / head
        if not out.exists():
            self.call(["run", "--dataset", "digits", "--head", head, "--epochs", "1", "--out", str(out)])
        return next(out.iterdir())

    def many(self, number: int) -> Path:
        """A folder of so many copies of a finished run."""
        out = self.folder / f"many-{number}"
        if not out.exists():
            run = self.run_of("linear")
            for index in range(number):
                shutil.copytree(run, out / f"{run.name}{index}", copy_function=os.link)
        return out


def image(folder: Path) -> Path:
    """An image of eight by eight pixels to classify, as binary PGM."""
    path = folder / "new.pgm"
    path.write_bytes(b"P5 8 8 255\n" + bytes(range(0, 256, 4)))
    return path


def commands(checkout: Checkout, many: int) -> Iterator[tuple[str, list[str]]]:
    """Each command that is measured, by the name in the table."""
    yield "--help", ["--help"]
    yield "list", ["list"]
    yield "show head pennylane-pqc", ["show", "head", "pennylane-pqc"]
    yield "doctor, new cache", ["doctor"]
    yield "doctor", ["doctor"]
    for head in HEADS:
        yield f"predict, {head}", ["predict", str(checkout.run_of(head)), str(image(checkout.folder))]
    for head in HEADS:
        for kind in ("safetensors", "onnx", "qasm3")[: 2 if head == "linear" else 3]:
            out = checkout.folder / f"exported-{head}.{kind}"
            yield f"export --to {kind}, {head}", ["export", str(checkout.run_of(head)), "--to", kind, "--out", str(out)]
    yield f"runs, {many}", ["runs", "--out", str(checkout.many(many))]


def turn(checkout: Checkout, many: int, only: list[str]) -> dict[str, float]:
    """One measurement of each command."""
    took = {}
    for name, words in commands(checkout, many):
        if only and not any(name.startswith(each) for each in only):
            continue
        if name == "doctor, new cache":
            shutil.rmtree(checkout.folder / "cache", ignore_errors=True)
        took[name] = checkout.seconds(words)
    return took


def table(ours: dict[str, float], other: dict[str, float] | None) -> Iterator[str]:
    """The lines of the table, in Markdown."""
    yield "| command | CPU s |" + (" CPU s of the other | ratio |" if other else "")
    yield "| --- | ---: |" + (" ---: | ---: |" if other else "")
    for name, seconds in ours.items():
        more = f" {other[name]:.2f} | {seconds / other[name]:.2f} |" if other else ""
        yield f"| `{name}` | {seconds:.2f} |{more}"


def main() -> None:
    """Measures the commands in turns and prints their medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=3, help="measurements of each command (default 3)")
    parser.add_argument("--against", metavar="COMMAND", help="the qplug command of another checkout")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="commands that begin so")
    parser.add_argument("--many", type=int, default=5000, help="runs that are listed (default 5000)")
    parser.add_argument("--folder", type=Path, help="keep runs and caches here, to measure again without making them")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = (options.folder or Path(folder)).absolute()
        checkouts = [Checkout(OURS, place / "ours")]
        checkouts += [Checkout((options.against,), place / "other")] if options.against else []
        for each in checkouts:
            each.folder.mkdir(parents=True, exist_ok=True)
        turns = [[turn(each, options.many, options.only) for each in checkouts] for _ in range(options.turns)]
    columns = [
        {name: statistics.median(each[name] for each in column) for name in column[0]}
        for column in zip(*turns, strict=True)
    ]
    if options.json:
        print(json.dumps({"turns": options.turns, "median_cpu_seconds": columns}))
        return
    print("\n".join(table(columns[0], columns[1] if options.against else None)))


if __name__ == "__main__":
    main()
