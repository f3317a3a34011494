"""What a run leaves behind: every file of its directory, and its summary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from qplug import catalogue
from qplug.circuits import to_qasm3
from qplug.contract.claim import Claim
from qplug.lab.config.model import RunConfig
from qplug.lab.config.toml import to_layer
from qplug.lab.data.splits import Split
from qplug.lab.judging.angles import AngleFacts
from qplug.lab.pipeline.classifier import count_parameters
from qplug.lab.pipeline.components import Components
from qplug.lab.pipeline.describe import steps
from qplug.lab.runner.examine import Examined
from qplug.lab.runner.judge import Judged
from qplug.lab.runner.prepare import Prepared
from qplug.lab.runner.train import Trained
from qplug.lab.runs.directory import RunDirectory
from qplug.lab.runs.files import circuit_name, json_bytes
from qplug.lab.runs.record_file import write_record
from qplug.lab.runs.run_record import (
    VERSION,
    AngleRecord,
    Environment,
    JudgementRecord,
    KnownResult,
    Parameters,
    RunRecord,
    Scores,
    SplitRecord,
    StepRecord,
    TrainingRecord,
)
from qplug.lab.runs.typed_file import read_typed

SYNTHETIC = "SYNTHETIC DATA"
LEAKY = "LEAKY"


@dataclass(frozen=True)
class Outcome:
    """All that the stages of a run came to, to be written down.

    Attributes:
        examined: the run.
        prepared: its data.
        trained: its classifier.
        judged: the classifier's answers.
    """

    examined: Examined
    prepared: Prepared
    trained: Trained
    judged: Judged

    @property
    def config(self) -> RunConfig:
        """The run's configuration."""
        return self.examined.config

    @property
    def components(self) -> Components:
        """The run's components."""
        return self.examined.components

    @property
    def stamps(self) -> list[str]:
        """What everything that shows this run must say."""
        return [
            *([SYNTHETIC] if self.components.dataset.capabilities.synthetic or self.config.smoke else []),
            *([LEAKY] if self.prepared.split.leaky else []),
        ]


def record(directory: RunDirectory, outcome: Outcome) -> RunRecord:
    """The last stage of a run: writes everything and gives the record."""
    history, judged = outcome.trained.fitted.history, outcome.judged
    if history:
        directory.write_csv("history.csv", stamped(history, outcome.stamps))
    answers = [*judged.validation.predictions(), *judged.test.predictions()]
    directory.write_csv("predictions.csv", stamped(answers, outcome.stamps))
    _write_model(directory, outcome)
    _write_circuits(directory, outcome)
    if outcome.examined.workplace.figures:
        _draw(directory, outcome)
    written = _run_record(outcome, read_typed(directory, "environment.json", Environment))
    write_record(directory, written)  # last: a run that has it is complete
    return written


def stamped(rows: Sequence[Mapping[str, Any]], stamps: Sequence[str]) -> list[dict[str, Any]]:
    """A table's rows, each with the run's stamps as its last column; as they are where there are none."""
    return [{**row, **({"stamps": "; ".join(stamps)} if stamps else {})} for row in rows]


def _angle_warnings(config: RunConfig, angles: Mapping[int, AngleFacts]) -> list[str]:
    several = len(config.branches) > 1
    return [
        warning
        for number, facts in angles.items()
        for warning in facts.warnings(config.branches[number - 1], f"branch{number}." if several else "")
    ]


def _by_head(config: RunConfig, angles: Mapping[int, AngleFacts]) -> dict[str, AngleRecord]:
    """The facts by the head's name; a head that stands in several branches is told from itself by its branch."""
    names = [branch.head.name for branch in config.branches]
    found = {}
    for number, facts in angles.items():
        name = names[number - 1]
        found[name if names.count(name) == 1 else f"{name}, branch {number}"] = AngleRecord(**asdict(facts))
    return found


def _run_record(outcome: Outcome, made_with: Environment) -> RunRecord:
    config, angles = outcome.config, outcome.judged.angles
    return RunRecord(
        version=VERSION,
        dataset=config.dataset.name,
        modality=outcome.components.features.capabilities.modality,
        head=config.heads,
        seed=config.seed,
        configuration=to_layer(config),
        environment=made_with,
        split=_split_record(outcome.prepared.split),
        training=_training_record(outcome, angles),
        judgements=_judgement_records(outcome),
        warnings=(
            *_stamp_texts(outcome),
            *outcome.prepared.warnings,
            *outcome.trained.warnings,
            *_angle_warnings(config, angles),
        ),
        stamps=tuple(outcome.stamps),
        known_results=_told(known_results(config, outcome.components.dataset.reference)),
    )


def _scores(judged: Mapping[str, Any]) -> Scores:
    """The metrics of a part, as they will be read back."""
    return Scores.model_validate_json(json_bytes(judged))


def _split_record(split: Split) -> SplitRecord:
    return SplitRecord(
        name=split.name,
        description=split.rule.description,
        official=split.rule.official,
        fold=split.fold,
        leak=split.leak or None,
        sizes={part: len(samples) for part, samples in split.parts.items()},
        hashes=dict(split.hashes),
        n_shared_groups=len(split.shared_groups),
        n_left_out=len(split.left_out),
    )


def _training_record(outcome: Outcome, angles: Mapping[int, AngleFacts]) -> TrainingRecord:
    fitted = outcome.trained.fitted
    described = steps(
        outcome.config, outcome.components, outcome.trained.view.model, outcome.trained.view.embedding_width
    )
    return TrainingRecord(
        trained_on=_trained_on(outcome),
        epochs=len(fitted.history),
        best_epoch=fitted.best_epoch,
        stopped_early=fitted.stopped_early,
        seconds=fitted.seconds,
        parameters=Parameters(**asdict(count_parameters(outcome.trained.view.model))),
        pipeline=tuple(StepRecord(**asdict(step)) for step in described),
        branch_weights=tuple(outcome.trained.view.model.branches.weights.tolist()),
        angles=_by_head(outcome.config, angles),
    )


def _judgement_records(outcome: Outcome) -> tuple[JudgementRecord, ...]:
    judged = outcome.judged
    asked, backend = outcome.components.backend, judged.test.backend
    same = asked is outcome.components.training_backend
    name = outcome.config.backend.name if backend is asked and asked is not None else _judged_on(outcome)
    settings = {key: value for key, value in to_layer(outcome.config)["backend"].items() if key != "name"}
    return (
        JudgementRecord(
            part="validation",
            backend=_judged_on(outcome),
            settings=settings if name is not None and same else {},
            scores=_scores(judged.validation.scores),
        ),
        JudgementRecord(
            part="test",
            backend=name,
            settings=settings if name is not None and backend is asked else {},
            hardware=backend is not None and backend.capabilities.hardware,
            modelled_noise=backend is not None and backend.capabilities.noise and not backend.capabilities.hardware,
            scores=_scores(judged.test.scores),
        ),
    )


def known_results(config: RunConfig, reference: Sequence[Claim]) -> list[Claim]:
    """What others reached on these data, and what the recipe's original reported; nothing for made-up data.

    Args:
        config: what runs.
        reference: the data set's own, which may tell already what the original reached.
    """
    if config.smoke:
        return []
    recipe = catalogue.registry().recipes.get(config.recipe or "")
    if not recipe or recipe.run["dataset"]["name"] != config.dataset.name:
        return list(reference)
    what = f"the original of {recipe.base or recipe.name}"
    return [*reference, *(claim.about(what) for claim in recipe.results if claim not in reference)]


def _told(claims: Iterable[Claim | str]) -> tuple[KnownResult | str, ...]:
    """As they are written; a data set of a third party may still have lines of words."""
    return tuple(each if isinstance(each, str) else KnownResult(**asdict(each)) for each in claims)


def _trained_on(outcome: Outcome) -> str | None:
    return None if outcome.components.training is None else outcome.components.training.name


def _judged_on(outcome: Outcome) -> str | None:
    """Where circuits stand in a forward pass, as the validation part is judged by."""
    return None if outcome.components.training is None else outcome.components.training.stands_on


def _stamp_texts(outcome: Outcome) -> list[str]:
    texts = {
        SYNTHETIC: "the data are synthetic: the result says nothing about real ones",
        LEAKY: f"the split leaks: {outcome.prepared.split.leak}",
    }
    return [texts[stamp] for stamp in outcome.stamps]


def _write_model(directory: RunDirectory, outcome: Outcome) -> None:
    model = outcome.trained.view.model.cpu()
    facts = {"classes": list(outcome.prepared.split.classes), "feature_shape": list(outcome.components.features.shape)}
    directory.write_weights(model.state_dict(), facts)


def _write_circuits(directory: RunDirectory, outcome: Outcome) -> None:
    for number, module in enumerate(outcome.trained.view.model.quantum_modules(), start=1):
        directory.write_text(f"{circuit_name(number)}.qasm", to_qasm3(module.circuit))


def _draw(directory: RunDirectory, outcome: Outcome) -> None:
    from qplug.lab.runner.drawing import Drawn, write_figures  # Matplotlib takes a second, and not every run draws

    fold = outcome.prepared.split.fold
    title = f"{outcome.config.dataset.name} · {outcome.config.heads}"
    drawn = Drawn(
        features=outcome.components.features,
        prepared=outcome.prepared,
        view=outcome.trained.view,
        fitted=outcome.trained.fitted,
        judgement=outcome.judged.test,
        title=title + (f" · fold {fold}" if fold is not None else ""),
        stamp=" · ".join(outcome.stamps) or None,
    )
    write_figures(directory, drawn)
