"""How a training went, as a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from qplug.lab.figures.style import BLUE, GREY, ORANGE, RULE, Canvas
from qplug.lab.measures import METRICS

History = Sequence[Mapping[str, float]]
_COLOURS = {"train": ORANGE, "validation": BLUE}
_PANEL, _GAP, _BELOW, _LEFT, _WIDTH, _RIGHT = 2.0, 0.42, 0.55, 0.68, 4.9, 1.0  # inches


def curves(history: History, *, best_epoch: int, title: str = "Training", stamp: str | None = None) -> Figure:
    """Cross-entropy and accuracy of the training and validation parts over the epochs, the best epoch marked.

    Args:
        history: one row per epoch with ``epoch``, and for ``train_`` and ``validation_``: ``cross_entropy`` and
            ``accuracy``.
        best_epoch: the epoch, from 1, whose weights were kept.
        title: what is shown.
        stamp: a warning such as ``"SYNTHETIC DATA"``, or None.
    """
    note = f"Epoch {best_epoch} of {len(history)} was kept. Training numbers are taken while the weights still move."
    height = _BELOW + 2 * _PANEL + _GAP + 0.32
    canvas = Canvas(_LEFT + _WIDTH + _RIGHT, height, title=title, note=note, stamp=stamp)
    upper = canvas.axes(_LEFT, _BELOW + _PANEL + _GAP, _WIDTH, _PANEL)
    lower = canvas.axes(_LEFT, _BELOW, _WIDTH, _PANEL)
    for axes, key in ((upper, "cross_entropy"), (lower, "accuracy")):
        _draw(axes, history, key)
    upper.set_ylim(0, upper.get_ylim()[1])
    lower.set_ylim(max(0.0, lower.get_ylim()[0]), min(1.02, lower.get_ylim()[1]))
    lower.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    for axes, metric in ((upper, METRICS["cross_entropy"]), (lower, METRICS["accuracy"])):
        words = f"{metric.title}, {metric.better} is better"
        axes.set_title(words, loc="left", color=GREY, pad=6, fontsize=9.5)
    upper.tick_params(labelbottom=False)
    lower.set_xlabel("epoch", color=GREY)
    for axes, key in ((upper, "cross_entropy"), (lower, "accuracy")):
        _name_lines(axes, history[-1], key)
        _mark_best(axes, history, best_epoch, key)
    return canvas.figure


def _draw(axes: Axes, history: History, metric: str) -> None:
    epochs = [row["epoch"] for row in history]
    marker = "o" if len(history) <= 15 else ""
    for part, colour in _COLOURS.items():
        values = [row[f"{part}_{metric}"] for row in history]
        axes.plot(epochs, values, color=colour, linewidth=1.8, marker=marker, markersize=3.5, label=part)
    axes.margins(x=0.02, y=0.1)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=0)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_locator(MaxNLocator(9, integer=True, min_n_ticks=1))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))


def _name_lines(axes: Axes, last: Mapping[str, float], metric: str) -> None:
    """Each line's name at its end, moved apart where the ends meet."""
    low, high = axes.get_ylim()
    places = {part: (last[f"{part}_{metric}"] - low) / (high - low) for part in _COLOURS}
    upper, lower = sorted(places, key=lambda part: places[part], reverse=True)
    short = 0.1 - (places[upper] - places[lower])
    if short > 0:
        places[upper] += short / 2
        places[lower] -= short / 2
        under = 0.02 - places[lower]
        if under > 0:
            places[upper] += under
            places[lower] += under
    for part, place in places.items():
        axes.text(1.015, place, part, transform=axes.transAxes, color=_COLOURS[part], weight="bold", va="center")


def _mark_best(axes: Axes, history: History, best_epoch: int, metric: str) -> None:
    value = history[best_epoch - 1][f"validation_{metric}"]
    axes.axvline(best_epoch, color=GREY, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    axes.plot(
        [best_epoch], [value], "o", markersize=7, markerfacecolor="white", markeredgecolor=BLUE, markeredgewidth=1.8
    )
    number = f"{value:.1%}" if METRICS[metric].shown == "share" else f"{value:.3f}"
    first, last = axes.get_xlim()
    left = (best_epoch - first) / (last - first) > 0.6
    axes.annotate(
        f"epoch {best_epoch}: {number}",
        (best_epoch, _free_height(axes, history, best_epoch, metric, left=left)),
        xycoords=("data", "axes fraction"), xytext=(-6 if left else 6, 0), textcoords="offset points",
        ha="right" if left else "left", va="center", size=8.5, color=BLUE, weight="bold",
        bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.85},
    )  # fmt: skip


def _free_height(axes: Axes, history: History, best_epoch: int, metric: str, *, left: bool) -> float:
    """Where beside the best epoch a line of text crosses no curve, as a share of the panel's height."""
    (first, last), (low, high) = axes.get_xlim(), axes.get_ylim()
    reach = 0.3 * (last - first)  # what the text takes, at least
    places = np.linspace(best_epoch - reach if left else best_epoch, best_epoch if left else best_epoch + reach, 25)
    epochs = [row["epoch"] for row in history]
    drawn = [np.interp(places, epochs, [row[f"{part}_{metric}"] for row in history]) for part in _COLOURS]
    heights = (np.concatenate(drawn) - low) / (high - low)
    # Losses fall and accuracies rise, so that one of the corners is mostly free.
    wanted = (0.93, 0.07, 0.5) if metric == "cross_entropy" else (0.07, 0.93, 0.5)
    room = {height: float(np.abs(heights - height).min()) for height in wanted}
    return next((height for height in wanted if room[height] > 0.12), max(room, key=lambda height: room[height]))
