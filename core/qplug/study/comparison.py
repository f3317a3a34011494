"""``qplug.compare``: whether one head is better than others, with intervals and a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from qplug import catalogue
from qplug.contract.errors import ConfigError, QplugError, UserError
from qplug.lab.comparison.compare import begin, carry_out
from qplug.lab.comparison.computing import Computing
from qplug.lab.comparison.executors import executor_of
from qplug.lab.comparison.outcome import ComparisonOutcome
from qplug.lab.comparison.plan_file import read_plan
from qplug.lab.comparison.reading import cells_of
from qplug.lab.comparison.request import Request
from qplug.lab.report import comparison_words as words
from qplug.lab.report.comparison import write_comparison
from qplug.lab.runner.reporter import Reporter
from qplug.lab.runner.workplace import Workplace
from qplug.study.progress import showing
from qplug.study.settings import Given, assignments, folder, name_of
from qplug.study.shown import Sheet, Shown


@dataclass(frozen=True, repr=False, eq=False)
class Comparison(Shown):
    """A finished comparison.

    Attributes:
        path: its folder, with plan, cells, report and tables.
        outcome: all that it came to.
        failed: what failed and was left out, in words; empty if nothing did.
    """

    path: Path
    outcome: ComparisonOutcome
    failed: str = ""

    @property
    def verdicts(self) -> list[str]:
        """One sentence for each pair on each data set."""
        return [words.verdict_line(pair) for data in self.outcome.data_sets for pair in data.pairs]

    def sheet(self) -> Sheet:
        """The arms with their means, and the verdicts."""
        rows = []
        for data in self.outcome.data_sets:
            how = words.measure(data.metric)
            for arm in data.arms:
                rows.append((data.dataset, arm.name, arm.role, how.value(arm.mean), how.interval(arm.interval)))
        data_sets = self.outcome.data_sets
        names = ", ".join(data.dataset for data in data_sets)
        title = f"{names} · {words.measure(data_sets[0].metric).title}, {len(self.verdicts)} pairs"
        below = (*self.verdicts, *((f"warning: {self.failed}",) if self.failed else ()), str(self.path))
        stamps = words.stamps_of(data_sets)
        return Sheet(title, ("data set", "arm", "role", "mean", "95 % interval"), rows, below, stamps)


def compare(
    *,
    dataset: str | Sequence[str] | None = None,
    heads: Given | Sequence[Given] = (),
    seeds: int | Sequence[int] = 10,
    features: Given | None = None,
    backbone: Given | None = None,
    reducer: Given | None = None,
    backend: Given | None = None,
    recipe: str | None = None,
    set: Mapping[str, Any] | None = None,
    epochs: int | None = None,
    fold: Literal["all"] | int = "all",
    split: str | None = None,
    metric: Literal["accuracy", "balanced_accuracy", "macro_f1"] = "accuracy",
    margin: float = 0.01,
    trials: int = 1,
    ablate: bool = False,
    baselines: bool = True,
    data_dir: str | Path | None = None,
    smoke: bool = False,
    out: str | Path = "comparisons",
    jobs: int | None = None,
    progress: bool = True,
) -> Comparison:
    """Compares heads on the same data with the same budget; what ``qplug compare`` does, with its report.

    A comparison that was stopped goes on with ``qplug resume``; calling this again starts another one.

    Args:
        dataset: data sets by name; None: the recipe's.
        heads: what is compared with the baselines and one another: by name, as ``"module:Class"``, as classes or
            objects; none: the recipe's own.
        seeds: how many, or which.
        features: the feature extractor of all arms.
        backbone: the backbone of all arms.
        reducer: the reducer of all arms.
        backend: where circuits are evaluated.
        recipe: a whole pipeline to start from.
        set: parameters of all arms, such as ``{"training.epochs": 5}``.
        epochs: passes over the training part, at most.
        fold: which fold is the test part; each in turn by default.
        split: which of the data set's splits.
        metric: what is compared.
        margin: differences up to it do not matter.
        trials: step sizes and weight decays that each run of each arm tries on its validation part.
        ablate: also with parts of the circuits taken away.
        baselines: compare with the usual classical arms.
        data_dir: folder of the data set, or of all data sets.
        smoke: short runs on generated files.
        out: where the comparison's folder is made.
        jobs: how many cells at once, each in a process of its own; 1: one after the other in this process; None: that
            too, but where several minutes of work are left, as many at once as the cores and the memory have room for,
            unless seeds train in one pass.
        progress: whether bars are shown in a notebook or on a terminal.

    Raises:
        UserError: something that cannot be done, or an object among several processes.
        Interrupted: the user stopped it; the message says how to go on.
    """
    several = heads if isinstance(heads, Sequence) and not isinstance(heads, str) else (heads,)
    parts = {"features": features, "backbone": backbone, "reducer": reducer, "backend": backend}
    told = {
        "heads": tuple(name_of("head", each) for each in several),
        "seeds": tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds),
        **{kind: name_of(kind, given) for kind, given in parts.items() if given is not None},
        "recipe": recipe, "assignments": tuple(assignments(set or {})), "epochs": epochs, "folds": fold,
        "split": split, "metric": metric, "margin": margin, "trials": trials, "ablate": ablate,
        "baselines": baselines, "smoke": smoke, "datasets": _data_sets(dataset, recipe),
    }  # fmt: skip
    may_spread = jobs is None and not _objects(told)
    _refuse_objects_elsewhere(told, jobs)
    lies = folder(data_dir)
    place = Workplace.from_environment().with_data_dir(None if lies is None else Path(lies))
    with showing(progress) as reporter:
        return _carried_out(_request(told), Path(out), place, jobs, reporter, may_spread=may_spread)


def _carried_out(
    request: Request, out: Path, place: Workplace, jobs: int | None, reporter: Reporter, *, may_spread: bool
) -> Comparison:
    path = begin(request, out, place, reporter)
    work = Computing(path, read_plan(path), place, executor_of(None, jobs, None, place), may_spread=may_spread)
    outcome, failed = carry_out(work, reporter)
    if outcome is None:
        raise QplugError(f"cells of {path} are left. Go on with: qplug resume {path}")
    write_comparison(path, outcome, cells_of(path))
    return Comparison(path, outcome, failed)


def _data_sets(dataset: str | Sequence[str] | None, recipe: str | None) -> tuple[str, ...]:
    if isinstance(dataset, str):
        return (dataset,)
    if dataset:
        return tuple(dataset)
    if recipe is None:
        raise UserError('no data set is named. Name one: dataset="NAME"; all data sets: qplug list datasets')
    return (str(catalogue.recipe(recipe).run["dataset"]["name"]),)


def _request(told: Mapping[str, Any]) -> Request:
    try:
        return Request.new(told)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise UserError(f"{name}={told.get(name)!r}: {first['msg']}.") from None


def _objects(told: Mapping[str, Any]) -> list[str]:
    """The parts that other processes cannot know: they were given as objects whose class cannot be imported."""
    names = [
        *told["heads"],
        *(str(told[kind]) for kind in ("features", "backbone", "reducer", "backend") if kind in told),
    ]
    return [name for name in names if catalogue.is_object(name)]


def _refuse_objects_elsewhere(told: Mapping[str, Any], jobs: int | None) -> None:
    objects = _objects(told)
    if objects and jobs not in (None, 1):
        raise ConfigError(
            f"jobs={jobs} are processes of their own, which cannot know {objects[0]!r}: it was given as an object "
            "whose class cannot be imported. Leave jobs out, or put the class into a module."
        )
