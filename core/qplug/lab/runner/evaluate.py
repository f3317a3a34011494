"""A finished run judged again: on another backend, another part, or other data with the same classes. No training."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from qplug.catalogue import naming_faults
from qplug.contract.errors import ConfigError
from qplug.contract.interfaces import Backend, RemoteBackend
from qplug.lab.config.model import RunConfig
from qplug.lab.config.toml import to_layer
from qplug.lab.data.labelled import Labelled
from qplug.lab.hardware.budget import stratified_subset
from qplug.lab.judging.agreement import agreement
from qplug.lab.judging.given import some_of_part
from qplug.lab.judging.judge import Judgement, judge
from qplug.lab.judging.view import View
from qplug.lab.measures import SUMMARY
from qplug.lab.pipeline.suspects import layers_of, suspects
from qplug.lab.runner.asked import Again, Asked, again_of, inputs
from qplug.lab.runner.on_device import Answered, OnDevice, Spending, Waiting
from qplug.lab.runner.reporter import Reporter
from qplug.lab.runner.verification import draw, verification
from qplug.lab.runner.workplace import Workplace
from qplug.lab.runs.directory import RECORD, RunDirectory
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


def evaluate(
    path: Path,
    asked: Asked,
    reporter: Reporter,
    *,
    workplace: Workplace | None = None,
    spending: Spending | None = None,
    anew: bool = False,
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
        anew: whether a device that has answered this is asked again, into an evaluation of its own.

    Returns:
        The evaluation's summary, as ``qplug evaluate --json`` prints it. Of work that waits at a device: what was sent.

    Raises:
        UserError: there is no such run, it is not finished, or the backend cannot run its circuits.
        ConfigError: the run's data have changed since, or the other data's classes are not the run's.
        DataError: files are missing or damaged.
    """
    again = again_of(RunDirectory.open(path), asked, workplace or Workplace.from_environment(), reporter)
    return evaluated(_anew(again) if anew else again, reporter, spending)


def _anew(again: Again) -> Again:
    """The first attempt that has no answer yet.

    Raises:
        ConfigError: the backend is not remote.
    """
    if again.backend is None or not again.backend.capabilities.remote:
        raise ConfigError(
            f"--again is for remote backends, whose answers are kept; {again.config.backend.name} is not one, and is "
            "asked again each time."
        )
    while (again.home / RECORD).is_file():
        again = replace(again, asked=replace(again.asked, attempt=again.asked.attempt + 1))
    return again


def evaluated(again: Again, reporter: Reporter, spending: Spending | None = None) -> dict[str, Any]:
    """``evaluate`` for a run that is ready to be judged again."""
    config, loaded, components = again.config, again.loaded, again.components
    involved = [*suspects(loaded.config, loaded.components), *suspects(config, components)]
    with naming_faults(involved, "the run was judged again", layers_of(loaded.model, involved)):
        return _evaluated(again, reporter, spending or Spending())


def _evaluated(again: Again, reporter: Reporter, spending: Spending) -> dict[str, Any]:
    config, loaded = again.config, again.loaded
    backend = again.backend
    if backend is not None and backend.capabilities.remote:
        return _on_device(again, cast(RemoteBackend, backend), reporter, spending)
    if again.asked.size[1] is not None:
        raise ConfigError(
            f"--shots is for remote backends; {config.backend.name} is not one. Set its own, if it has them: --set "
            f"backend.shots={again.asked.size[1]}"
        )
    view, on = inputs(again, reporter)
    if again.asked.size[0] is not None:
        on = some_of_part(on, stratified_subset(on.labels, min(again.asked.size[0], len(on.labels)), config.seed))
    judgement = _judge(view, on, config, backend, reporter)
    twin = None
    if backend is not loaded.components.training_backend:  # exact values to hold the others against
        twin = _judge(view, on, config, loaded.components.training_backend, reporter)
    return _written(again, judgement, twin)


def unanswered(directory: RunDirectory) -> list[Asked]:
    """What a finished run was to ask of a remote backend and has no answer to yet.

    Raises:
        DataError: the plan of something that was sent, or the run's record, is damaged.
    """
    homes = sorted((directory.path / EVALUATIONS).glob("*/"))
    plans = [read_plan(home) for home in homes if (home / PLAN).is_file() and not (home / RECORD).is_file()]
    if plans:
        return [Asked(plan.settings, plan.part, plan.classes, plan.size, plan.attempt) for plan in plans]
    judged_on, asked = read_record(directory.path).backend, directory.read_config().get("backend", {}).get("name")
    answered = any(found.judgement.backend == asked for found in evaluations(directory.path))
    return [] if judged_on in (None, asked) or answered else [Asked()]


def _on_device(again: Again, backend: RemoteBackend, reporter: Reporter, spending: Spending) -> dict[str, Any]:
    """The evaluation by a remote backend, begun, gone on with, or found done."""
    home = again.home
    if (home / RECORD).is_file():
        reporter.note("the device has answered this before; to send it again: --again")
        return _summary(again, read_evaluation(home))
    backend.check()
    for module in again.loaded.model.quantum_modules():
        backend.accept(module.circuit)
    view, on = inputs(again, reporter)
    settings = {**again.asked.settings, "backend": to_layer(again.config)["backend"]}
    asked = again.asked
    question = {
        "settings": settings, "part": asked.part, "classes": dict(asked.classes), "size": asked.size,
        "attempt": asked.attempt,
    }  # fmt: skip
    asking = OnDevice(view, on, backend, home, question, again.config.seed, again.config.device, reporter)
    home.mkdir(parents=True, exist_ok=True)
    lock = Lock(home)
    try:
        answer = asking.ask(spending)
        if isinstance(answer, Waiting):
            return _still_waiting(again, answer)
        return _written(again, answer.judgement, answer.exact, answer)
    finally:
        lock.release()
        if not (home / PLAN).is_file():  # nothing was sent
            shutil.rmtree(home, ignore_errors=True)


def _still_waiting(again: Again, waiting: Waiting) -> dict[str, Any]:
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
        **({} if plan.n_stages == 1 else {"stage": waiting.stage, "n_stages": plan.n_stages}),
    }


def _judge(view: View, on: Labelled, config: RunConfig, backend: Backend | None, reporter: Reporter) -> Judgement:
    reporter.stage(f"judging on {on.part}")
    return judge(view, on, backend=backend, device=config.device, on_step=reporter.progress)


def _written(
    again: Again, judgement: Judgement, twin: Judgement | None, answered: Answered | None = None
) -> dict[str, Any]:
    from qplug.lab.runner.record import stamped

    again.home.mkdir(parents=True, exist_ok=True)
    inside = RunDirectory(again.home)
    inside.write_csv("predictions.csv", stamped(judgement.predictions(), again.stamps))
    verified = None if answered is None else verification(answered, again.config.backend.name)
    if again.workplace.figures:
        _draw(inside, again, judgement, answered, verified)
    record = _record(again, judgement, twin, verified)
    write_evaluation(inside, record)
    return _summary(again, record)


def _draw(
    inside: RunDirectory,
    again: Again,
    judgement: Judgement,
    answered: Answered | None,
    verified: Verification | None,
) -> None:
    from qplug.lab.runner.drawing import write_judging

    title = f"{again.config.dataset.name} · {again.config.heads} · {again.asked.part}"
    where = f" · on {again.config.backend.name}" if judgement.backend is not None else ""
    stamp = " · ".join(again.stamps) or None
    write_judging(inside, judgement, title=title + where, stamp=stamp)
    if answered is not None and verified is not None:
        fake = ", a fake device" if verified.fake and "fake" not in verified.device else ""
        draw(inside, answered, verified, title=f"{title} · {verified.device}{fake}", stamp=stamp)


def _summary(again: Again, record: EvaluationRecord) -> dict[str, Any]:
    part, scores = record.judgement.part, record.judgement.scores
    short = {name: getattr(scores, name) for name in (*SUMMARY, "accuracy_interval", "n")}
    return {"run": str(again.directory.path), "evaluation": str(again.home), **record.summary(), part: short}


def _record(
    again: Again, judgement: Judgement, twin: Judgement | None, verified: Verification | None
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


def _of_the_run(again: Again) -> Scores:
    record = read_record(again.directory.path)
    return record.test if again.asked.part == "test" else record.validation
