"""The figures of a run, and its circuits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qplug.circuits import figure
from qplug.contract.interfaces import FeatureExtractor
from qplug.lab.figures.calibration import calibration
from qplug.lab.figures.confusion import confusion_matrix
from qplug.lab.figures.curves import curves
from qplug.lab.figures.discrimination import roc_pr
from qplug.lab.figures.embedding import embedding_scatter
from qplug.lab.figures.gradients import gradient_norms, has_quantum_gradients
from qplug.lab.figures.mistakes import misclassified, worst_mistakes
from qplug.lab.judging.judge import Judgement
from qplug.lab.judging.metrics import probabilities
from qplug.lab.judging.reliability import reliability
from qplug.lab.judging.view import View
from qplug.lab.runner.prepare import Prepared
from qplug.lab.runs.directory import RunDirectory
from qplug.lab.runs.files import circuit_name
from qplug.lab.training.progress import Fitted

MOST_POINTS = 1000
"""So many test samples at most are shown as points; more would hide one another, and their embeddings take time."""


@dataclass(frozen=True)
class Drawn:
    """What a run's figures are made of.

    Attributes:
        features: the run's feature extractor, for the scales of a feature.
        prepared: its data.
        view: the classifier with its best weights, and its inputs.
        fitted: how training went.
        judgement: what it answered on the test part.
        title: what is shown, such as the data set and the head.
        stamp: what every figure must say, such as ``"SYNTHETIC DATA"``, or None.
    """

    features: FeatureExtractor
    prepared: Prepared
    view: View
    fitted: Fitted
    judgement: Judgement
    title: str
    stamp: str | None


def write_figures(directory: RunDirectory, run: Drawn) -> None:
    """Writes every figure that the run has the facts for: how it trained, how it judged, and its circuits."""
    _write_training(directory, run)
    _write_judging(directory, run)
    _write_embedding(directory, run)
    _write_mistakes(directory, run)
    _write_circuits(directory, run)


def _write_training(directory: RunDirectory, run: Drawn) -> None:
    history, best = run.fitted.history, run.fitted.best_epoch
    if history:
        directory.write_figure("curves.png", curves(history, best_epoch=best, title=run.title, stamp=run.stamp))
    if has_quantum_gradients(history):
        directory.write_figure("gradients.png", gradient_norms(history, title=run.title, stamp=run.stamp))


def _write_judging(directory: RunDirectory, run: Drawn) -> None:
    write_judging(directory, run.judgement, title=f"{run.title} · test", stamp=run.stamp)


def write_judging(directory: RunDirectory, judgement: Judgement, *, title: str, stamp: str | None) -> None:
    """Writes the figures of one judgement: confusion matrix, calibration and, of two classes, ROC and precision-recall.

    Args:
        directory: where they go.
        judgement: the answers.
        title: what is shown.
        stamp: what every figure must say, or None.
    """
    classes, labels, logits = judgement.on.classes, judgement.labels, judgement.logits
    truth = labels.tolist()
    matrix = confusion_matrix(truth, judgement.predicted.tolist(), classes, title=title, stamp=stamp)
    directory.write_figure("confusion_matrix.png", matrix)
    found = reliability(labels, probabilities(logits))
    directory.write_figure("calibration.png", calibration(found, title=title, stamp=stamp))
    if len(classes) == len(set(truth)) == 2:
        directory.write_figure("roc_pr.png", roc_pr(labels, logits, classes, title=title, stamp=stamp))


def _write_embedding(directory: RunDirectory, run: Drawn) -> None:
    answers = run.judgement
    n = len(answers.logits)
    chosen = np.linspace(0, n - 1, min(n, MOST_POINTS)).astype(np.int64)
    if n < 3:
        return
    shown = embedding_scatter(
        run.view.embeddings(answers.on.positions[chosen]).numpy(), answers.labels[chosen].tolist(),
        answers.predicted[chosen].tolist(), answers.on.classes, title=f"{run.title} · test", stamp=run.stamp,
    )  # fmt: skip
    directory.write_figure("embedding.png", shown)


def _write_mistakes(directory: RunDirectory, run: Drawn) -> None:
    answers = run.judgement
    mistakes = worst_mistakes(answers.labels, answers.logits)
    if not mistakes:
        return
    samples, rows = answers.on.samples, answers.on.positions
    shown = misclassified(
        mistakes,
        [np.array(run.prepared.features.values[rows[mistake.row]]) for mistake in mistakes],
        [samples[mistake.row].id for mistake in mistakes],
        answers.on.classes,
        modality=run.features.capabilities.modality,
        n_wrong=int((answers.predicted != answers.labels).sum()),
        n=len(answers.logits),
        title=f"{run.title} · test",
        scales=run.features.axes,
        stamp=run.stamp,
    )
    directory.write_figure("misclassified.png", shown)


def _write_circuits(directory: RunDirectory, run: Drawn) -> None:
    circuits = [module.circuit for module in run.view.model.quantum_modules()]
    for number, circuit in enumerate(circuits, start=1):
        title = f"{run.title} · circuit" + (f" {number} of {len(circuits)}" if len(circuits) > 1 else "")
        directory.write_figure(f"{circuit_name(number)}.png", figure(circuit, title=title, stamp=run.stamp or ""))
