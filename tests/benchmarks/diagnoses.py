"""Whether a diagnosis is right: what it predicts of quantum heads before training, against what training comes to.

    python tests/benchmarks/diagnoses.py --data ~/data --out predictions.json
    python tests/benchmarks/diagnoses.py --only digits --json

Every quantum head at several scales of its angles, on eight whitened principal components of each data set (digits;
and FSDD, RAVDESS and UrbanSound8K behind a frozen EfficientAT, where ``--data`` has them). For each data set all
predictions are made and written down first, sealed with their date and SHA-256; then the heads are trained, and a
linear head on the same inputs with them. What counts as a failure was fixed beforehand: a head fails if it keeps less
than half of the linear head's accuracy above chance, on the test part; chance is the share of the largest class there.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from qplug import catalogue
from qplug.bench.conditions import threads
from qplug.lab.config.resolve import resolve
from qplug.lab.diagnosis.diagnosis import digest, sealed
from qplug.lab.diagnosis.draws import as_training_starts
from qplug.lab.diagnosis.plateau import gradient_facts
from qplug.lab.diagnosis.prediction import FAILURE, KEEPS, predict
from qplug.lab.diagnosis.scales import rung_as_set
from qplug.lab.diagnosis.seen import of_examined
from qplug.lab.judging.judge import judge
from qplug.lab.pipeline.components import assemble
from qplug.lab.pipeline.describe import blank_classifier
from qplug.lab.runner.examine import Examined, examine, learnt_network
from qplug.lab.runner.prepare import Prepared, prepare
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.train import TrainingSession, train
from qplug.lab.runner.workplace import Workplace

EFFICIENTAT = {
    "features": {"name": "efficientat-mel"},
    "backbone": {"name": "efficientat", "weights": "mn04_as", "frozen": True},
}
DATASETS: dict[str, dict[str, Any]] = {
    "digits": {"backbone": {"name": "identity"}},
    "fsdd": EFFICIENTAT,
    "ravdess": EFFICIENTAT,
    "urbansound8k": EFFICIENTAT,
}
HEADS: dict[str, list[dict[str, Any]]] = {
    "pennylane-pqc": [
        *({"scale": scale} for scale in (0.125, 0.5, 1.0, math.pi)),
        {"scale": math.pi, "angle_map": "tanh"},
        {"scale": 0.5, "n_layers": 8},
    ],
    "pennylane-ry-rz-ring": [{"n_qubits": 8, "scale": scale} for scale in (0.5, math.pi)],
    "qiskit-qnn": [{"scale": scale} for scale in (0.0125, 0.05, 0.2, 1.0)],
    "qiskit-efficient-su2": [{"scale": scale} for scale in (0.125, 0.5, 1.0, math.pi)],
}
"""Every head that comes with qplug and is a circuit of its own, and how it is set; eight qubits each."""


@dataclass
class Cell:
    """One head on one data set: what was predicted, and what came of it.

    Attributes:
        dataset: the data set.
        head: the head with its settings, in words.
        predicted: the verdict, ``fails``, ``linear`` or ``works``.
        reason: why.
        linear_share: of the expectation values' variance, before training.
        accuracy: on the test part, after training.
        linear_accuracy: the linear head's on the same inputs.
        chance: the share of the largest class in the test part.
    """

    dataset: str
    head: str
    predicted: str
    reason: str
    linear_share: float
    accuracy: float = math.nan
    linear_accuracy: float = math.nan
    chance: float = math.nan

    @property
    def kept(self) -> float:
        """The share of the linear head's accuracy above chance."""
        return (self.accuracy - self.chance) / (self.linear_accuracy - self.chance)

    @property
    def failed(self) -> bool:
        """What ``FAILURE`` says."""
        return self.kept < KEEPS

    @property
    def hit(self) -> bool:
        """Whether failing or not was predicted rightly."""
        return self.failed == (self.predicted == "fails")


class Bench:
    """One data set, read once; heads take their turn in it."""

    def __init__(self, name: str, options: argparse.Namespace) -> None:
        self.name, self.options = name, options
        self.layer = DATASETS[name] | {"dataset": {"name": name}, "reducer": {"name": "pca", "n_outputs": 8}}
        self.layer["on_bad_file"] = "skip"  # a part of a data set is enough
        self.layer["training"] = {"epochs": options.epochs, "batch_size": 64, "learning_rate": 0.03}
        self.layer["training"]["patience"] = options.patience
        place = Workplace.from_environment()
        self.place = replace(place, figures=False, data=options.data or place.data)
        self.first = examine(resolve([{**self.layer, "head": {"name": "linear"}}]), self.place, Silent())
        self.prepared: Prepared = prepare(self.first, Silent())
        self.backend: Any = catalogue.create("backend", catalogue.registry().defaults.training_backend)

    def examined(self, head: str, settings: dict[str, Any]) -> Examined:
        """The run of a head, on the data that were read."""
        config = resolve([{**self.layer, "head": {"name": head, **settings}}])
        same = {"split": "split", "fold": "fold", "data_dir": "data_dir", "device": "device", "threads": "threads"}
        config = replace(config, **{key: getattr(self.first.config, key) for key in same})
        components = assemble(config)
        network = learnt_network(config, components, self.place, Silent())
        model = blank_classifier(config, components, network)
        return replace(self.first, config=config, components=components, model=model)

    def predicted(self, head: str, settings: dict[str, Any]) -> Cell:
        """What a diagnosis says of a head."""
        seen = of_examined(self.examined(head, settings), self.prepared, Silent())
        rung = rung_as_set(seen, self.backend, seed=0)
        starts = as_training_starts(seen.head, seen.n_inputs, 120, seed=0)
        said = predict(rung, gradient_facts(starts, self.backend, seed=2))
        return Cell(self.name, in_words(head, settings), said.verdict, said.reason, rung.linear_share)

    def accuracy(self, head: str, settings: dict[str, Any]) -> float:
        """Trained, on the test part."""
        examined = self.examined(head, settings)
        with tempfile.TemporaryDirectory() as folder:
            session = TrainingSession(Path(folder), False, lambda model: None, lambda epoch, row: None)
            trained = train(examined, self.prepared, session, Silent())
        judged = judge(trained.view, self.prepared.labelled("test"), backend=None, device="cpu")
        return float(judged.scores["accuracy"])

    @property
    def chance(self) -> float:
        """The share of the largest class in the test part."""
        labels = self.prepared.labelled("test").labels
        return float(np.bincount(labels).max() / len(labels))


def in_words(head: str, settings: dict[str, Any]) -> str:
    """A head with its settings: what is not the default."""
    return " ".join([head, *(f"{key}={_short(value)}" for key, value in settings.items() if key != "n_qubits")])


def _short(value: Any) -> str:
    return "π" if value == math.pi else f"{value:g}" if isinstance(value, float) else str(value)


def cells(name: str, options: argparse.Namespace, sealing: list[dict[str, Any]]) -> Iterator[Cell]:
    """All cells of a data set: first every prediction is made and sealed, then the heads are trained."""
    bench = Bench(name, options)
    asked = [(head, settings) for head, all_settings in HEADS.items() for settings in all_settings]
    made = [bench.predicted(head, settings) for head, settings in asked]
    said = [{"head": cell.head, "verdict": cell.predicted, "reason": cell.reason} for cell in made]
    sealing.append(sealed({"dataset": name, "failure": FAILURE, "predictions": said}))
    linear, chance = bench.accuracy("linear", {}), bench.chance
    for (head, settings), cell in zip(asked, made, strict=True):
        accuracy = bench.accuracy(head, settings)
        sys.stderr.write(f"{name}, {cell.head}: {cell.predicted} ({cell.reason}), {accuracy:.3f}\n")
        yield replace(cell, accuracy=accuracy, linear_accuracy=linear, chance=chance)


def summary(found: list[Cell], sealing: list[dict[str, Any]]) -> dict[str, Any]:
    """The outcome as plain data."""
    assert all(digest(each) == each["sha256"] for each in sealing)
    counted = Counter((cell.predicted == "fails", cell.failed) for cell in found)
    return {
        "failure": FAILURE,
        "predictions": sealing,
        "cells": [asdict(cell) | {"kept": cell.kept, "failed": cell.failed, "hit": cell.hit} for cell in found],
        "n": len(found),
        "hits": sum(cell.hit for cell in found),
        "failures": sum(cell.failed for cell in found),
        "failures_foretold": counted[True, True],
        "false_alarms": counted[True, False],
        "missed_failures": counted[False, True],
    }


def markdown(outcome: dict[str, Any]) -> str:
    """The outcome as tables: accuracy with the prediction by head and data set, and the misses."""
    names = list(dict.fromkeys(cell["dataset"] for cell in outcome["cells"]))
    by_head: dict[str, dict[str, Any]] = {}
    for cell in outcome["cells"]:
        by_head.setdefault(cell["head"], {})[cell["dataset"]] = cell
    lines = [f"| head | {' | '.join(names)} |", f"| --- |{' --- |' * len(names)}"]
    for head, row in by_head.items():
        lines.append(f"| {head} | {' | '.join(_entry(row[name]) for name in names)} |")
    linear = [next(cell for cell in outcome["cells"] if cell["dataset"] == name) for name in names]
    for key, name in (("linear_accuracy", "linear"), ("chance", "chance")):
        lines.append(f"| {name} | {' | '.join(format(cell[key], '.2f') for cell in linear)} |")
    lines += [
        "",
        f"{outcome['hits']} of {outcome['n']} right. {outcome['failures_foretold']} of {outcome['failures']} failures "
        f"foretold, {outcome['false_alarms']} false alarms.",
        "",
        *(f"- missed: {cell['head']} on {cell['dataset']}, predicted {cell['predicted']} ({cell['reason']}), kept "
          f"{cell['kept']:.0%}" for cell in outcome["cells"] if not cell["hit"]),
    ]  # fmt: skip
    return "\n".join(lines)


def _entry(cell: dict[str, Any]) -> str:
    return f"{cell['accuracy']:.2f}, {cell['kept']:.0%}; {cell['predicted']}{'' if cell['hit'] else ' **✗**'}"


def main() -> None:
    """Predicts, trains and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of all data sets and of weights; without it, digits alone")
    parser.add_argument("--only", action="append", choices=[*DATASETS], help="these data sets; repeatable")
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--patience", type=int, default=8)
    parser.add_argument("--out", type=Path, help="write the whole outcome there, after each data set")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    names = options.only or [name for name in DATASETS if name == "digits" or options.data is not None]
    found: list[Cell] = []
    sealing: list[dict[str, Any]] = []
    with threads(1):
        for name in names:
            found += cells(name, options, sealing)
            if options.out is not None:
                options.out.write_text(json.dumps(summary(found, sealing), indent=2) + "\n", "utf-8")
    outcome = summary(found, sealing)
    print(json.dumps(outcome, indent=2) if options.json else markdown(outcome))


if __name__ == "__main__":
    main()
