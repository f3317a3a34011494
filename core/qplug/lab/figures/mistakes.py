"""What a classifier got most wrong, to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from qplug.lab.figures.style import BLUE, GREY, ORANGE, RULE, Canvas, shortened
from qplug.lab.figures.uneven import Scale, Scales, mark, step
from qplug.lab.judging.metrics import probabilities

N_SHOWN = 9
_COLUMNS, _CELL, _GAP, _TEXT, _MARGIN = 3, 1.75, 0.3, 0.66, 0.2  # inches
_BESIDE, _BELOW, _NAME = 0.42, 0.2, 0.22  # inches: of a scale on the left, of one below, of the name below that
_MOST_WAVES = 8
"""A feature (channel, time) has at most so many channels; one of two axes with more rows is a picture of them."""
_UNKNOWN = {1: ("position",), 2: ("row", "column"), 3: ("channel", "band", "frame")}
"""What axes are called, by their number, where the extractor does not say."""


@dataclass(frozen=True)
class Mistake:
    """One wrong prediction.

    Attributes:
        row: its row among the samples that were judged.
        true: number of the true class.
        predicted: number of the class that was predicted.
        confidence: the probability that the model gave the predicted class.
    """

    row: int
    true: int
    predicted: int
    confidence: float


def worst_mistakes(labels: Tensor, logits: Tensor, *, most: int = N_SHOWN) -> list[Mistake]:
    """The wrong predictions that the model was surest of, the surest first; empty if all are right.

    Args:
        labels: true classes (n,).
        logits: the model's answers (n, n_classes).
        most: how many at most.
    """
    confidence, predicted = probabilities(logits.cpu()).max(dim=1)
    wrong = (predicted != labels.cpu()).nonzero().flatten().tolist()
    ranked = sorted(wrong, key=lambda row: (-float(confidence[row]), row))[:most]
    return [Mistake(row, int(labels[row]), int(predicted[row]), float(confidence[row])) for row in ranked]


def misclassified(
    mistakes: Sequence[Mistake],
    features: Sequence[NDArray[np.float32]],
    ids: Sequence[str],
    classes: Sequence[str],
    *,
    modality: Literal["audio", "image"],
    n_wrong: int,
    n: int,
    title: str,
    scales: Scales = (),
    stamp: str | None = None,
) -> Figure:
    """Wrong predictions with what the network was given: images, spectrograms or waveforms.

    Args:
        mistakes: at least one.
        features: the feature of each, (channel, height, width), (channel, mel, frame) or (channel, time).
        ids: the samples' ids.
        classes: names of the classes.
        modality: what the features are extracted from.
        n_wrong: how many predictions are wrong in all.
        n: how many there are.
        title: what is shown, such as the data set and the head.
        scales: what the features' axes mean; steps are counted where nothing is known.
        stamp: a warning such as ``"SYNTHETIC DATA"``, or None.
    """
    panel = _Panel.of(features, modality, scales)
    shown = "all of them" if n_wrong == len(mistakes) else f"the {len(mistakes)} that the model was surest of"
    note = (
        f"{n_wrong} of {n} predictions are wrong; {shown}. Above each: what it is, what it was taken for, how surely."
    )
    if panel.kind == "map":
        note += " Each has its own colours: dark is its lowest value, bright its highest."
    scaled = panel.kind != "picture"
    is_what, not_what = shortened(classes, 17), shortened(classes, 10)
    left, below = (_MARGIN + _BESIDE, _BELOW) if scaled else (_MARGIN, 0.0)
    n_rows = -(-len(mistakes) // _COLUMNS)
    pitch = _TEXT + _CELL + below
    height = n_rows * pitch + (_NAME if scaled else 0.0) + 0.1
    canvas = Canvas(
        left + _COLUMNS * _CELL + (_COLUMNS - 1) * _GAP + _MARGIN, height, title=title, note=note, stamp=stamp
    )
    for place, (mistake, feature, id_) in enumerate(zip(mistakes, features, ids, strict=True)):
        row, column = divmod(place, _COLUMNS)
        axes = canvas.axes(left + column * (_CELL + _GAP), height - row * pitch - _TEXT - _CELL, _CELL, _CELL)
        panel.draw(axes, np.asarray(feature))
        if scaled:
            panel.name(axes, beside=column == 0, below=place + _COLUMNS >= len(mistakes))
        _caption(axes, mistake, id_, is_what[mistake.true], not_what[mistake.predicted])
    return canvas.figure


@dataclass(frozen=True)
class _Panel:
    """How a feature is drawn; the same for all features of a run.

    Attributes:
        kind: a picture, a map such as a spectrogram, or a wave.
        x: the horizontal axis.
        y: the vertical axis.
        limits: lowest and highest value of all waves, so that they can be compared.
    """

    kind: Literal["picture", "map", "wave"]
    x: Scale
    y: Scale
    limits: tuple[float, float]

    @classmethod
    def of(cls, features: Sequence[NDArray[np.float32]], modality: str, scales: Scales) -> _Panel:
        shape = np.shape(features[0])
        named = tuple(scales) or tuple((name, 1.0) for name in _UNKNOWN.get(len(shape), ("",) * len(shape)))
        limits = min(float(one.min()) for one in features), max(float(one.max()) for one in features)
        long = [axis for axis in range(len(shape)) if shape[axis] > 1 and (axis or len(shape) == 1)]
        if (len(shape) == 2 and shape[0] <= _MOST_WAVES) or (len(shape) != 2 and len(long) < 2):
            return cls("wave", named[long[0] if long else -1], ("value", 1.0), limits)
        kind: Literal["picture", "map"] = "picture" if modality == "image" and len(shape) == 3 else "map"
        return cls(kind, named[-1], named[-2], limits)

    def draw(self, axes: Axes, feature: NDArray[np.float32]) -> None:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_color(RULE)
        if self.kind == "picture":
            axes.imshow(_picture(feature), cmap="gray", interpolation="nearest")
        elif self.kind == "map":
            seen = feature if feature.ndim == 2 else feature[0]
            (right, up), half = (step(self.x), step(self.y)), 0.5  # a pixel's middle stands at its value
            extent = (-half * right, (seen.shape[1] - half) * right, -half * up, (seen.shape[0] - half) * up)
            axes.imshow(seen, cmap="magma", origin="lower", aspect="auto", interpolation="nearest", extent=extent)
        else:
            wave = feature.reshape(feature.shape[0], -1)[0] if feature.ndim > 1 else feature
            axes.plot(np.arange(len(wave)) * step(self.x), wave, color=BLUE, linewidth=0.6)
            axes.margins(x=0)
            room = 0.05 * (self.limits[1] - self.limits[0]) or 1.0
            axes.set_ylim(self.limits[0] - room, self.limits[1] + room)

    def name(self, axes: Axes, *, beside: bool, below: bool) -> None:
        """The scales: numbers below each panel and left of each row, their names where nothing stands further out."""
        axes.tick_params(length=2, width=0.6, color=GREY, pad=2, labelsize=7)
        mark(axes.xaxis, self.x, 4)
        if below:
            axes.set_xlabel(self.x[0], color=GREY, fontsize=8, labelpad=2)
        if beside:
            mark(axes.yaxis, self.y, 5)
            axes.set_ylabel(self.y[0], color=GREY, fontsize=8, labelpad=2)


def _picture(feature: NDArray[np.float32]) -> NDArray[np.float32]:
    """(height, width, 3) or (height, width), brought into [0, 1]: extractors differ in their range."""
    low, high = float(feature.min()), float(feature.max())
    scaled = (feature - low) / max(high - low, 1e-12)
    return np.moveaxis(scaled, 0, -1) if len(feature) == 3 else scaled[0]


def _caption(axes: Axes, mistake: Mistake, id_: str, true: str, predicted: str) -> None:
    lines = (
        (_middle(id_, 26), 7, GREY, "normal"),
        (f"is {true}", 8, BLUE, "bold"),
        (f"predicted {predicted} ({mistake.confidence:.0%})".replace("%", " %"), 8, ORANGE, "bold"),
    )
    for above, (text, size, colour, weight) in zip((2, 1, 0), lines, strict=True):
        axes.annotate(
            text, (0, 1), (0, 4 + 11.5 * above), xycoords="axes fraction", textcoords="offset points",
            ha="left", va="baseline", size=size, color=colour, weight=weight,
        )  # fmt: skip


def _middle(text: str, length: int) -> str:
    """The text with its middle left out if it is long: ids often differ at their end."""
    if len(text) <= length:
        return text
    tail = length * 2 // 3
    return f"{text[: length - tail - 1]}…{text[-tail:]}"
