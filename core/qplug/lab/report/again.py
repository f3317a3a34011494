"""What stands on a run's page about the times it was judged again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from qplug.lab.measures import percent
from qplug.lab.runs.evaluations import evaluations

_NONE = "–"


def judged_again(run: Path) -> list[tuple[str, list[str]]]:
    """For each evaluation: where, samples, accuracy, its interval, label agreement, mean and largest |Δ⟨Z⟩|."""
    return [(_where(content), list(_numbers(content))) for content in evaluations(run)]


def _where(content: Mapping[str, Any]) -> str:
    settings = ", ".join(f"{name} {value}" for name, value in content.get("settings", {}).items())
    words = [f"{content['part']} part" + (f" of {content['dataset']}" if content.get("other_data") else "")]
    if content.get("backend"):
        words.append(content["backend"] + (f" ({settings})" if settings else ""))
    if content.get("modelled_noise"):
        words.append("modelled noise: a fake device")
    return ", ".join(words)


def _numbers(content: Mapping[str, Any]) -> Iterator[str]:
    scores, against = content[content["part"]], content.get("against_training_backend") or {}
    low, high = scores["accuracy_interval"]
    yield f"{scores['n']:,}"
    yield percent(scores["accuracy"])
    yield f"{percent(low)} to {percent(high)}"
    yield percent(against["label_agreement"]) if against else _NONE
    for name in ("mean_abs_delta_z", "max_abs_delta_z"):
        yield _NONE if against.get(name) is None else f"{against[name]:.2g}"
