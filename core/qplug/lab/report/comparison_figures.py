"""The figures of a comparison: drawn from its outcome and cells, each with a caption and an alternative text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qplug.lab.comparison.cell_file import CellResult
from qplug.lab.comparison.outcome import ArmOutcome, ComparisonOutcome, DataSetOutcome, PairOutcome
from qplug.lab.report import comparison_words as words
from qplug.lab.report.comparison_csv import Cells, in_order
from qplug.lab.report.comparison_words import Measure, measure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from qplug.lab.figures.comparison_cost import Panel
    from qplug.lab.figures.comparison_forest import Line
    from qplug.lab.figures.comparison_points import ArmPoints

Results = Mapping[str, Sequence[CellResult]]
"""The cells of each arm."""


@dataclass(frozen=True)
class Drawn:
    """One figure.

    Attributes:
        name: of its files, without ending.
        kind: forest, credit, points, curves, confusion or cost.
        dataset: what it is about.
    """

    name: str
    kind: str
    dataset: str
    figure: Figure
    caption: str
    alt: str


def drawn(outcome: ComparisonOutcome, cells: Cells) -> Iterator[Drawn]:
    """All figures, one after the other, as far as there is anything to draw."""
    for name, data in zip(names_of(outcome), outcome.data_sets, strict=True):
        arms = [arm.name for arm in data.arms]
        found = {arm: in_order(cells.get(data.dataset, {}).get(arm, ())) for arm in arms}
        for kind, draw in _KINDS.items():
            made = draw(data, {arm: own for arm, own in found.items() if own})
            if made is not None:
                figure, caption, alt = made
                yield Drawn(f"{kind}-{name}", kind, data.dataset, figure, caption, alt)


def names_of(outcome: ComparisonOutcome) -> list[str]:
    """For each data set what its files are called: its name as far as every file system takes it, all different."""
    names: list[str] = []
    for number, data in enumerate(outcome.data_sets, 1):
        plain = re.sub(r"[^a-z0-9]+", "-", data.dataset.lower()).strip("-")[:40]
        names.append(plain if plain and plain not in names else f"{plain or 'data'}-{number}")
    return names


_Made = tuple["Figure", str, str] | None


def _title(data: DataSetOutcome, what: str) -> str:
    return f"{data.dataset} · {what}"


def _stamp(data: DataSetOutcome) -> str | None:
    return " · ".join(data.stamps) or None


def _forest(data: DataSetOutcome, _: Results) -> _Made:
    from qplug.lab.figures.comparison_forest import forest

    if not data.pairs:
        return None
    how = measure(data.metric)
    side = "right" if how.higher else "left"
    unit = f", {how.points}" if how.points else ""
    figure = forest(
        [_line(pair, how) for pair in data.pairs],
        margin=data.margin * how.factor,
        axis=f"difference in {how.title}{unit}: on the {side} the first does better",
        told_margin=words.margin(data),
        title=_title(data, f"differences in {how.title}"),
        stamp=_stamp(data),
    )
    told = "; ".join(
        f"{pair.a} against {pair.b}: {how.difference(pair.difference)}, "
        f"{how.interval(pair.interval, signed=True) if words.known(pair.interval) else 'no interval'}, {pair.verdict}"
        for pair in data.pairs
    )
    caption = (
        f"A difference counts as none where its thick line lies inside the shaded margin of {words.margin(data)}, "
    )
    caption += "and as one where its thin line misses 0 and Holm's correction agrees."
    return figure, caption, f"Forest plot of differences in {how.title}{unit}, with 95 % intervals. {told}."


def _line(pair: PairOutcome, how: Measure) -> Line:
    from qplug.lab.figures.comparison_forest import Line

    interval = words.known(pair.interval)
    ends = f"[{how.difference(interval[0])}, {how.difference(interval[1])}]" if interval else "no interval"
    return Line(
        group=f"{pair.a} against",
        name=pair.b,
        value=how.scaled(pair.difference),
        interval=how.scaled_interval(pair.interval),
        inner=how.scaled_interval(pair.equivalence_interval),
        verdict=pair.verdict,
        words=f"{how.difference(pair.difference)} {ends}  {pair.verdict}",
    )


def _credit(data: DataSetOutcome, _: Results) -> _Made:
    from qplug.lab.figures.comparison_forest import Line, credit

    if not data.ablations:
        return None
    lines = []
    for found in data.ablations:
        ends = words.known(found.interval)
        scaled = (100 * ends[0], 100 * ends[1]) if ends else None
        value = None if found.kept is None else 100 * found.kept
        lines.append(Line(found.arm, found.ablation, value, scaled, "undecided", words.kept(found)))
    told = "; ".join(f"{found.arm}, {found.ablation}: {words.kept(found)}" for found in data.ablations)
    figure = credit(lines, title=_title(data, "quantum credit"), stamp=_stamp(data))
    caption = "What is left of a head's score above chance when its circuit is rewritten and the rest stays as it was."
    return figure, caption, f"Share of the score above chance that is kept, with 95 % intervals. {told}."


def _points(data: DataSetOutcome, found: Results) -> _Made:
    from qplug.lab.figures.comparison_points import points

    if not found:
        return None
    how = measure(data.metric)
    arms = [_arm_points(arm, found[arm.name], data.metric, how) for arm in data.arms if arm.name in found]
    figure = points(
        arms, axis=how.headed, chance=how.scaled(data.chance), title=_title(data, f"{how.title} of every cell"),
        stamp=_stamp(data),
    )  # fmt: skip
    spans = (
        f"{arm.name} {min(values):.1f} to {max(values):.1f}"
        for arm in arms
        if (values := [point.value for point in arm.points])
    )
    return (
        figure,
        "How far single seeds and folds lie apart: one run alone may say anything in this range.",
        f"{how.headed} of every cell, least to greatest by arm: {'; '.join(spans)}.",
    )


def _arm_points(arm: ArmOutcome, cells: Sequence[CellResult], metric: str, how: Measure) -> ArmPoints:
    from qplug.lab.figures.comparison_points import ArmPoints, Point

    points = []
    for cell in cells:
        value = how.scaled(getattr(cell.record.test, metric, None))
        if value is not None:
            points.append(Point(cell.record.split.fold, cell.record.seed, value))
    interval = words.known(arm.interval)
    told = f" [{how.value(interval[0])}, {how.value(interval[1])}]" if interval else ", no interval"
    return ArmPoints(
        arm.name, points, how.scaled(arm.mean), how.scaled_interval(arm.interval), f"{how.value(arm.mean)}{told}"
    )


def _curves(data: DataSetOutcome, found: Results) -> _Made:
    from qplug.lab.figures.comparison_curves import learning_curves

    histories = {arm: [cell.history for cell in cells] for arm, cells in found.items()}
    figure = learning_curves(histories, title=_title(data, "learning curves"), stamp=_stamp(data))
    if figure is None:
        return None
    learning = [arm for arm, cells in found.items() if any(cell.history for cell in cells)]
    without = [arm for arm in found if arm not in learning]
    caption = "Median and 80 % of the cells at each epoch, training and validation part."
    caption += f" Fitted in one step, so without a curve: {', '.join(without)}." if without else ""
    alt = f"Cross-entropy on training and validation over the epochs, one panel each for {', '.join(learning)}."
    return figure, caption, alt


def _confusion(data: DataSetOutcome, found: Results) -> _Made:
    from qplug.lab.figures.comparison_confusion import confusion_matrices

    if not found:
        return None
    counts = {arm: _counted(cells, len(data.classes)) for arm, cells in found.items()}
    figure = confusion_matrices(
        counts, data.classes, title=_title(data, "confusion matrices, test"), stamp=_stamp(data)
    )
    told = "; ".join(f"{arm} {np.trace(matrix) / max(1, matrix.sum()):.1%}" for arm, matrix in counts.items())
    caption = "All test answers of all cells of an arm together; a sample stands there once for every seed."
    return figure, caption, f"Confusion matrices side by side; share of right answers: {told}."


def _counted(cells: Sequence[CellResult], n_classes: int) -> NDArray[np.int64]:
    counts = np.zeros((n_classes, n_classes), np.int64)
    for cell in cells:
        np.add.at(counts, (cell.labels, cell.predicted), 1)
    return counts


def _cost(data: DataSetOutcome, _: Results) -> _Made:
    from qplug.lab.figures.comparison_cost import cost

    panels = _panels(data.arms)
    note = "Axes are logarithmic, each by itself."
    if any(panel.beyond for panel in panels):
        note += " Blue dots: gates as written; orange: after transpilation to a line of qubits."
    if any("simulated" in panel.title for panel in panels):
        note += " Simulated: one batch of 32 on one CPU thread."
    names = [arm.name for arm in data.arms]
    figure = cost(names, panels, title=_title(data, "what each arm costs"), note=note, stamp=_stamp(data))
    caption = "Every circuit here was simulated on an ordinary computer, in the time that is given."
    alt = "Cost of each arm; the same numbers stand in the tables: " + ", ".join(panel.title for panel in panels) + "."
    return figure, caption if len(panels) > 2 else "Parameters and time of each arm.", alt


def _panels(arms: Sequence[ArmOutcome]) -> list[Panel]:
    from qplug.lab.figures.comparison_cost import Panel

    circuits = [arm.circuit for arm in arms]
    gates = [None if circuit is None else circuit.gates for circuit in circuits]
    transpiled = [None if circuit is None else circuit.transpiled_gates for circuit in circuits]
    simulated = [None if circuit is None else circuit.simulated_ms for circuit in circuits]
    panels = [
        Panel("trained weights", [arm.n_parameters for arm in arms]),
        Panel("training, s per cell", [arm.seconds for arm in arms]),
        Panel("gates", gates, transpiled if any(value is not None for value in transpiled) else ()),
        Panel("simulated in, ms", simulated),
    ]
    always = panels[:2]
    return always + [panel for panel in panels[2:] if any(value is not None for value in panel.values)]


_KINDS = {
    "forest": _forest,
    "credit": _credit,
    "points": _points,
    "curves": _curves,
    "confusion": _confusion,
    "cost": _cost,
}
