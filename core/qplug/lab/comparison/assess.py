"""From finished cells to what a comparison came to: means with intervals, verdicts, and what is left of a circuit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from qplug.contract.errors import QplugError, some_of
from qplug.lab.comparison.cell_file import CellResult
from qplug.lab.comparison.layout import command_of
from qplug.lab.comparison.outcome import (
    VERSION,
    AblationOutcome,
    ArmOutcome,
    ComparisonOutcome,
    DataSetOutcome,
    PairOutcome,
)
from qplug.lab.comparison.plan_file import ComparisonPlan, PlannedArm, PlannedDataSet
from qplug.lab.comparison.protocol import protocol_of
from qplug.lab.comparison.reading import cells_of
from qplug.lab.comparison.request import Request
from qplug.lab.comparison.statistics import (
    CellAnswers,
    Difference,
    Estimate,
    difference,
    estimate,
    kept_share,
    verdicts,
)

_MANY = 5
SEED = 0
"""Decides what bootstrap draws: the same cells give the same intervals."""


@dataclass(frozen=True)
class Assessed:
    """A data set with the finished cells of each arm.

    Attributes:
        request: what was asked.
        data_set: its arms and splits.
        cells: of each arm, by its name.
        left_out: why arms have no cells here, beside what the plan says.
    """

    request: Request
    data_set: PlannedDataSet
    cells: Mapping[str, Sequence[CellResult]]
    left_out: Mapping[str, str]

    @property
    def arms(self) -> list[PlannedArm]:
        """The arms that have all their cells."""
        return [arm for arm in self.data_set.arms if arm.name in self.cells]

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return len(self.data_set.classes)

    def answers(self, arm: str) -> list[CellAnswers]:
        """What an arm answered, cell by cell."""
        return [_answers(cell) for cell in self.cells[arm]]


def outcome_of(folder: Path, plan: ComparisonPlan, left_out: Mapping[tuple[str, str], str]) -> ComparisonOutcome:
    """What the finished cells of a comparison came to; nothing is written.

    Args:
        folder: of the comparison.
        plan: its cells.
        left_out: why arms are not assessed, by data set and name.

    Raises:
        QplugError: of a data set nothing can be compared.
        DataError: the file of a cell is damaged.
    """
    cells = cells_of(folder, plan)
    assessed = []
    for data_set in plan.data_sets:
        whole = {
            arm: found
            for arm, found in cells.get(data_set.name, {}).items()
            if (data_set.name, arm) not in left_out and len(found) == len(data_set.splits)
        }
        reasons = {arm: why for (name, arm), why in left_out.items() if name == data_set.name}
        if not whole:
            raise QplugError(f"nothing of {data_set.name} can be compared: {some_of(list(reasons.values()), _MANY)}")
        assessed.append(assess(Assessed(plan.request, data_set, whole, reasons)))
    return ComparisonOutcome(
        version=VERSION, comparison=folder.name, command=command_of(plan), data_sets=tuple(assessed)
    )


def assess(found: Assessed) -> DataSetOutcome:
    """What a comparison came to on one data set, from its cells alone."""
    answers = {arm.name: found.answers(arm.name) for arm in found.arms}
    first = next(iter(answers.values()))
    groups = {group for cell in first for group in cell.groups.tolist()}
    ids = {id_ for cell in first for id_ in cell.ids.tolist()}
    chance = _chance(found, first)
    return DataSetOutcome(
        dataset=found.data_set.name,
        protocol=protocol_of(found.request, found.data_set, found.cells),
        metric=found.request.metric,
        margin=found.request.margin,
        n_test=len(ids),
        n_groups=len(groups) if len(groups) < len(ids) else None,
        classes=found.data_set.classes,
        chance=chance,
        stamps=found.data_set.stamps,
        warnings=tuple(_warnings(found)),
        arms=tuple(_arm(found, arm, answers[arm.name]) for arm in found.arms),
        pairs=tuple(_pairs(found, answers)),
        ablations=tuple(_ablations(found, answers, chance)),
        left_out=tuple(f"{name}: {why}" for name, why in {**found.data_set.left_out, **found.left_out}.items()),
    )


def _answers(cell: CellResult) -> CellAnswers:
    split = cell.record.split
    return CellAnswers(
        seed=cell.record.seed,
        fold=split.fold,
        n_train=split.sizes["train"],
        ids=cell.ids,
        groups=cell.groups,
        labels=cell.labels,
        predicted=cell.predicted,
    )


def _chance(found: Assessed, cells: Sequence[CellAnswers]) -> float:
    """What somebody reaches who always answers the class that is most frequent among the test samples."""
    if found.request.metric == "balanced_accuracy":
        return 1 / found.n_classes
    if found.request.metric == "macro_f1":
        return 1 / found.n_classes**2
    return fmean(max(int((cell.labels == label).sum()) for label in range(found.n_classes)) / len(cell.labels)
                 for cell in cells)  # fmt: skip


def _warnings(found: Assessed) -> Iterator[str]:
    told: dict[str, list[str]] = {}
    for name, cells in found.cells.items():
        for warning in dict.fromkeys(warning for cell in cells for warning in cell.record.warnings):
            told.setdefault(warning, []).append(name)
    for warning, names in told.items():
        yield warning if len(names) == len(found.cells) else f"{', '.join(names)}: {warning}"


def _arm(found: Assessed, arm: PlannedArm, answers: Sequence[CellAnswers]) -> ArmOutcome:
    cells = found.cells[arm.name]
    mean = estimate(answers, found.request.metric, found.n_classes, seed=SEED)
    return ArmOutcome(
        name=arm.name,
        description=arm.description,
        role=arm.role,
        quantum=arm.quantum,
        n_parameters=arm.n_parameters,
        n_cells=len(cells),
        mean=mean.mean,
        interval=mean.interval,
        seconds=fmean(cell.record.training.seconds for cell in cells),
        n_trials=found.request.trials if any(cell.trials for cell in cells) else 0,
        circuit=arm.circuit,
    )


# Pairs


def _pairs(found: Assessed, answers: Mapping[str, Sequence[CellAnswers]]) -> Iterator[PairOutcome]:
    names = list(_names_of_pairs(found.arms))
    differences = [_difference(found, answers, pair) for pair in names]
    judged = verdicts(differences, found.request.margin, names)
    for (a, b), each, verdict in zip(names, differences, judged, strict=True):
        yield PairOutcome(
            a=a,
            b=b,
            difference=each.value,
            interval=each.interval,
            equivalence_interval=each.equivalence_interval,
            p=each.p,
            p_holm=verdict.p_holm,
            p_equivalence=each.p_equivalence,
            effect_size=each.effect_size,
            method=each.method,
            verdict=verdict.verdict,
            smallest_detectable=each.smallest_detectable,
            seeds_needed=each.seeds_needed,
            sentence=verdict.sentence,
            reason=each.reason,
            p_mcnemar=each.p_mcnemar,
            p_corrected_t=each.p_corrected_t,
        )


def _difference(found: Assessed, answers: Mapping[str, Sequence[CellAnswers]], pair: tuple[str, str]) -> Difference:
    request = found.request
    a, b = answers[pair[0]], answers[pair[1]]
    return difference(a, b, request.metric, found.n_classes, margin=request.margin, seed=SEED)


def _names_of_pairs(arms: Sequence[PlannedArm]) -> Iterator[tuple[str, str]]:
    """Each head that is asked about against each other arm that is no ablation; quantum heads come first."""
    asked = sorted((arm for arm in arms if arm.role == "asked"), key=lambda arm: not arm.quantum)
    for position, arm in enumerate(asked):
        for other in asked[position + 1 :]:
            yield arm.name, other.name
        if arm.quantum or not any(each.quantum for each in asked):
            for other in arms:
                if other.role == "baseline":
                    yield arm.name, other.name


# Ablations


def _ablations(
    found: Assessed, answers: Mapping[str, Sequence[CellAnswers]], chance: float
) -> Iterator[AblationOutcome]:
    quantum = [arm.name for arm in found.arms if arm.role == "asked" and arm.quantum]
    for arm in found.arms:
        whole = arm.of or (quantum[0] if len(quantum) == 1 else "")
        if not arm.ablation or whole not in answers or not found.request.ablate:
            continue
        kept = kept_share(
            answers[whole], answers[arm.name], found.request.metric, found.n_classes, chance=chance, seed=SEED
        )
        yield AblationOutcome(
            arm=whole, ablation=arm.ablation, kept=kept.mean, interval=kept.interval, sentence=_credit(kept)
        )


_ENOUGH = 0.95
"""Who keeps at least so much of the score above chance without something gives it no credit."""


def _credit(kept: Estimate) -> str:
    if kept.interval is None or kept.mean is None:
        return f"nothing can be said: {kept.reason}"
    low, high = kept.interval
    told = f"keeps {_percent(kept.mean)} of the score above chance (95 % interval {_percent(low)} to {_percent(high)})"
    if high < 1:
        return f"{told}: what was taken away matters"
    return f"{told}: no quantum credit" if low >= _ENOUGH else f"{told}: undecided"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
