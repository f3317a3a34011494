"""What a comparison is asked for, as data: it is kept with the plan, so that more can be added to it later."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from qplug import catalogue, parameters
from qplug.catalogue.layers import Layer
from qplug.contract.errors import UnknownName, UserError
from qplug.lab.config import layers
from qplug.lab.config.branches import from_head
from qplug.lab.config.recipes import with_recipe
from qplug.lab.runs.run_record import Count, Table

Metric = Literal["accuracy", "balanced_accuracy", "macro_f1"]
SEEDS = tuple(range(10))
"""Fewer seeds seldom decide anything."""


class Request(Table):
    """What is to be compared on what, and by which rules.

    Attributes:
        heads: what is asked about, as after ``qplug run --head``; none: the recipe's own head.
        folds: each fold in turn where the split has folds, or one of them.
        assignments: as after ``--set``, for one data set alone as ``DATASET:KIND.PARAM=VALUE``; of several heads, those
            have a ``head.PARAM`` set that have the parameter.
        margin: differences up to it do not matter; the unit of the metric.
        transpile: whether the circuits that are asked about are also compiled for a modelled device, for their gates.
        trials: hyper-parameter settings that each run of each arm tries on its validation part; 1: none but its own.
        layout: ``fast``: where a backbone trains convolutions on the CPU, all arms have ``training.channels_last`` if
            it is not set. ``run``: cells are laid out as runs are, as in comparisons planned before there was a choice.
    """

    datasets: Annotated[tuple[str, ...], Field(min_length=1)]
    heads: tuple[str, ...] = ()
    features: str | None = None
    backbone: str | None = None
    reducer: str | None = None
    backend: str | None = None
    recipe: str | None = None
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = SEEDS
    folds: Literal["all"] | Count = "all"
    split: str | None = None
    assignments: tuple[str, ...] = ()
    epochs: int | None = None
    threads: int | None = None
    device: Literal["auto", "cpu", "cuda"] | None = None
    on_bad_file: Literal["refuse", "skip"] | None = None
    allow_leak: bool = False
    smoke: bool = False
    metric: Metric = "accuracy"
    margin: Annotated[float, Field(gt=0, lt=1)] = 0.01
    trials: Annotated[int, Field(ge=1, le=1000)] = 1
    ablate: bool = False
    baselines: bool = True
    transpile: bool = True
    layout: Literal["run", "fast"] = "run"

    @classmethod
    def new(cls, told: Mapping[str, Any]) -> Request:
        """One that is made now, in the layout that is fast unless another is named.

        Raises:
            ValidationError: a value is none that a request takes.
        """
        return cls(**{"layout": "fast", **told})

    def layers(self, dataset: str, head: str | None) -> list[Layer]:
        """The settings of one arm on one data set, by falling precedence."""
        names = {"dataset": dataset, "features": self.features, "backbone": self.backbone, "reducer": self.reducer,
                 "backend": self.backend}  # fmt: skip
        flags: dict[str, Any] = layers.from_names({kind: name for kind, name in names.items() if name is not None})
        options = {"device": self.device, "threads": self.threads, "split": self.split, "on_bad_file": self.on_bad_file}
        flags |= {key: str(value) for key, value in options.items() if value is not None}
        flags |= {"seed": str(self.seeds[0])}
        if self.folds != "all":
            flags["fold"] = str(self.folds)
        if self.allow_leak:
            flags["allow_leak"] = True
        if self.epochs is not None:
            flags["training"] = {"epochs": self.epochs}
        if head is not None:
            flags |= from_head(head)
        return with_recipe([layers.from_flags(flags, self._assigned(dataset, head))], self.recipe, smoke=self.smoke)

    def _assigned(self, dataset: str, head: str | None) -> list[str]:
        """The assignments that concern an arm: of ``head.PARAM=…`` those of which its head has the parameter.

        One that no head has stays, so that it is refused.
        """
        known = self._on(dataset)
        if len(self.heads) < 2 or head is None:
            return known
        return [each for each in known if _has(head, each) or not any(_has(h, each) for h in self.heads)]

    def _on(self, dataset: str) -> list[str]:
        """The assignments for a data set: those for all, then its own, which go before them.

        Raises:
            UnknownName: one is for a data set that is not compared on.
        """
        for_all, own = [], []
        for each in self.assignments:
            named = next((name for name in self.datasets if each.startswith(f"{name}:")), None)
            before, colon, _ = each.partition("=")[0].partition(":")
            if named == dataset:
                own.append(each.removeprefix(f"{named}:"))
            elif named is None and colon:
                raise UnknownName.of("data set of this comparison", before, self.datasets)
            elif named is None:
                for_all.append(each)
        return for_all + own

    def extended(self, more: Request, said: Iterable[str]) -> Request:
        """This request with what another one adds: data sets and heads join those there are; the rest replaces them.

        Args:
            more: the other.
            said: the names of the fields that were given; the others stay as they are.

        Raises:
            UserError: something would change that all cells share, which makes another comparison.
        """
        given, assigned = set(said), self._joined(more)
        fixed = sorted(
            name
            for name in given - _ADDED
            if getattr(more, name) != getattr(self, name) and not (name == "assignments" and assigned)
        )
        if fixed:
            raise UserError(
                f"{', '.join(fixed)} cannot be changed in a comparison that there is already: all its cells share it. "
                "Heads, data sets, seeds, folds and ablations can be added, and settings of a data set that is added "
                "(--set DATASET:KIND.PARAM=VALUE); for the rest start a new comparison."
            )
        changed: dict[str, Any] = {name: getattr(more, name) for name in given & _ADDED}
        for name in ("datasets", "heads"):
            changed[name] = tuple(dict.fromkeys([*getattr(self, name), *changed.get(name, ())]))
        if "seeds" in changed:
            changed["seeds"] = tuple(dict.fromkeys([*self.seeds, *changed["seeds"]]))
        if "assignments" in given and assigned:
            changed["assignments"] = assigned
        return self.model_copy(update=changed)

    def _joined(self, more: Request) -> tuple[str, ...]:
        """The assignments with those for data sets that another request adds; none if it sets anything else."""
        own = [each for each in more.assignments if each not in self.assignments]
        added = [f"{name}:" for name in more.datasets if name not in self.datasets]
        for_added = [each for each in own if each.startswith(tuple(added))]
        return (*self.assignments, *own) if len(for_added) == len(own) else ()

    def command(self) -> str:
        """The words that ask for it again, but for where things lie."""
        words = ["qplug", "compare", "--dataset", ",".join(self.datasets)]
        words += ["--heads", ",".join(self.heads)] if self.heads else []
        for name in ("recipe", "features", "backbone", "reducer", "backend", "split", "epochs", "threads", "device",
                     "on_bad_file"):  # fmt: skip
            if (value := getattr(self, name)) is not None:
                words += [f"--{name.replace('_', '-')}", str(value)]
        words += ["--seeds", _seeds_text(self.seeds), "--fold", str(self.folds), "--margin", f"{self.margin:g}"]
        words += ["--metric", self.metric] if self.metric != "accuracy" else []
        words += ["--trials", str(self.trials)] if self.trials > 1 else []
        for name in ("ablate", "smoke", "allow_leak"):
            words += [f"--{name.replace('_', '-')}"] if getattr(self, name) else []
        words += [] if self.baselines else ["--no-baselines"]
        words += [] if self.transpile else ["--no-transpile"]
        for assignment in self.assignments:
            words += ["--set", assignment]
        return shlex.join(words)


_ADDED = frozenset({"datasets", "heads", "seeds", "folds", "ablate", "baselines", "margin", "transpile"})
"""What may be said anew of a comparison that there is: cells that are finished keep their keys."""


def _has(head: str, assignment: str) -> bool:
    """Whether an assignment is none of a head's, or one of a parameter that this head has."""
    target = assignment.partition("=")[0].strip()
    if not target.startswith("head.") or set(head) & set("+*:"):
        return True
    known = parameters.describe(catalogue.load("head", head.strip()))
    return target.removeprefix("head.") in {parameter.name for parameter in known}


def _seeds_text(seeds: Sequence[int]) -> str:
    first, last = seeds[0], seeds[-1]
    if len(seeds) > 1 and tuple(seeds) == tuple(range(first, last + 1)):
        return f"{first}-{last}"
    return ",".join(map(str, seeds)) + ("," if len(seeds) == 1 else "")
