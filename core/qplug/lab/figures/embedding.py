"""Where the samples lie in the space that the heads work in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from qplug.lab.figures.style import BLUE, COLOURS, GREY, INK, MARKERS, ORANGE, RULE, Canvas, shortened

_SIDE, _LEFT, _BELOW, _MOST_NAMED, _LONGEST = 4.4, 0.45, 0.45, 30, 16
_COLUMN = 1.5  # inches of one column of names


def embedding_scatter(
    embeddings: NDArray[np.float32],
    labels: Sequence[int],
    predicted: Sequence[int],
    classes: Sequence[str],
    *,
    title: str,
    stamp: str | None = None,
) -> Figure:
    """The two principal components of embeddings, coloured by class; hollow where the classifier was wrong.

    Args:
        embeddings: (n, n_features), finite.
        labels: true classes (n,).
        predicted: predicted classes (n,).
        classes: names of the classes.
        title: what is shown, such as the data set and the head.
        stamp: a warning such as ``"SYNTHETIC DATA"``, or None.
    """
    truth, right = np.asarray(labels), np.asarray(labels) == np.asarray(predicted)
    points, shares = components(np.asarray(embeddings))
    note = f"{len(truth)} samples: their {np.shape(embeddings)[1]} numbers behind the backbone, seen along the two "
    note += f"directions that hold {shares.sum():.0%} of their spread. "
    named = len(classes) <= _MOST_NAMED
    note += "Hollow: predicted wrong." if named else "Blue: predicted right; orange, hollow: predicted wrong."
    n_columns = (len(classes) + 14) // 15 if named else 0
    width = _LEFT + _SIDE + 0.2 + n_columns * _COLUMN
    canvas = Canvas(width, _BELOW + _SIDE + 0.1, title=title, note=note, stamp=stamp)
    axes = canvas.axes(_LEFT, _BELOW, _SIDE, _SIDE)
    size = float(np.clip(4000 / len(truth), 7, 26))
    for mine, colour, marker in _looks(truth, right, len(classes) if named else 0):
        for chosen, inside, order in ((mine & right, colour, 2), (mine & ~right, "white", 3)):
            x, y = points[chosen].T
            axes.scatter(
                x,
                y,
                s=size,
                marker=marker,
                linewidths=0.8,
                edgecolors=colour,
                facecolors=inside,
                alpha=0.9,
                zorder=order,
            )
    _frame(axes, shares)
    if named:
        _name(axes, classes, n_columns)
    return canvas.figure


def _looks(
    truth: NDArray[np.int64], right: NDArray[np.bool_], n_classes: int
) -> Iterator[tuple[NDArray[np.bool_], str, str]]:
    """Which samples look how: by class, or by right and wrong where a legend of the classes would be too long."""
    if n_classes:
        yield from ((truth == number, *look(number)) for number in range(n_classes))
    else:
        yield from ((right, BLUE, "o"), (~right, ORANGE, "o"))


def components(embeddings: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The first two principal components (n, 2), and the share of the variance that each holds (2,)."""
    centred = embeddings.astype(np.float64) - embeddings.mean(axis=0, dtype=np.float64)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    points, shares = np.zeros((len(centred), 2)), np.zeros(2)
    n = min(2, len(sizes))
    points[:, :n] = left[:, :n] * sizes[:n]
    shares[:n] = sizes[:n] ** 2 / max(float((sizes**2).sum()), 1e-30)
    # The sign of a component means nothing; fixed, so that the same run gives the same figure.
    signs = np.sign(points[np.abs(points).argmax(axis=0), [0, 1]])
    return points * np.where(signs == 0, 1, signs), shares


def look(number: int) -> tuple[str, str]:
    """Colour and marker of a class; no two of the first fifty look the same."""
    return COLOURS[number % len(COLOURS)], MARKERS[number // len(COLOURS) % len(MARKERS)]


def _frame(axes: Axes, shares: NDArray[np.float64]) -> None:
    axes.set_xlabel(f"first component, {shares[0]:.0%} of the spread", color=GREY)
    axes.set_ylabel(f"second component, {shares[1]:.0%}", color=GREY)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.axhline(0, color=RULE, linewidth=0.6, zorder=0)
    axes.axvline(0, color=RULE, linewidth=0.6, zorder=0)
    axes.margins(0.05)


def _name(axes: Axes, classes: Sequence[str], n_columns: int) -> None:
    names = shortened(classes, _LONGEST)
    handles = []
    for number, name in enumerate(names):
        colour, marker = look(number)
        handles.append(Line2D([], [], linestyle="", marker=marker, color=colour, markersize=5.5, label=name))
    axes.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(1.015, 1.01), borderaxespad=0, frameon=False,
        ncols=n_columns, labelcolor=INK, fontsize=8.5, handletextpad=0.2, labelspacing=0.55, columnspacing=0.8,
    )  # fmt: skip
