"""What a circuit costs: an epoch of a hybrid classifier beside an epoch of its classical twin.

    python tests/benchmarks/epoch.py
    python tests/benchmarks/epoch.py --json

The twin is the same pipeline with a multilayer perceptron of as many parameters in the circuit's place. Both are
trained by ``fit`` on random numbers, in turns, so that a busy machine slows both. Seconds are medians over all epochs
but each training's first; the ratio compares the fastest epochs of a turn, which other work has disturbed least, and is
the median over the turns. An epoch is training and validation, without the checkpoint.

Two cases: a head on cached embeddings, which should take at most 3 times its twin's time, and everything end to end
behind ``audio-cnn-big``, at most 1.15 times.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from qplug import catalogue
from qplug.bench.conditions import device_name, threads
from qplug.heads.quantum_module import QuantumModule
from qplug.lab.config.training import TrainingOptions
from qplug.lab.runner.examine import suitable_threads
from qplug.lab.training.fit import fit

N_CLASSES = 10


@dataclass(frozen=True)
class Case:
    """What is compared.

    Attributes:
        name: for the table.
        shape: of one input.
        n_samples: of the training part; the validation part has a quarter of them.
        backbone: from the catalogue, or None where the inputs are embeddings.
        limit: the greatest ratio that is good enough.
    """

    name: str
    shape: tuple[int, ...]
    n_samples: int
    backbone: str | None
    limit: float


@dataclass(frozen=True)
class Result:
    """What was measured: medians of seconds per epoch, and their ratio with its quartiles."""

    case: str
    n_parameters: int
    twin_parameters: int
    hybrid_seconds: float
    twin_seconds: float
    ratio: float
    ratio_low: float
    ratio_high: float
    limit: float


def component(kind: str, name: str, **parameters: Any) -> Any:
    """A component by name."""
    return catalogue.load(kind, name)(**parameters)


def networks(case: Case, n_qubits: int) -> tuple[nn.Module, nn.Module, tuple[int, int]]:
    """The hybrid classifier, its twin, and how many parameters their heads have."""
    torch.manual_seed(0)
    quantum = QuantumModule(
        component("head", "pennylane-pqc", n_qubits=n_qubits), component("backend", "torch"), n_qubits, N_CLASSES
    )
    count = sum(parameter.numel() for parameter in quantum.parameters())
    twin = component("head", "mlp", match_parameters=count, activation="tanh", batch_norm=True)
    classical = twin.build(n_qubits, N_CLASSES)
    made = []
    for head in (quantum, classical):
        torch.manual_seed(1)
        backbone = component("backbone", case.backbone).module(case.shape) if case.backbone else nn.Identity()
        with torch.no_grad():
            width = backbone.eval()(torch.zeros(2, *case.shape)).shape[1]
        made.append(nn.Sequential(backbone, nn.Linear(width, n_qubits), head))
    return made[0], made[1], (count, sum(parameter.numel() for parameter in classical.parameters()))


def parts(case: Case) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Random inputs and labels."""
    generator = torch.Generator().manual_seed(0)
    n = case.n_samples + case.n_samples // 4
    inputs = torch.randn(n, *case.shape, generator=generator)
    labels = torch.randint(N_CLASSES, (n,), generator=generator)
    cut = case.n_samples
    return (inputs[:cut], labels[:cut]), (inputs[cut:], labels[cut:])


def epochs(model: nn.Module, data: Any, options: TrainingOptions, device: Any) -> list[float]:
    """Seconds of each epoch of a training, the first left out."""
    with tempfile.TemporaryDirectory() as folder:
        fitted = fit(
            model, *data, n_classes=N_CLASSES, options=options, seed=0, checkpoints=Path(folder), device=device
        )
    return [row["seconds"] for row in fitted.history[1:]]


def measure(case: Case, arguments: argparse.Namespace) -> Result:
    """Both in turns."""
    hybrid, twin, (n_parameters, twin_parameters) = networks(case, arguments.qubits)
    data = parts(case)
    options = TrainingOptions(epochs=1 + arguments.epochs, batch_size=arguments.batch)
    seconds: dict[str, list[list[float]]] = {"hybrid": [], "twin": []}
    with threads(arguments.threads or suitable_threads(arguments.batch * math.prod(case.shape))):
        for turn in range(arguments.turns):
            order = [("hybrid", hybrid), ("twin", twin)]
            for name, model in order if turn % 2 == 0 else reversed(order):
                seconds[name].append(epochs(model, data, options, arguments.device))
                sys.stderr.write(f"{case.name}, {name}: {statistics.median(seconds[name][-1]):.3f} s\n")
    pairs = zip(seconds["hybrid"], seconds["twin"], strict=True)
    ratios = [min(ours) / min(theirs) for ours, theirs in pairs]
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    flat = {name: statistics.median(value for turn in turns for value in turn) for name, turns in seconds.items()}
    return Result(
        case.name, n_parameters, twin_parameters, flat["hybrid"], flat["twin"], middle, low, high, case.limit
    )  # fmt: skip


def markdown(results: list[Result], arguments: argparse.Namespace) -> str:
    """The results as a table."""
    lines = [
        f"{arguments.qubits} qubits, batches of {arguments.batch}, {device_name(arguments.device)}, "
        f"{os.cpu_count()} cores, torch {torch.__version__}, Python {platform.python_version()}",
        "",
        "| epoch of | head's parameters | twin's | hybrid, s | twin, s | ratio (quartiles) | at most |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for result in results:
        lines.append(
            f"| {result.case} | {result.n_parameters} | {result.twin_parameters} | {result.hybrid_seconds:.3f} "
            f"| {result.twin_seconds:.3f} | {result.ratio:.2f} ({result.ratio_low:.2f} to {result.ratio_high:.2f}) "
            f"| {result.limit:g} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--qubits", type=int, default=8)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--turns", type=int, default=15, help="how often each is trained")
    parser.add_argument("--epochs", type=int, default=4, help="epochs that count in each training")
    parser.add_argument("--samples", type=int, default=2048, help="cached embeddings to train on")
    parser.add_argument("--spectrograms", type=int, default=128, help="spectrograms to train on, end to end")
    parser.add_argument("--threads", type=int, help="CPU threads; by default as many as a run would take")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--only", choices=("cached", "end-to-end"))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    cases = {
        "cached": Case("a head on cached embeddings (256)", (256,), arguments.samples, None, 3.0),
        "end-to-end": Case("audio-cnn-big (1, 64, 128)", (1, 64, 128), arguments.spectrograms, "audio-cnn-big", 1.15),
    }
    results = [measure(case, arguments) for name, case in cases.items() if arguments.only in (None, name)]
    if arguments.json:
        print(json.dumps([asdict(result) for result in results], indent=2))
    else:
        print(markdown(results, arguments))


if __name__ == "__main__":
    main()
