"""What the runs of a set came to: mean, spread and count of each arm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import nan
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from qplug.lab.measures import SUMMARY
from qplug.lab.runs.set_record import SetRecord

PARTS = ("test", "validation")


def over_set(record: SetRecord, summaries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a set came to, as ``qplug run --json`` prints it.

    Args:
        record: the set.
        summaries: of its runs, in the order of its cells.
    """
    arms = []
    for number, arm in enumerate(record.arms):
        own = [each for each, cell in zip(summaries, record.cells, strict=True) if cell.arm == number]
        arms.append({"name": arm.name, "n_runs": len(own), **_over_arm(own)})
    whole = _over_arm(summaries) if len(arms) == 1 else _shared(summaries)
    seeds = list(dict.fromkeys(cell.seed for cell in record.cells))
    folds = list(dict.fromkeys(cell.fold for cell in record.cells if cell.fold is not None))
    return {**whole, "n_runs": len(summaries), "seeds": seeds, "fold_numbers": folds, "arms": arms,
            "cells": list(summaries)}  # fmt: skip


def located(path: Path, found: dict[str, Any]) -> dict[str, Any]:
    """What a set came to, with its own folder and those of its runs as they are told to a user."""
    cells = [{**each, "run": str(path / each["run"])} for each in found["cells"]]
    one_seed = len(found["arms"]) == 1 and len(found["seeds"]) == 1 and len(found["fold_numbers"]) > 1
    told = {"set": str(path), **found, "run": [each["run"] for each in cells], "cells": cells}
    return {**told, "folds": cells} if one_seed else told


def over_folds(summaries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The mean of several folds' summaries, and the standard deviation of each metric between folds."""
    return {"run": [each["run"] for each in summaries], **_over_arm(summaries), "folds": list(summaries)}


def _over_arm(summaries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    first = summaries[0]
    same = ["head", "backend", "trained_on", "parameters"]
    if all(each["seed"] == first["seed"] for each in summaries):  # of several seeds none is that of the set
        same.append("seed")
    return {
        **_shared(summaries),
        **{key: first[key] for key in same},
        **{part: _over(summaries, part, fmean) for part in PARTS},
        **{f"{part}_sd": _over(summaries, part, _spread) for part in PARTS},
    }


def _shared(summaries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    first = summaries[0]
    return {
        **{key: first[key] for key in ("dataset", "split", "reference")},
        **{f"n_{part}": sum(each[f"n_{part}"] for each in summaries) for part in ("train", "validation", "test")},
        "stamps": list(dict.fromkeys(_all(each["stamps"] for each in summaries))),
        "train_seconds": sum(each["train_seconds"] for each in summaries),
        "warnings": list(dict.fromkeys(_all(each["warnings"] for each in summaries))),
    }


def _over(summaries: Sequence[Mapping[str, Any]], part: str, statistic: Any) -> dict[str, float]:
    return {
        name: float(statistic([nan if each[part][name] is None else each[part][name] for each in summaries]))
        for name in SUMMARY
    }


def _spread(values: Sequence[float]) -> float:
    return stdev(values) if len(values) > 1 else 0.0


def _all(lists: Iterable[Iterable[str]]) -> Iterable[str]:
    return (entry for entries in lists for entry in entries)
