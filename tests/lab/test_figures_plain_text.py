"""No text of a user is mathematics or a command of a figure, in every function that draws one."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import numpy as np
import pytest
import torch
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from qplug import Audio, Dataset, DatasetCapabilities, Sample, SplitRule
from qplug.circuits import drawn_figure
from qplug.contract.circuit import Circuit, Encoding, Gate, Observable
from qplug.lab import figures
from qplug.lab.audit import figure as audit_figure
from qplug.lab.audit.audit import audit
from qplug.lab.figures.calibration import calibration
from qplug.lab.figures.comparison_confusion import confusion_matrices
from qplug.lab.figures.comparison_cost import Panel, cost
from qplug.lab.figures.comparison_curves import learning_curves
from qplug.lab.figures.comparison_forest import Line, credit, forest
from qplug.lab.figures.comparison_points import ArmPoints, Point, points
from qplug.lab.figures.confusion import confusion_matrix
from qplug.lab.figures.curves import curves
from qplug.lab.figures.discrimination import roc_pr
from qplug.lab.figures.embedding import embedding_scatter
from qplug.lab.figures.gradients import gradient_norms
from qplug.lab.figures.mistakes import Mistake, misclassified
from qplug.lab.figures.verification import verification_figure
from qplug.lab.judging.reliability import reliability

NAMES = ("$x$", "$_{", "_$^$", r"$\frac{$")
"""A formula, two halves of one, one in a name that matplotlib would hide, and a command that does not exist."""
TITLE = "$_{ · $x$ · " + NAMES[3]
LABELS = torch.tensor([0, 1, 2, 3] * 4)
LOGITS = torch.eye(4)[[0, 1, 2, 3] * 3 + [1, 2, 3, 0]] * 3
PREDICTED = LOGITS.argmax(1).tolist()
HISTORY = [
    {"epoch": epoch, **dict.fromkeys(("train_cross_entropy", "validation_cross_entropy", "train_accuracy",
     "validation_accuracy", "gradient_norm_quantum", "gradient_norm_classical"), 1 / epoch)}
    for epoch in (1, 2)
]  # fmt: skip


def of_mistakes() -> Figure:
    feature = np.random.default_rng(0).random((1, 4, 5)).astype(np.float32)
    mistakes = [Mistake(0, 0, 1, 0.9), Mistake(1, 2, 3, 0.8)]
    scales = (("channel", 1.0), (f"band {NAMES[1]}", 1.0), (f"time {NAMES[0]}", 1.0))
    return misclassified(mistakes, [feature] * 2, NAMES[:2], NAMES, modality="audio", n_wrong=2, n=9, title=TITLE,
                         scales=scales, stamp=NAMES[1])  # fmt: skip


class Named(Dataset):
    """Noise whose classes, groups, splits and name are those of a user."""

    capabilities = DatasetCapabilities(interface=1, modality="audio", needs_folder=False, synthetic=True)
    classes = NAMES[:2]
    splits: ClassVar = {NAMES[3]: SplitRule(description=TITLE, test="groups", n_folds=2, official=False)}

    def samples(self, folder: Path) -> Iterable[Sample]:
        return [Sample(str(number), NAMES[number % 2], NAMES[number % 4], offset=number) for number in range(24)]

    def load(self, sample: Sample) -> Audio:
        return Audio(np.random.default_rng(sample.offset).uniform(-0.5, 0.5, (1, 800)).astype(np.float32), 8000)


def of_an_audit() -> Figure:
    report = audit(TITLE, Named(), Path(), workers=1)
    return audit_figure.figure(report)


LINES = [
    Line(group=NAMES[1], name=name, value=0.5, interval=(0.0, 1.0), inner=None, verdict="undecided", words=NAMES[0])
    for name in NAMES
]
LOSSES = {"train_cross_entropy": np.ones(3), "validation_cross_entropy": np.ones(3)}


def of_a_comparison(draw: Callable[..., Figure | None], *given: object, **named: object) -> Callable[[], Figure]:
    def drawn() -> Figure:
        figure = draw(*given, **named, title=TITLE, stamp=NAMES[1])
        assert figure is not None
        return figure

    return drawn


CIRCUIT = Circuit(1, (Gate("rx", (0,), (Encoding(0),)),), (Observable("Z", (0,)),))

DRAWN: dict[Callable[..., Figure], tuple[Callable[[], Figure], Sequence[str]]] = {
    confusion_matrix: (lambda: confusion_matrix(LABELS.tolist(), PREDICTED, NAMES, title=TITLE, stamp=NAMES[1]), NAMES),
    embedding_scatter: (
        lambda: embedding_scatter(LOGITS.numpy(), LABELS.tolist(), PREDICTED, NAMES, title=TITLE, stamp=NAMES[1]),
        NAMES,
    ),
    curves: (lambda: curves(HISTORY, best_epoch=2, title=TITLE, stamp=NAMES[1]), ()),
    gradient_norms: (lambda: gradient_norms(HISTORY, title=TITLE, stamp=NAMES[1]), ()),
    calibration: (lambda: calibration(reliability(LABELS, LOGITS.softmax(1)), title=TITLE, stamp=NAMES[1]), ()),
    verification_figure: (
        lambda: verification_figure(
            [np.zeros((3, 1))],
            [np.zeros((3, 1))],
            NAMES[1:2],
            [(64, 0.1), (128, 0.05)],
            shots=64,
            title=TITLE,
            stamp=NAMES[1],
        ),
        (),
    ),
    roc_pr: (lambda: roc_pr(LABELS % 2, LOGITS[:, :2], NAMES[1:3], title=TITLE, stamp=NAMES[1]), NAMES[2:3]),
    misclassified: (of_mistakes, NAMES),
    audit_figure.figure: (of_an_audit, (*NAMES[:2], NAMES[3])),
    forest: (of_a_comparison(forest, LINES, margin=0.1, axis=NAMES[0], told_margin="1 point"), NAMES),
    credit: (of_a_comparison(credit, LINES), NAMES),
    points: (
        of_a_comparison(
            points,
            [ArmPoints(name, [Point(1, 0, 0.5)], 0.5, (0.4, 0.6), NAMES[0]) for name in NAMES],
            axis=NAMES[0],
            chance=None,
        ),
        NAMES,
    ),
    learning_curves: (of_a_comparison(learning_curves, {name: [LOSSES] for name in NAMES}), NAMES),
    confusion_matrices: (of_a_comparison(confusion_matrices, {NAMES[3]: np.eye(4, dtype=int)}, NAMES), NAMES),
    cost: (of_a_comparison(cost, NAMES, [Panel(NAMES[0], [1.0, 2.0, 3.0, None])], note=NAMES[2]), NAMES),
    drawn_figure.figure: (lambda: drawn_figure.figure(CIRCUIT, title=TITLE, stamp=NAMES[1]), ()),
}


def drawing(module: ModuleType) -> set[Callable[..., Figure]]:
    functions = (
        value for name, value in vars(module).items() if inspect.isfunction(value) and not name.startswith("_")
    )
    return {each for each in functions if each.__module__ == module.__name__ and "Figure" in _returns(each)}


def _returns(function: Callable[..., object]) -> str:
    return str(inspect.signature(function).return_annotation)


def test_every_function_that_draws_is_tried_here() -> None:
    modules = [
        importlib.import_module(f"{figures.__name__}.{each.name}") for each in pkgutil.iter_modules(figures.__path__)
    ]
    assert {found for module in (*modules, audit_figure, drawn_figure) for found in drawing(module)} == DRAWN.keys()


@pytest.mark.parametrize("function", DRAWN, ids=lambda function: function.__module__.rpartition(".")[2])
def test_names_are_drawn_as_they_are(function: Callable[..., Figure]) -> None:
    make, shown = DRAWN[function]
    with rc_context({"text.parse_math": True}):
        drawn = make()
        FigureCanvasAgg(drawn).draw()
    texts = [text for text in drawn.findobj(Text) if isinstance(text, Text) and text.get_text()]
    assert not any("$" in text.get_text() and text.get_parse_math() for text in texts)
    assert not any(text.get_usetex() for text in texts)
    words = " ".join(" ".join(text.get_text().split()) for text in texts).replace("\N{NO-BREAK SPACE}", " ")
    for name in (TITLE, *shown):
        assert name in words


def test_a_user_s_tex_takes_no_part() -> None:
    with rc_context({"text.usetex": True}):  # a file matplotlibrc of the user's may say so
        drawn = confusion_matrix([0, 1], [0, 1], NAMES[:2], title=TITLE)
        FigureCanvasAgg(drawn).draw()
    assert not any(text.get_usetex() for text in drawn.findobj(Text) if isinstance(text, Text))
