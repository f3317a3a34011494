"""An audit as a figure: classes, durations or brightness, groups, levels, and what each split does."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from qplug.contract.interfaces import Part
from qplug.lab.audit.report import Report
from qplug.lab.audit.splits import SplitFacts, counted
from qplug.lab.figures.style import BLUE, GREY, INK, ORANGE, RED, RULE, Canvas

_PARTS: Mapping[Part, str] = {"train": BLUE, "validation": "#8FBCE0", "test": ORANGE}
_WIDTH, _LEFT, _GAP = 9.0, 1.35, 0.95  # in inches, as all lengths here
_COLUMN = (_WIDTH - _LEFT - _GAP - 0.3) / 2
_PANEL = 1.75
_MOST_CLASSES, _MOST_GROUPS = 24, 40
_LONGEST = 18
_DPI = 160


def figure(report: Report) -> Figure:
    """The figure of an audit."""
    classes = _largest(report.classes, _MOST_CLASSES)
    top = max(_PANEL, 0.19 * len(classes))
    bottom = 0.24 * len(report.splits) + 0.1
    height = top + _PANEL + bottom + 2.55
    stamp = "SYNTHETIC DATA" if report.synthetic else None
    canvas = Canvas(_WIDTH, height, title=f"Audit of {report.dataset}", note=_note(report), stamp=stamp)
    y = height - 0.45 - top
    right = _LEFT + _COLUMN + _GAP
    _classes(canvas.axes(_LEFT, y, _COLUMN, top), report, classes)
    _spread(canvas.axes(right, y + top - _PANEL, _COLUMN, _PANEL), report)
    y -= 0.95 + _PANEL
    _groups(canvas.axes(_LEFT, y, _COLUMN, _PANEL), report)
    _levels(canvas.axes(right, y, _COLUMN, _PANEL), report)
    y -= 0.85 + bottom
    _splits(canvas.axes(_LEFT, y, _WIDTH - _LEFT - 3.1, bottom), report)
    return canvas.figure


def png(drawn: Figure) -> bytes:
    """A figure as the content of a PNG file."""
    content = io.BytesIO()
    drawn.savefig(content, format="png", dpi=_DPI)
    return content.getvalue()


def _note(report: Report) -> str:
    things = "recordings" if report.modality == "audio" else "images"
    seconds = report.durations.sum()
    time = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
    time = time if seconds < 3600 else f"{seconds / 3600:.1f} h"
    hours = f" ({time}{' of them readable' if report.unreadable else ''})" if seconds else ""
    silent = "silent" if report.modality == "audio" else "blank"
    found = {
        "duplicated": sum(len(each.ids) - 1 for each in report.duplicates),
        "unreadable": len(report.unreadable),
        silent: len(report.silent),
        "clipped": len(report.clipped),
    }
    groups = "" if report.singles else f", {len(report.groups):,} groups"
    wrong = ", ".join(f"{n:,} {what}" for what, n in found.items() if n) or f"none duplicated, unreadable or {silent}"
    return f"{report.n_samples:,} {things}{hours}, {len(report.classes)} classes{groups}; {wrong}."


def _largest(counts: Mapping[str, int], most: int) -> list[str]:
    """The names in their order; where there are too many, the largest."""
    if len(counts) <= most:
        return list(counts)
    return sorted(counts, key=lambda name: -counts[name])[:most]


def _classes(axes: Axes, report: Report, names: Sequence[str]) -> None:
    facts = next(iter(report.splits.values()))
    left = np.zeros(len(names))
    if facts.problem:
        axes.barh(range(len(names)), [report.classes[name] for name in names], color=BLUE, height=0.7)
    else:
        for part, colour in _PARTS.items():
            counts = np.asarray([facts.class_sizes[name][part] for name in names])
            axes.barh(range(len(names)), counts, left=left, color=colour, height=0.7, label=part)
            left += counts
        axes.legend(ncols=3, loc="lower right", bbox_to_anchor=(1.02, 0.995), frameon=False, fontsize=7.5,
                    handlelength=0.9, handletextpad=0.4, columnspacing=1.0, borderpad=0.1)  # fmt: skip
    axes.set_yticks(range(len(names)), [_short(name) for name in names], fontsize=8)
    axes.invert_yaxis()
    more = f", the {len(names)} largest of {len(report.classes)}" if len(names) < len(report.classes) else ""
    fold = ", fold 1" if facts.folds else ""
    _finish(axes, "Classes", f"samples{more}, split {facts.name!r}{fold}", across="x")


def _spread(axes: Axes, report: Report) -> None:
    if report.modality == "audio":
        _histogram(axes, report.durations)
        middle = float(np.median(report.durations))
        axes.axvline(middle, color=INK, linewidth=0.9, linestyle=(0, (3, 2)))
        _finish(axes, "Durations", f"seconds; the dashed line is the median, {middle:.2f} s", "recordings")
    else:
        _histogram(axes, report.measures.level, within=(0.0, 1.0))
        sizes = ", ".join(list(report.sizes)[:3]) + (", …" if len(report.sizes) > 3 else "")
        _finish(axes, "Brightness", f"mean value in [0, 1]; sizes: {sizes} pixels", "images")


def _groups(axes: Axes, report: Report) -> None:
    key = report.guarded[0] if report.singles and report.guarded else ""
    what, title = (f"{key}s", key.capitalize() + "s") if key else ("groups", "Groups")
    sizes = np.sort(np.asarray(list((report.keys[key] if key else report.groups).values())))[::-1]
    if len(sizes) == report.n_samples:
        axes.text(0.5, 0.5, "every sample is a group of its own", ha="center", va="center", color=GREY, fontsize=8.5,
                  transform=axes.transAxes)  # fmt: skip
        axes.set_xticks([])
        axes.set_yticks([])
        _finish(axes, "Groups", "", across="")
    elif len(sizes) <= _MOST_GROUPS:
        axes.bar(range(len(sizes)), sizes, color=BLUE, width=0.8)
        axes.set_xticks([])
        _finish(axes, title, f"{len(sizes)} {what}, the largest first", "samples")
    else:
        _histogram(axes, sizes.astype(float), whole=True)
        _finish(axes, title, f"samples in each of {len(sizes):,} {what}", what)


def _levels(axes: Axes, report: Report) -> None:
    if report.modality == "audio":
        _histogram(axes, report.levels)
        found = f"{len(report.silent):,} silent, {len(report.clipped):,} clipped"
        _finish(axes, "Levels", f"root mean square, dB of full scale; {found}", "recordings")
    else:
        _histogram(axes, report.measures.peak, within=(0.0, 1.0))
        _finish(axes, "Contrast", f"brightest minus darkest value; {len(report.silent):,} blank", "images")


def _splits(axes: Axes, report: Report) -> None:
    facts = list(report.splits.values())
    for row, each in enumerate(facts):
        left = 0.0
        total = sum(each.sizes.values())
        for part, colour in _PARTS.items():
            share = each.sizes[part] / total if total else 0.0
            axes.barh(row, share, left=left, color=colour, height=0.62)
            if share > 0.07:
                ink = INK if part == "validation" else "white"
                axes.text(
                    left + share / 2, row, f"{each.sizes[part]:,}", ha="center", va="center", color=ink, fontsize=7.5
                )
            left += share
        words, colour = _verdict(each, report)
        axes.text(1.02, row, words, va="center", color=colour, fontsize=8)
    axes.set_yticks(range(len(facts)), [_short(each.name) for each in facts], fontsize=8)
    axes.set_xticks([])
    axes.set_xlim(0, 1)
    axes.set_ylim(len(facts) - 0.5, -0.5)
    _finish(axes, "Splits", "share of samples in train, validation and test", across="")


def _verdict(facts: SplitFacts, report: Report) -> tuple[str, str]:
    """What is to be said of a split, and its colour."""
    if facts.problem:
        return "cannot be made from this data", RED
    said = []
    if facts.shared_groups:
        said.append(f"{counted(len(facts.shared_groups), facts.group)} in two parts")
    if facts.leak:
        said.append("leaks")
    if facts.duplicates:
        said.append(f"{counted(facts.duplicates, 'duplicate')} in two parts")
    if said:
        return ", ".join(said), RED
    common = [name for name in report.guarded if name != facts.group and facts.shared[name][0]]
    if common:  # the rule allows it, and a reader should know
        return ", ".join(f"{counted(facts.shared[name][0], name)} in two parts" for name in common), INK
    alone = facts.group == "group" and report.singles
    return "each sample stands for itself" if alone else f"no {facts.group} in two parts", GREY


def _histogram(
    axes: Axes, values: NDArray[np.float64], *, within: tuple[float, float] | None = None, whole: bool = False
) -> None:
    low, high = within or (float(values.min()), float(values.max()))
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    bins = min(40, max(1, round(high - low)) + 1) if whole else 40
    axes.hist(values, bins=bins, range=(low, high), color=BLUE, edgecolor="white", linewidth=0.3)


def _finish(axes: Axes, title: str, below: str, beside: str = "", *, across: str = "y") -> None:
    axes.set_title(title, loc="left", color=INK, weight="bold", size=10, pad=6)
    axes.set_xlabel(below, color=GREY, fontsize=8, labelpad=4)
    axes.set_ylabel(beside, color=GREY, fontsize=8, labelpad=4)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0, labelsize=8)
    if across:
        axes.grid(axis=across, color=RULE, linewidth=0.6)  # type: ignore[arg-type]
        axes.set_axisbelow(True)
        (axes.yaxis if across == "y" else axes.xaxis).set_major_locator(MaxNLocator(5, integer=True))


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
