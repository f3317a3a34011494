"""What a run leaves behind: every file of its directory, and its summary."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from qplug import catalogue
from qplug.contract.interfaces import Backend, Part
from qplug.heads.quantum_module import QuantumModule
from qplug.lab.config.model import RunConfig
from qplug.lab.judging.angles import AngleFacts, angle_facts
from qplug.lab.judging.judge import Judgement, judge
from qplug.lab.judging.view import View
from qplug.lab.pipeline.classifier import count_parameters
from qplug.lab.pipeline.describe import steps
from qplug.lab.pipeline.parts import Parts
from qplug.lab.runner.drawing import Drawn, write_figures
from qplug.lab.runner.prepare import Prepared
from qplug.lab.runner.reporter import Reporter
from qplug.lab.runner.summary import summary
from qplug.lab.runs.directory import RunDirectory
from qplug.lab.training.fit import Fitted

SYNTHETIC = "SYNTHETIC DATA"
LEAKY = "LEAKY"
ANGLE_SAMPLES = 512
"""How many training samples the angles are looked at on."""


@dataclass(frozen=True)
class Outcome:
    """A trained classifier and where it comes from.

    Attributes:
        config: the run.
        parts: its components.
        prepared: its data.
        view: the classifier with its best weights, and what it was trained on.
        fitted: how training went.
    """

    config: RunConfig
    parts: Parts
    prepared: Prepared
    view: View
    fitted: Fitted

    @property
    def stamps(self) -> list[str]:
        """What everything that shows this run must say."""
        return [
            *([SYNTHETIC] if self.parts.dataset.capabilities.synthetic or self.config.smoke else []),
            *([LEAKY] if self.prepared.split.leaky else []),
        ]


def record(directory: RunDirectory, outcome: Outcome, reporter: Reporter) -> dict[str, Any]:
    """Judges the classifier on validation and, once, on test; writes everything; gives the summary."""
    validation = _judge(outcome, "validation", None, reporter)
    angles = _angles(outcome)
    test = _judge(outcome, "test", outcome.parts.backend, reporter)
    if outcome.fitted.history:
        directory.write_csv("history.csv", stamped(outcome.fitted.history, outcome.stamps))
    directory.write_csv("predictions.csv", stamped([*validation.predictions(), *test.predictions()], outcome.stamps))
    _write_model(directory, outcome)
    write_figures(directory, _drawn(outcome, test))
    content = {**_facts(outcome, angles), "validation": validation.scores, "test": test.scores}
    directory.write_json("metrics.json", content)  # last: a run that has it is complete
    return summary(directory, content)


def stamped(rows: Sequence[Mapping[str, Any]], stamps: Sequence[str]) -> list[dict[str, Any]]:
    """A table's rows, each with the run's stamps as its last column; as they are where there are none."""
    return [{**row, **({"stamps": "; ".join(stamps)} if stamps else {})} for row in rows]


def _angles(outcome: Outcome) -> dict[int, AngleFacts]:
    """What the quantum heads' angles look like on some training samples, by branch; on the training backend."""
    if not outcome.parts.quantum:
        return {}
    embeddings = outcome.view.embeddings(outcome.prepared.rows["train"][:ANGLE_SAMPLES])
    return {
        number: angle_facts(reducer, head, embeddings)
        for number, (reducer, head) in enumerate(outcome.view.model.branches.pairs(), start=1)
        if isinstance(head, QuantumModule)
    }


def _angle_warnings(config: RunConfig, angles: Mapping[int, AngleFacts]) -> list[str]:
    several = len(config.branches) > 1
    return [
        warning
        for number, facts in angles.items()
        for warning in facts.warnings(config.branches[number - 1], f"branch{number}." if several else "")
    ]


def _by_head(config: RunConfig, angles: Mapping[int, AngleFacts]) -> dict[str, dict[str, float]]:
    """The facts by the head's name; a head that stands in several branches is told from itself by its branch."""
    names = [branch.head.name for branch in config.branches]
    found = {}
    for number, facts in angles.items():
        name = names[number - 1]
        found[name if names.count(name) == 1 else f"{name}, branch {number}"] = asdict(facts)
    return found


def _facts(outcome: Outcome, angles: Mapping[int, AngleFacts]) -> dict[str, Any]:
    """All of ``metrics.json`` but the metrics."""
    config, prepared, fitted = outcome.config, outcome.prepared, outcome.fitted
    width = outcome.view.embedding_width
    return {
        "dataset": config.dataset.name,
        "modality": outcome.parts.features.capabilities.modality,
        "head": config.heads,
        "backend": config.backend.name if outcome.parts.quantum else None,
        "trained_on": _trained_on(outcome),
        "modelled_noise": _modelled_noise(outcome),
        "hardware": outcome.parts.backend is not None and outcome.parts.backend.capabilities.hardware,
        "seed": config.seed,
        "split": prepared.split.name,
        "fold": prepared.split.fold,
        "split_hash": prepared.split.hashes["all"],
        **{f"n_{part}": len(prepared.rows[part]) for part in ("train", "validation", "test")},
        "best_epoch": fitted.best_epoch,
        "epochs": len(fitted.history),
        "stopped_early": fitted.stopped_early,
        "train_seconds": fitted.seconds,
        "pipeline": [asdict(step) for step in steps(config, outcome.parts, outcome.view.model, width)],
        "parameters": asdict(count_parameters(outcome.view.model)),
        "stamps": outcome.stamps,
        "branch_weights": outcome.view.model.branches.weights.tolist(),
        "angles": _by_head(config, angles),
        "warnings": [
            *_stamp_texts(outcome),
            *prepared.warnings,
            *_angle_warnings(config, angles),
        ],
        "reference": known_results(config, outcome.parts.dataset.reference),
    }


def known_results(config: RunConfig, reference: Sequence[str]) -> list[str]:
    """What others reached on these data, and what the recipe's original reported; nothing for made-up data.

    Args:
        config: what runs.
        reference: the data set's own lines. One from the paper that the recipe comes from says what the original did.
    """
    if config.smoke:
        return []
    recipe = catalogue.registry().recipes.get(config.recipe or "")
    if not recipe or not recipe.original or recipe.run["dataset"]["name"] != config.dataset.name:
        return list(reference)
    paper = re.search(r"10\.\d+/[\w./-]+", recipe.source)
    if paper and any(paper[0] in line for line in reference):
        return list(reference)
    return [*reference, f"the original of {recipe.base or recipe.name}: {recipe.original}"]


def _trained_on(outcome: Outcome) -> str | None:
    if not outcome.parts.quantum:
        return None
    same = outcome.parts.training_backend is outcome.parts.backend
    return outcome.config.backend.name if same else "torch"


def _modelled_noise(outcome: Outcome) -> bool:
    """Whether the test part was judged under the noise of a fake device."""
    backend = outcome.parts.backend
    return backend is not None and backend.capabilities.noise and not backend.capabilities.hardware


def _stamp_texts(outcome: Outcome) -> list[str]:
    texts = {
        SYNTHETIC: "the data are synthetic: the result says nothing about real ones",
        LEAKY: f"the split leaks: {outcome.prepared.split.leak}",
    }
    return [texts[stamp] for stamp in outcome.stamps]


def _judge(outcome: Outcome, part: Part, backend: Backend | None, reporter: Reporter) -> Judgement:
    reporter.stage(f"judging on {part}")
    on = outcome.prepared.labelled(part)
    return judge(outcome.view, on, backend=backend, device=outcome.config.device, on_step=reporter.progress)


def _write_model(directory: RunDirectory, outcome: Outcome) -> None:
    model = outcome.view.model.cpu()
    facts = {"classes": list(outcome.prepared.split.classes), "feature_shape": list(outcome.parts.features.shape)}
    directory.write_weights(model.state_dict(), facts)


def _drawn(outcome: Outcome, test: Judgement) -> Drawn:
    fold = outcome.prepared.split.fold
    title = f"{outcome.config.dataset.name} · {outcome.config.heads}"
    return Drawn(
        features=outcome.parts.features,
        prepared=outcome.prepared,
        view=outcome.view,
        fitted=outcome.fitted,
        judgement=test,
        title=title + (f" · fold {fold}" if fold is not None else ""),
        stamp=" · ".join(outcome.stamps) or None,
    )
