"""A finished run judged again: on another backend, another part, or other data with the same classes. No training."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray

from qplug.contract.errors import ConfigError, UnknownName, some_of
from qplug.contract.interfaces import Backend, RemoteBackend, Sample
from qplug.lab.config.layers import Layer, from_file
from qplug.lab.config.model import RunConfig
from qplug.lab.config.resolve import resolve
from qplug.lab.config.toml import to_layer
from qplug.lab.data.cache import Features
from qplug.lab.data.labelled import Labelled
from qplug.lab.data.splits import class_numbers, make_split
from qplug.lab.judging.agreement import agreement
from qplug.lab.judging.judge import Judgement, judge
from qplug.lab.judging.view import View
from qplug.lab.measures import SUMMARY
from qplug.lab.pipeline.parts import Parts, assemble
from qplug.lab.runner.changes import refuse_changed_part
from qplug.lab.runner.inventory import Inventory, inventory
from qplug.lab.runner.loaded import Loaded, load_classifier
from qplug.lab.runner.on_device import OnDevice, Spending, Waiting
from qplug.lab.runner.prepare import embedded, extract
from qplug.lab.runner.reporter import Reporter
from qplug.lab.runner.verification import verification
from qplug.lab.runner.workplace import Workplace
from qplug.lab.runs.directory import CONFIG, RECORD, SETTINGS, RunDirectory
from qplug.lab.runs.evaluations import (
    EVALUATIONS,
    VERSION,
    Agreement,
    EvaluationRecord,
    Verification,
    evaluations,
    read_evaluation,
    write_evaluation,
)
from qplug.lab.runs.files import json_bytes
from qplug.lab.runs.lock import Lock
from qplug.lab.runs.record_file import read_record
from qplug.lab.runs.run_record import JudgementRecord, Scores
from qplug.lab.runs.sent_plan import PLAN, read_plan

_OF_THE_DATA = ("dataset", "data_dir", "split", "fold", "smoke")


@dataclass(frozen=True)
class Asked:
    """What a run is asked again.

    Attributes:
        settings: what differs from the run's own: the table ``backend``, and of the data ``dataset``, ``data_dir``,
            ``split`` and ``fold``.
        part: which part of the split is judged.
        classes: names of the other data set's classes → the run's, where they differ.
        size: how many samples, with how many shots each, a device is sent; None: as its budget buys.
    """

    settings: Layer = field(default_factory=dict)
    part: Literal["test", "validation"] = "test"
    classes: Mapping[str, str] = field(default_factory=dict)
    size: tuple[int | None, int | None] = (None, None)

    @property
    def other_data(self) -> bool:
        """Whether another data set is judged than the run was made of."""
        return "dataset" in self.settings


def evaluate(
    path: Path,
    asked: Asked,
    reporter: Reporter,
    *,
    workplace: Workplace | None = None,
    spending: Spending | None = None,
) -> dict[str, Any]:
    """Judges a finished run again and writes it to ``evaluations/<name>/``; nothing else of the run changes.

    The same question has the same name, so that asking again replaces the answer. What a device answered is kept, and
    asking it again sends nothing.

    Args:
        path: the run directory.
        asked: what is judged, and where.
        reporter: told what goes on.
        workplace: where it is worked on; None: as the environment says.
        spending: what a remote backend may cost; None: nothing that costs.

    Returns:
        The evaluation's summary, as ``qplug evaluate --json`` prints it. Of work that waits at a device: what was sent.

    Raises:
        UserError: there is no such run, it is not finished, or the backend cannot run its circuits.
        ConfigError: the run's data have changed since, or the other data's classes are not the run's.
        DataError: files are missing or damaged.
    """
    directory = RunDirectory.open(path)
    loaded = load_classifier(directory, reporter.warn)
    config = _for_this_machine(resolve([asked.settings, _own(directory, asked)]), reporter)
    parts, place = assemble(config, directory.path / SETTINGS), workplace or Workplace.from_environment()
    again = _Again(directory, config, parts, loaded, asked, place)
    backend = again.backend
    if backend is not None and backend.capabilities.remote:
        return _on_device(again, cast(RemoteBackend, backend), reporter, spending or Spending())
    view, on = _inputs(again, reporter)
    judgement = _judge(view, on, config, backend, reporter)
    twin = None
    if backend is not loaded.parts.training_backend:  # exact values to hold the others against
        twin = _judge(view, on, config, loaded.parts.training_backend, reporter)
    return _written(again, judgement, twin)


def unanswered(directory: RunDirectory) -> list[Asked]:
    """What a finished run was to ask of a remote backend and has no answer to yet.

    Raises:
        DataError: the plan of something that was sent, or the run's record, is damaged.
    """
    homes = sorted((directory.path / EVALUATIONS).glob("*/"))
    plans = [read_plan(home) for home in homes if (home / PLAN).is_file() and not (home / RECORD).is_file()]
    if plans:
        return [Asked(plan.settings, plan.part, plan.classes, plan.size) for plan in plans]
    judged_on, asked = read_record(directory.path).backend, directory.read_config().get("backend", {}).get("name")
    answered = any(found.judgement.backend == asked for found in evaluations(directory.path))
    return [] if judged_on in (None, asked) or answered else [Asked()]


@dataclass(frozen=True)
class _Again:
    """A run that is judged again.

    Attributes:
        directory: the run.
        config: its configuration with what was asked.
        parts: the components of that.
        loaded: the run's classifier, as it was trained.
        asked: what was asked.
        workplace: where it is judged.
    """

    directory: RunDirectory
    config: RunConfig
    parts: Parts
    loaded: Loaded
    asked: Asked
    workplace: Workplace

    @property
    def backend(self) -> Backend | None:
        """Where the circuits are to run; the training backend itself if the two have the same settings."""
        own = self.loaded.parts
        if own.backend is own.training_backend and self.config.backend == self.loaded.config.backend:
            return own.training_backend
        return self.parts.backend

    @property
    def name(self) -> str:
        """Says what was asked; the same for the same question, another for any other."""
        layer = to_layer(self.config)
        backend = layer["backend"] if self.backend is not None else {"name": "no-circuit"}
        question = {"part": self.asked.part, "backend": backend, "classes": dict(self.asked.classes)}
        if self.asked.size != (None, None):
            question["size"] = self.asked.size
        words = [self.asked.part, backend["name"]]
        if self.asked.other_data:
            question["data"] = {key: layer[key] for key in ("dataset", "split", "fold") if key in layer}
            words.insert(0, self.config.dataset.name)
        digest = hashlib.sha256(json.dumps(question, sort_keys=True, default=str).encode()).hexdigest()
        return "-".join([*words, digest[:8]])

    @property
    def home(self) -> Path:
        """The evaluation's folder."""
        return self.directory.path / EVALUATIONS / self.name

    @property
    def stamps(self) -> list[str]:
        """The run's own, and those of the data that are judged now."""
        from qplug.lab.runner.record import SYNTHETIC

        synthetic = self.parts.dataset.capabilities.synthetic or self.config.smoke
        own = read_record(self.directory.path).stamps
        return list(dict.fromkeys([*own, *([SYNTHETIC] if synthetic else [])]))


def _for_this_machine(config: RunConfig, reporter: Reporter) -> RunConfig:
    """The configuration, with another device where the run's is not to be had: judging needs no certain one."""
    if config.device == "cuda" and not torch.cuda.is_available():
        reporter.note("the run was made on CUDA; there is none here, so it is judged on the CPU")
        return replace(config, device="cpu")
    return config


def _own(directory: RunDirectory, asked: Asked) -> Layer:
    """The run's own settings; of the data none if others are judged."""
    own = from_file(directory.path / CONFIG)
    return {key: value for key, value in own.items() if not asked.other_data or key not in _OF_THE_DATA}


def _inputs(again: _Again, reporter: Reporter) -> tuple[View, Labelled]:
    """The inputs of the part that is judged, and the truth about them."""
    asked, directory = again.asked, again.directory
    found = inventory(again.config, again.parts, again.workplace)
    if asked.other_data:
        taken = _features_of(again, replace(found, samples=_part_of_other_data(again, found.samples)), reporter)
    else:
        chosen = _part_of_the_run(directory, found.samples, asked.part)
        taken = _features_of(again, Inventory(found.folder, chosen, ()), reporter)
        refuse_changed_part(str(directory.path), directory.read_json("split.json", whole=True), asked.part, taken)
    classes = again.loaded.classes
    labels = class_numbers(_renamed(taken.kept, asked.classes), classes)
    on = Labelled(asked.part, np.arange(len(taken.kept)), labels, taken.kept, classes)
    return View(again.loaded.model, _inputs_of_the_model(again, taken, reporter)), on


def _features_of(again: _Again, found: Inventory, reporter: Reporter) -> Features:
    return extract(again.config, again.parts, found, again.workplace, reporter)


def _inputs_of_the_model(again: _Again, found: Features, reporter: Reporter) -> NDArray[np.float32]:
    model = again.loaded.model
    if not model.frozen_front:
        return found.values
    return embedded(again.config, again.parts, model.front.eval(), found, again.workplace.cache, reporter)


def _part_of_the_run(directory: RunDirectory, samples: Sequence[Sample], part: str) -> list[Sample]:
    ids = set(directory.read_json("split.json", whole=True)["parts"][part])
    found = [sample for sample in samples if sample.id in ids]
    if len(found) < len(ids):
        missing = sorted(ids - {sample.id for sample in found})
        raise ConfigError(
            f"{directory.path} was judged on {len(ids)} {part} samples; {len(missing)} of them are no longer there "
            f"({some_of(missing, 3)}). Put them back, or name the folder that has them with --data-dir."
        )
    return found


def _part_of_other_data(again: _Again, samples: Sequence[Sample]) -> tuple[Sample, ...]:
    config, dataset = again.config, again.parts.dataset
    theirs = dataset.classes or sorted({sample.label for sample in samples})
    _refuse_other_classes(config.dataset.name, theirs, again.loaded.classes, again.asked.classes)
    split = make_split(
        dataset, samples, name=config.split, fold=config.fold, seed=config.seed, allow_leak=config.allow_leak
    )
    return split.parts[again.asked.part]


def _refuse_other_classes(name: str, theirs: Sequence[str], ours: Sequence[str], classes: Mapping[str, str]) -> None:
    for left, right in classes.items():
        if left not in theirs:
            raise UnknownName.of(f"class of {name}", left, theirs)
        if right not in ours:
            raise UnknownName.of("class of the run", right, ours)
    strange = [label for label in theirs if classes.get(label, label) not in ours]
    if strange:
        raise ConfigError(
            f"{name} has {len(strange)} of {len(theirs)} classes that the run does not know: {', '.join(strange)}. "
            f"The run's classes are {', '.join(ours)}. Say which is which with --map {strange[0]}=NAME, or leave "
            "classes out with a parameter of the data set."
        )


def _renamed(samples: Sequence[Sample], classes: Mapping[str, str]) -> list[Sample]:
    return [replace(sample, label=classes.get(sample.label, sample.label)) for sample in samples]


def _on_device(again: _Again, backend: RemoteBackend, reporter: Reporter, spending: Spending) -> dict[str, Any]:
    """The evaluation by a remote backend, begun, gone on with, or found done."""
    home = again.home
    if (home / RECORD).is_file():
        reporter.note(f"the device has answered this before; to send it again, remove {home}")
        return _summary(again, read_evaluation(home))
    backend.check()
    for module in again.loaded.model.quantum_modules():
        backend.accept(module.circuit)
    view, on = _inputs(again, reporter)
    settings = {**again.asked.settings, "backend": to_layer(again.config)["backend"]}
    asked = again.asked
    question = {"settings": settings, "part": asked.part, "classes": dict(asked.classes), "size": asked.size}
    asking = OnDevice(view, on, backend, home, question, again.config.seed, again.config.device, reporter)
    home.mkdir(parents=True, exist_ok=True)
    lock = Lock(home)
    try:
        answer = asking.ask(spending)
        if isinstance(answer, Waiting):
            return _still_waiting(again, answer)
        verified = verification(answer, backend, again.config.backend.name)
        return _written(again, answer.judgement, answer.exact, verified)
    finally:
        lock.release()
        if not (home / PLAN).is_file():  # nothing was sent
            shutil.rmtree(home, ignore_errors=True)


def _still_waiting(again: _Again, waiting: Waiting) -> dict[str, Any]:
    """What is told of work that the device is not done with."""
    plan = waiting.sent.plan
    return {
        "run": str(again.directory.path),
        "evaluation": str(again.home),
        "name": again.name,
        "backend": plan.backend["name"],
        "waiting": waiting.status,
        "job_ids": list(waiting.jobs),
        "n_samples": len(plan.samples),
        "shots": plan.shots,
        "forecast_seconds": plan.forecast_seconds,
    }


def _judge(view: View, on: Labelled, config: RunConfig, backend: Backend | None, reporter: Reporter) -> Judgement:
    reporter.stage(f"judging on {on.part}")
    return judge(view, on, backend=backend, device=config.device, on_step=reporter.progress)


def _written(
    again: _Again, judgement: Judgement, twin: Judgement | None, verified: Verification | None = None
) -> dict[str, Any]:
    from qplug.lab.runner.drawing import write_judging
    from qplug.lab.runner.record import stamped

    part, stamps = again.asked.part, again.stamps
    again.home.mkdir(parents=True, exist_ok=True)
    inside = RunDirectory(again.home)
    inside.write_csv("predictions.csv", stamped(judgement.predictions(), stamps))
    title = f"{again.config.dataset.name} · {again.config.heads} · {part}"
    where = f" · on {again.config.backend.name}" if judgement.backend is not None else ""
    write_judging(inside, judgement, title=title + where, stamp=" · ".join(stamps) or None)
    record = _record(again, judgement, twin, verified)
    write_evaluation(inside, record)
    return _summary(again, record)


def _summary(again: _Again, record: EvaluationRecord) -> dict[str, Any]:
    part, scores = record.judgement.part, record.judgement.scores
    short = {name: getattr(scores, name) for name in (*SUMMARY, "accuracy_interval", "n")}
    return {"run": str(again.directory.path), "evaluation": str(again.home), **record.summary(), part: short}


def _record(
    again: _Again, judgement: Judgement, twin: Judgement | None, verified: Verification | None
) -> EvaluationRecord:
    backend = judgement.backend
    settings = to_layer(again.config)["backend"]
    name = settings.pop("name")
    judged = JudgementRecord(
        part=again.asked.part,
        backend=None if backend is None else name,
        settings={} if backend is None else settings,
        hardware=backend is not None and backend.capabilities.hardware,
        modelled_noise=backend is not None and backend.capabilities.noise and not backend.capabilities.hardware,
        scores=Scores.model_validate_json(json_bytes(judgement.scores)),
    )
    return EvaluationRecord(
        version=VERSION,
        name=again.name,
        dataset=again.config.dataset.name,
        head=again.config.heads,
        judgement=judged,
        exact=backend is None or backend.capabilities.exact,
        other_data=again.asked.other_data,
        classes=dict(again.asked.classes),
        run_accuracy=_of_the_run(again).accuracy,
        against_training_backend=None if twin is None else _agreement(judgement, twin),
        verification=verified,
        stamps=tuple(again.stamps),
    )


def _agreement(judgement: Judgement, twin: Judgement) -> Agreement:
    return Agreement.model_validate_json(json_bytes(agreement(judgement, twin)))


def _of_the_run(again: _Again) -> Scores:
    record = read_record(again.directory.path)
    return record.test if again.asked.part == "test" else record.validation
