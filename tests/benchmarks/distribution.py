"""Whether what is handed out works: builds sdist and wheel, installs them with each extra alone, and runs commands.

    python tests/benchmarks/distribution.py
    python tests/benchmarks/distribution.py --extras none,image,audio+pennylane --kind sdist
    python tests/benchmarks/distribution.py --python python3.12 --folder /tmp/distribution --json

Each column of the table is an environment of its own with one extra (``none``: without any; ``a+b``: with two), in
which every command runs from an empty directory, with a home and a cache of its own. A cell says ``works``; or
``[extra]``, where a command refused with exit code 2 (``show``, which refuses nothing: told) and named the extra that
brings what is missing here, by a command for this very file. Anything else is FAULT, told below the table, and the
exit code is 1. Environments with torch begin as copies of one with the extra ``torch``, which holds what they have in
common; hard links save the room. Each is deleted when it is done, unless ``--keep``.

Needs ``build`` and ``hatchling`` (the extra ``dev``), and a package index.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS: Mapping[str, list[str]] = PROJECT["optional-dependencies"]
COLUMNS = (
    "none", "torch", "audio", "image", "pennylane", "qiskit", "ibm", "hf", "onnx", "tensorboard", "mlflow", "ray",
    "audio+pennylane",
)  # fmt: skip
UNPINNED = frozenset({"mlflow"})
"""Extras that are installed without the constraints, as their pages say: their own ranges exclude them."""
SMALL = ["run", "--epochs", "1", "--no-figures"]
DIGITS = ["--dataset", "digits"]
FAKE = ["--backend", "ibm", "--set", "backend.fake=FakeTorino", "--samples", "2", "--shots", "64", "--yes"]

MODEL = """
import torch, transformers
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil
torch.manual_seed(0)
config = transformers.ResNetConfig(hidden_sizes=[8, 16], depths=[1, 1], embedding_size=8, layer_type="basic")
for part in (transformers.ResNetModel(config), ConvNextImageProcessorPil(size={"shortest_edge": 32})):
    part.save_pretrained("model")
"""
"""A tiny untrained model in the layout of the published ones, made where the extra ``hf`` is installed."""


COMPILED = "import lightning.pytorch, matplotlib.pyplot, numba, scipy.stats, sklearn.datasets"
"""Compiles, once for all copies, what pip was told not to compile."""


@dataclass(frozen=True)
class Task:
    """Something that a user does.

    Attributes:
        name: its row of the table.
        words: the words behind ``qplug``; RUN stands for the folder of the run that the first such task made.
        needs: the extras that bring what it uses.
        variables: what it sets in the environment.
        prepare: Python to run before, where it is to work.
        leaves: files that are there afterwards, as a pattern below the working directory.
        as_json: whether it prints one JSON document.
        tells: whether it works without its extras too, and then tells which.
    """

    name: str
    words: list[str]
    needs: frozenset[str] = frozenset()
    variables: Mapping[str, str] = field(default_factory=dict)
    prepare: str = ""
    leaves: str = ""
    as_json: bool = False
    tells: bool = False


def _needing(*extras: str) -> frozenset[str]:
    return frozenset(extras)


HF = ["--features", "hf-features", "--backbone", "hf"]
MODEL_HERE = [f"--set={part}.model=model" for part in ("features", "backbone")]
TASKS = (
    Task("--help", ["--help"]),
    Task("list", ["list"]),
    Task("list --json", ["list", "--json"], as_json=True),
    Task("doctor", ["doctor", "--offline"]),
    Task("search kernel", ["search", "kernel"]),
    Task("show head pennylane-pqc", ["show", "head", "pennylane-pqc"], _needing("pennylane"), tells=True),
    Task("show executor ray", ["show", "executor", "ray"], _needing("ray"), tells=True),
    Task("new plugin", ["new", "plugin", "night-birds", "--kind", "head"], leaves="night-birds/pyproject.toml"),
    Task("run (the quickstart)", ["run"], _needing("audio", "pennylane"), leaves="runs/*/record.json"),
    Task(
        "run digits, linear",
        ["run", "--dataset", "digits", "--head", "linear", "--epochs", "1", "--out", "first"],
        _needing("torch"),
        leaves="first/*/confusion_matrix.png",
    ),
    Task("report", ["report", "RUN"], _needing("torch"), leaves="first/*/*.html"),
    Task("export --to safetensors", ["export", "RUN", "--to", "safetensors"], _needing("torch")),
    Task("export --to onnx", ["export", "RUN", "--to", "onnx"], _needing("onnx"), leaves="first/*/export/*.onnx"),
    Task("run chirps, linear", [*SMALL, "--dataset", "chirps", "--head", "linear"], _needing("audio")),
    Task(
        "run digits, pennylane-pqc",
        [*SMALL, *DIGITS, "--head", "pennylane-pqc", "--set", "head.n_qubits=2"],
        _needing("pennylane"),
    ),
    Task(
        "run digits, qiskit-qnn on aer",
        [*SMALL, *DIGITS, "--head", "qiskit-qnn", "--set", "head.n_qubits=2", "--backend", "aer"],
        _needing("qiskit"),
    ),
    Task(
        "run digits, on a fake device",
        [*SMALL, *DIGITS, "--head", "data-reuploading", "--set", "head.n_qubits=2", *FAKE],
        _needing("ibm"),
    ),
    Task(
        "run digits, hf-features and hf",
        [*SMALL, *DIGITS, *HF, *MODEL_HERE, "--set", "features.modality=image", "--head", "linear"],
        _needing("hf"),
        prepare=MODEL,
    ),
    Task(
        "logger tensorboard",
        [*SMALL, *DIGITS, "--head", "linear", "--out", "logged"],
        _needing("tensorboard"),
        {"QPLUG_LOGGERS": "tensorboard"},
        leaves="logged/*/tensorboard/*",
    ),
    Task(
        "logger mlflow",
        [*SMALL, *DIGITS, "--head", "linear"],
        _needing("mlflow"),
        {"QPLUG_LOGGERS": "mlflow", "MLFLOW_TRACKING_URI": "sqlite:///runs.db"},
        leaves="runs.db",
    ),
)


def brought(extras: Iterable[str]) -> frozenset[str]:
    """These extras and those that they contain."""
    found: set[str] = set()
    waiting = list(extras)
    while waiting:
        extra = waiting.pop()
        found.add(extra)
        for requirement in EXTRAS[extra]:
            inner = re.fullmatch(rf"{PROJECT['name']}\[(.+)\]", requirement)
            waiting += inner[1].split(",") if inner else []
    return frozenset(found)


def extras_of(column: str) -> list[str]:
    """The extras that a column of the table stands for."""
    return [] if column == "none" else column.split("+")


def called(words: list[str], **options: object) -> subprocess.CompletedProcess[str]:
    """A command that has to succeed."""
    done = subprocess.run(words, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}: exit code {done.returncode}\n{(done.stdout + done.stderr)[-3000:]}")
    assert isinstance(done, subprocess.CompletedProcess)
    return done


def build(folder: Path) -> dict[str, Path]:
    """The sdist, and the wheel that is made from it, by kind."""
    shutil.rmtree(folder, ignore_errors=True)
    called([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)])
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return {"sdist": sdist, "wheel": wheel}


@dataclass(frozen=True)
class Environment:
    """An installation in a folder of its own.

    Attributes:
        folder: of the virtual environment.
        package: the file that qplug is installed from.
        column: what stands above it in the table.
    """

    folder: Path
    package: Path
    column: str

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    def make(self, python: str, beginning: Environment | None) -> str:
        """Creates it and installs into it, upon a copy of another one if there is one.

        Returns:
            What pip said went wrong; "" if nothing did.
        """
        if beginning is None:
            called([python, "-m", "venv", str(self.folder)])
        else:
            shutil.copytree(beginning.folder, self.folder, symlinks=True, copy_function=os.link)
            self.pip("--force-reinstall", "--no-deps", str(self.package))  # its command names the copied interpreter
        extras = extras_of(self.column)
        pinned = [] if UNPINNED & set(extras) else ["--constraint", str(ROOT / "constraints.txt")]
        return self.pip(*pinned, f"{self.package}[{','.join(extras)}]" if extras else str(self.package))

    def pip(self, *words: str) -> str:
        """Has pip install that; what it said went wrong."""
        command = [str(self.python), "-m", "pip", "install", "--quiet", "--no-compile", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return f"pip install {' '.join(words)}: {done.stderr[-1500:]}" if done.returncode else ""

    def variables(self, home: Path) -> dict[str, str]:
        """What commands see: nothing of this user's settings and folders."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("QPLUG_", "PYTHON"))}
        place = {"HOME": str(home), "QPLUG_CACHE": str(home / "cache"), "PATH": f"{self.folder / 'bin'}:{kept['PATH']}"}
        return {"OMP_NUM_THREADS": "1"} | kept | place


@dataclass(frozen=True)
class Place:
    """An empty directory, and the environment that is tried from it."""

    environment: Environment
    work: Path
    home: Path

    def cell(self, task: Task) -> tuple[str, str]:
        """What the table says of a task here, and what is told below it."""
        extras = brought(extras_of(self.environment.column))
        runs = sorted(self.work.glob("first/*"))
        if "RUN" in task.words and not runs:
            return "–", ""
        works = task.needs <= extras
        variables = self.environment.variables(self.home) | dict(task.variables)
        if works and task.prepare:
            called([str(self.environment.python), "-c", task.prepare], cwd=self.work, env=variables)
        words = [str(runs[0]) if word == "RUN" else word for word in task.words]
        before = set(self.work.rglob("*"))
        done = subprocess.run(
            [str(self.environment.folder / "bin" / "qplug"), *words],
            cwd=self.work, env=variables, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if works:
            fault = self._worked(task, done)
            return ("FAULT", fault) if fault else ("works", "")
        left = set(self.work.rglob("*")) - before
        return self._refused(task, done, extras, left)

    def _worked(self, task: Task, done: subprocess.CompletedProcess[str]) -> str:
        """What is wrong with how something went that was to work."""
        if done.returncode or "Traceback" in done.stderr:
            return f"exit code {done.returncode}\n{(done.stdout[-500:] + done.stderr[-1500:])}"
        if task.leaves and not any(self.work.glob(task.leaves)):
            return f"it left no {task.leaves}"
        if task.as_json:
            json.loads(done.stdout)
        return ""

    def _refused(
        self, task: Task, done: subprocess.CompletedProcess[str], extras: frozenset[str], left: set[Path]
    ) -> tuple[str, str]:
        """What the table says of something that lacks an extra, and what is wrong with how it was refused."""
        told = " ".join((done.stdout if task.tells else done.stderr).split())
        hint = re.search(rf"pip install '?{re.escape(str(self.environment.package))}\[([a-z,]+)\]", told)
        if done.returncode != (0 if task.tells else 2) or "Traceback" in done.stderr or hint is None:
            return "FAULT", f"no refusal with a command that helps, exit code {done.returncode}\n{done.stderr[-1500:]}"
        # Loggers are looked at once the pipeline itself can run.
        needs = _needing("torch") if task.variables and "torch" not in extras else task.needs
        if not needs <= extras | brought(hint[1].split(",")):
            return "FAULT", f"needs {sorted(needs)}, and was told {hint[0]}"
        if left:
            return "FAULT", f"refused, and left {sorted(map(str, left))[:3]}"
        return f"[{hint[1]}]", ""


def column(environment: Environment, only: list[str]) -> Iterator[tuple[str, str, str]]:
    """Each task's name, cell and fault in an environment that is made."""
    with tempfile.TemporaryDirectory(dir=environment.folder.parent) as folder:
        place = Place(environment, Path(folder, "work"), Path(folder, "home"))
        place.work.mkdir()
        place.home.mkdir()
        for task in TASKS:
            if not only or task.name in only:
                yield task.name, *place.cell(task)


def table(cells: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """The lines of the table, in Markdown: tasks down, environments across."""
    yield f"| | {' | '.join(cells)} |"
    yield f"|---|{'---|' * len(cells)}"
    for name in dict.fromkeys(name for each in cells.values() for name in each):
        yield f"| {name} | {' | '.join(each.get(name, '–') for each in cells.values())} |"


def tried(options: argparse.Namespace, folder: Path) -> tuple[dict[str, dict[str, str]], list[str]]:
    """The cells of each column, and all faults."""
    package = build(folder / "dist")[options.kind]
    cells: dict[str, dict[str, str]] = {}
    faults: list[str] = []
    common = Environment(folder / "common", package, "torch")
    columns = options.extras.split(",")
    if any("torch" in brought(extras_of(each)) for each in columns) and not common.folder.exists():
        faults += [fault for fault in [common.make(options.python, None)] if fault]
        called([str(common.python), "-c", COMPILED])
    for each in columns:
        environment = Environment(folder / each, package, each)
        said = environment.make(options.python, common if "torch" in brought(extras_of(each)) else None)
        cells[each] = {"pip install": "FAULT" if said else "works"}
        faults += [f"{each}, {said}"] if said else []
        for name, cell, fault in () if said else column(environment, options.only):
            cells[each][name] = cell
            faults += [f"{each}, {name}: {fault}"] if fault else []
            print(f"{each}: {name}: {cell}", file=sys.stderr, flush=True)
        if not options.keep:
            shutil.rmtree(environment.folder)
    return cells, faults


def main() -> None:
    """Builds, installs, tries and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--extras", default=",".join(COLUMNS), help="columns, separated by commas (default: all)")
    parser.add_argument("--kind", choices=("wheel", "sdist"), default="wheel", help="what is installed (default wheel)")
    parser.add_argument("--python", default=sys.executable, help="the Python that is tried (default: this one)")
    parser.add_argument("--only", action="append", default=[], metavar="TASK", help="tasks by their names in the table")
    parser.add_argument(
        "--folder", type=Path, help="where environments are made; the common one is kept and used again"
    )
    parser.add_argument("--keep", action="store_true", help="keep every environment of --folder")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cells, faults = tried(options, (options.folder or Path(folder)).resolve())
    print(json.dumps({"cells": cells, "faults": faults}) if options.json else "\n".join(table(cells)))
    for fault in faults:
        print(f"\n{fault}", file=sys.stderr)
    raise SystemExit(bool(faults))


if __name__ == "__main__":
    main()
