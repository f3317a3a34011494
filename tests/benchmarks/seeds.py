"""What ten seeds cost that train in one pass, beside one seed by itself.

    python tests/benchmarks/seeds.py
    python tests/benchmarks/seeds.py --seeds 10 --turns 5 --epochs 20 --json
    python tests/benchmarks/seeds.py --dataset fsdd --data-dir FSDD --head mlp

Each head is trained on embeddings that lie in the cache: one seed by ``fit``, as a run does it, then all seeds by
``fit_together``, in turns, so that a busy machine slows both. Seconds are those of training alone, and medians over the
turns; a first pass of each, which compiles the circuit, is left out. The promise is at most 3 times the CPU seconds of
one seed, and validation losses and predicted probabilities that lie within 1e-5 of those of one by one.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from qplug.lab.config.layers import from_assignments
from qplug.lab.config.model import RunConfig
from qplug.lab.config.resolve import resolve
from qplug.lab.runner.examine import computing_on, examine
from qplug.lab.runner.prepare import prepare
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.train import labelled, ready_to_train
from qplug.lab.runner.workplace import Workplace
from qplug.lab.training.fit import fit
from qplug.lab.training.progress import Fitted
from qplug.lab.training.together import Lane, fit_together, why_not_together

LIMIT = 3.0


@dataclass(frozen=True)
class Result:
    """What was measured of one head: seconds of training, their ratio, and how far the numbers lie apart."""

    head: str
    seeds: int
    samples: int
    cpu_of_one: float
    cpu_together: float
    cpu_ratio: float
    wall_of_one: float
    wall_together: float
    wall_ratio: float
    loss_apart: float
    probabilities_apart: float


@dataclass(frozen=True)
class Ready:
    """One seed, ready to be trained, and the inputs that it is tested on."""

    config: RunConfig
    lane: Lane
    n_classes: int
    tested: Tensor


def prepared(head: str, seed: int, arguments: argparse.Namespace) -> Ready:
    """A seed of a head, as a run prepares it."""
    chosen = {"dataset": {"name": arguments.dataset}, "head": {"name": head}, "seed": seed, "device": "cpu"}
    settings = [*arguments.set, f"training.epochs={arguments.epochs}"]
    backbone = [] if any(word.startswith("backbone.") for word in arguments.set) else ["backbone.name=identity"]
    place = Workplace.from_environment().with_data_dir(arguments.data_dir)
    examined = examine(resolve([from_assignments([*settings, *backbone]), chosen]), place, Silent())
    found = prepare(examined, Silent())
    view = ready_to_train(examined, found, Silent())
    lane = Lane(view.module, labelled(view, found, "train"), labelled(view, found, "validation"), seed)
    return Ready(examined.config, lane, len(found.split.classes), torch.as_tensor(labelled(view, found, "test")[0]))


def measured(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """CPU seconds, wall-clock seconds, and what came of it."""
    cpu, wall = time.process_time(), time.perf_counter()
    found = work()
    return time.process_time() - cpu, time.perf_counter() - wall, found


def alone(ready: Ready) -> tuple[Lane, Fitted]:
    """One seed, trained as a run does it."""
    lane = replace(ready.lane, model=copy.deepcopy(ready.lane.model))
    with tempfile.TemporaryDirectory() as folder:
        fitted = fit(
            lane.model, lane.training, lane.validation, n_classes=ready.n_classes, options=ready.config.training,
            seed=lane.seed, checkpoints=Path(folder), device="cpu",
        )  # fmt: skip
    return lane, fitted


def together(several: list[Ready]) -> list[tuple[Lane, Any]]:
    """All seeds in one pass."""
    lanes = [replace(each.lane, model=copy.deepcopy(each.lane.model)) for each in several]
    about: dict[str, Any] = {"n_classes": several[0].n_classes, "options": several[0].config.training}
    if why := why_not_together(lanes, **about):
        sys.exit(f"they cannot go together: {why}")
    return list(zip(lanes, fit_together(lanes, **about), strict=True))


def probabilities(lane: Lane, inputs: Tensor) -> Tensor:
    """What a trained model answers."""
    with torch.no_grad():
        return torch.softmax(lane.model(inputs).double(), dim=1)


def apart(
    several: list[Ready], singles: list[tuple[Lane, Fitted]], found: list[tuple[Lane, Any]]
) -> tuple[float, float]:
    """The greatest differences of validation losses and of probabilities on the test part."""
    losses, answers = [0.0], [0.0]
    for each, (lane, fitted), (other, came) in zip(several, singles, found, strict=True):
        for row, same in zip(fitted.history, came.history, strict=True):
            losses.append(abs(row["validation_cross_entropy"] - same["validation_cross_entropy"]))
        difference = probabilities(lane, each.tested) - probabilities(other, each.tested)
        answers.append(float(difference.abs().max()))
    return max(losses), max(answers)


def measure(head: str, arguments: argparse.Namespace) -> Result:
    """One head: a first pass of each for the comparison of numbers, then turns for the seconds."""
    several = [prepared(head, seed, arguments) for seed in range(arguments.seeds)]
    with computing_on(several[0].config.threads):
        losses, answers = apart(several, [alone(each) for each in several], together(several))
        ones, alls = [], []
        for turn in range(arguments.turns):
            chosen = several[turn % len(several)]
            ones.append(measured(lambda chosen=chosen: alone(chosen))[:2])
            alls.append(measured(lambda: together(several))[:2])
            sys.stderr.write(f"{head}: one {ones[-1][0]:.2f} CPU s, {len(several)} together {alls[-1][0]:.2f}\n")
    one, every = ([statistics.median(column) for column in zip(*turns, strict=True)] for turns in (ones, alls))
    ratios = [statistics.median(b[i] / a[i] for a, b in zip(ones, alls, strict=True)) for i in (0, 1)]
    return Result(
        head, len(several), len(several[0].lane.training[1]), one[0], every[0], ratios[0], one[1], every[1], ratios[1],
        losses, answers,
    )  # fmt: skip


def markdown(results: list[Result], arguments: argparse.Namespace) -> str:
    """The results as a table."""
    lines = [
        f"{arguments.seeds} seeds, {arguments.epochs} epochs, {arguments.dataset}, {os.cpu_count()} cores, "
        f"torch {torch.__version__}, Python {platform.python_version()}",
        "",
        "| head | samples | one seed, CPU s | all seeds, CPU s | ratio (at most 3) | one, s | all, s | ratio "
        "| losses apart | probabilities apart |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for each in results:
        lines.append(
            f"| {each.head} | {each.samples} | {each.cpu_of_one:.2f} | {each.cpu_together:.2f} | {each.cpu_ratio:.2f} "
            f"| {each.wall_of_one:.2f} | {each.wall_together:.2f} | {each.wall_ratio:.2f} "
            f"| {each.loss_apart:.1e} | {each.probabilities_apart:.1e} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="digits", help="with embeddings behind a frozen backbone (default digits)")
    parser.add_argument("--data-dir", type=Path, help="where it lies")
    parser.add_argument("--set", action="append", default=[], help="a setting of the runs, as in qplug run")
    parser.add_argument("--head", action="append", help="default pennylane-pqc, mlp and linear")
    parser.add_argument("--seeds", type=int, default=10, help="in one pass (default 10)")
    parser.add_argument("--epochs", type=int, default=20, help="of each training (default 20)")
    parser.add_argument("--turns", type=int, default=3, help="how often both are measured (default 3)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    results = [measure(head, arguments) for head in arguments.head or ("pennylane-pqc", "mlp", "linear")]
    print(json.dumps([asdict(each) for each in results], indent=2) if arguments.json else markdown(results, arguments))


if __name__ == "__main__":
    main()
