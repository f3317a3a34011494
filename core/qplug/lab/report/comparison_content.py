"""What stands on the page of a comparison, beside its tables and figures."""

from __future__ import annotations

from qplug.lab.comparison.outcome import ComparisonOutcome, DataSetOutcome
from qplug.lab.report import comparison_words as words
from qplug.lab.report.comparison_csv import Cells


def title(outcome: ComparisonOutcome) -> str:
    """The data sets, and what stands on them."""
    return " · ".join([*(data.dataset for data in outcome.data_sets), "comparison", *stamps(outcome)])


def stamps(outcome: ComparisonOutcome) -> list[str]:
    """What stands on any of the data sets."""
    return words.stamps_of(outcome.data_sets)


def sentence(outcome: ComparisonOutcome, cells: Cells) -> str:
    """How much was compared."""
    n_arms = len({arm.name for data in outcome.data_sets for arm in data.arms})
    n_cells = sum(arm.n_cells for data in outcome.data_sets for arm in data.arms)
    records = [cell.record for arms in cells.values() for found in arms.values() for cell in found]
    told = [_counted(n_arms, "arm")]
    told += [_counted(len(outcome.data_sets), "data set")] if len(outcome.data_sets) > 1 else []
    if records:
        told.append(_counted(len({record.seed for record in records}), "seed"))
        folds = {(record.dataset, record.split.fold) for record in records if record.split.fold is not None}
        most = max((sum(name == data for name, _ in folds) for data, _ in folds), default=0)
        told += [f"{'up to ' if len(outcome.data_sets) > 1 else ''}{most} folds"] if most > 1 else []
    return f"{', '.join(told)}: {_counted(n_cells, 'cell')}, all else equal."


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def facts(data: DataSetOutcome) -> list[tuple[str, str]]:
    """What was measured, on how much, and what counts as equal."""
    how = words.measure(data.metric)
    rows = [
        ("metric", f"{how.title}, mean over the cells of an arm, test part"),
        ("margin", words.margin(data)),
        ("test samples", words.whole(data.n_test) + " different ones over all folds"),
        ("groups among them", "" if data.n_groups is None else words.whole(data.n_groups)),
        ("classes", f"{len(data.classes)}: {', '.join(data.classes)}"),
        ("chance", "" if data.chance is None else how.with_unit(data.chance)),
    ]
    return [(name, value) for name, value in rows if value]


def warnings(outcome: ComparisonOutcome) -> list[str]:
    """All warnings; those of one data set among several say which."""
    if len(outcome.data_sets) == 1:
        return list(outcome.data_sets[0].warnings)
    return [f"{data.dataset}: {text}" for data in outcome.data_sets for text in data.warnings]


def meanings(outcome: ComparisonOutcome) -> list[tuple[str, str]]:
    """What the verdict words mean."""
    del outcome
    return list(words.VERDICTS.items())
