"""The figures of a run, and its circuits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qplug.circuits import figure, to_qasm3
from qplug.lab.figures.calibration import calibration
from qplug.lab.figures.confusion import confusion_matrix
from qplug.lab.figures.curves import curves
from qplug.lab.figures.discrimination import roc_pr
from qplug.lab.figures.embedding import embedding_scatter
from qplug.lab.figures.gradients import gradient_norms, has_quantum_gradients
from qplug.lab.figures.mistakes import misclassified, worst_mistakes
from qplug.lab.judging.metrics import probabilities
from qplug.lab.judging.reliability import reliability
from qplug.lab.pipeline.classifier import Classifier
from qplug.lab.pipeline.parts import Parts
from qplug.lab.runner.prepare import Prepared
from qplug.lab.runs.directory import RunDirectory
from qplug.lab.training.fit import Fitted

MOST_POINTS = 1000
"""So many test samples at most are shown as points; more would hide one another, and their embeddings take time."""


@dataclass(frozen=True)
class Judged:
    """A trained classifier and its answers on the test part.

    Attributes:
        parts: the run's components.
        prepared: its data.
        model: the classifier with its best weights, on the CPU.
        inputs: (sample, …) features, or embeddings of a frozen front, of all samples.
        fitted: how training went.
        labels: true classes (n_test,).
        logits: the answers (n_test, n_classes).
        title: what is shown, such as the data set and the head.
        stamp: what every figure must say, such as ``"SYNTHETIC DATA"``, or None.
    """

    parts: Parts
    prepared: Prepared
    model: Classifier
    inputs: NDArray[np.float32]
    fitted: Fitted
    labels: Tensor
    logits: Tensor
    title: str
    stamp: str | None


def write_figures(directory: RunDirectory, run: Judged) -> None:
    """Writes every figure that the run has the facts for: how it trained, how it judged, and its circuits."""
    _write_training(directory, run)
    _write_judging(directory, run)
    _write_embedding(directory, run)
    _write_mistakes(directory, run)
    _write_circuits(directory, run)


def _write_training(directory: RunDirectory, run: Judged) -> None:
    history, best = run.fitted.history, run.fitted.best_epoch
    if history:
        directory.write_figure("curves.png", curves(history, best_epoch=best, title=run.title, stamp=run.stamp))
    if has_quantum_gradients(history):
        directory.write_figure("gradients.png", gradient_norms(history, title=run.title, stamp=run.stamp))


def _write_judging(directory: RunDirectory, run: Judged) -> None:
    title, classes = f"{run.title} · test", run.prepared.split.classes
    truth, predicted = run.labels.tolist(), run.logits.argmax(1).tolist()
    matrix = confusion_matrix(truth, predicted, classes, title=title, stamp=run.stamp)
    directory.write_figure("confusion_matrix.png", matrix)
    found = reliability(run.labels, probabilities(run.logits))
    directory.write_figure("calibration.png", calibration(found, title=title, stamp=run.stamp))
    if len(classes) == len(set(truth)) == 2:
        shown = roc_pr(run.labels, run.logits, classes, title=title, stamp=run.stamp)
        directory.write_figure("roc_pr.png", shown)


def _write_embedding(directory: RunDirectory, run: Judged) -> None:
    n = len(run.labels)
    chosen = np.linspace(0, n - 1, min(n, MOST_POINTS)).astype(np.int64)
    if n < 3:
        return
    inputs = torch.from_numpy(np.array(run.inputs[run.prepared.rows["test"][chosen]]))
    embeddings = inputs if run.parts.backbone.frozen else _embedded(run.model, inputs)
    figure = embedding_scatter(
        embeddings.numpy(), run.labels[chosen].tolist(), run.logits.argmax(1)[chosen].tolist(),
        run.prepared.split.classes, title=f"{run.title} · test", stamp=run.stamp,
    )  # fmt: skip
    directory.write_figure("embedding.png", figure)


def _embedded(model: Classifier, features: Tensor) -> Tensor:
    model.eval()
    with torch.no_grad():
        return torch.cat([model.front(batch) for batch in torch.split(features, 256)])


def _write_mistakes(directory: RunDirectory, run: Judged) -> None:
    mistakes = worst_mistakes(run.labels, run.logits)
    if not mistakes:
        return
    samples, rows = run.prepared.samples("test"), run.prepared.rows["test"]
    figure = misclassified(
        mistakes,
        [np.array(run.prepared.features.values[rows[mistake.row]]) for mistake in mistakes],
        [samples[mistake.row].id for mistake in mistakes],
        run.prepared.split.classes,
        modality=run.parts.features.capabilities.modality,
        n_wrong=int((run.logits.argmax(1) != run.labels).sum()),
        n=len(run.labels),
        title=f"{run.title} · test",
        scales=run.parts.features.axes,
        stamp=run.stamp,
    )
    directory.write_figure("misclassified.png", figure)


def _write_circuits(directory: RunDirectory, run: Judged) -> None:
    circuits = [module.circuit for module in run.model.quantum_modules()]
    for number, circuit in enumerate(circuits, start=1):
        stem = "circuit" if number == 1 else f"circuit-{number}"
        title = f"{run.title} · circuit" + (f" {number} of {len(circuits)}" if len(circuits) > 1 else "")
        directory.write_text(f"{stem}.qasm", to_qasm3(circuit))
        directory.write_figure(f"{stem}.png", figure(circuit, title=title, stamp=run.stamp or ""))
