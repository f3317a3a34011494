"""Runs of qplug 0.1, whose record is ``metrics.json`` with the files beside it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from qplug.lab.runs.directory import METRICS, RunDirectory
from qplug.lab.runs.run_record import (
    VERSION,
    AngleRecord,
    Count,
    Environment,
    JudgementRecord,
    Number,
    Parameters,
    RunRecord,
    Scores,
    SplitRecord,
    StepRecord,
    TrainingRecord,
)
from qplug.lab.runs.typed_file import read_typed


class _Old(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class _Metrics(_Old):
    dataset: str
    modality: str = "audio"
    head: str
    backend: str | None
    trained_on: str | None
    modelled_noise: bool = False
    hardware: bool = False
    seed: int
    split: str
    fold: int | None = None
    epochs: Count = 0
    best_epoch: Count = 0
    stopped_early: bool = False
    train_seconds: float
    pipeline: tuple[StepRecord, ...] = ()
    parameters: Parameters
    stamps: tuple[str, ...]
    branch_weights: tuple[Number, ...] = ()
    angles: dict[str, AngleRecord] = {}
    warnings: tuple[str, ...]
    reference: tuple[str, ...] = ()
    n_train: Count | None = None
    validation: Scores
    test: Scores


class _Split(_Old):
    description: str
    official: bool
    leak: str | None = None
    sizes: dict[str, Count]
    hashes: dict[str, str]
    shared_groups: list[str]
    left_out: list[str]


def read_first_version(directory: RunDirectory) -> RunRecord:
    """The record of a finished run of qplug 0.1.

    Raises:
        DataError: one of its files is missing or damaged.
    """
    metrics = read_typed(directory, METRICS, _Metrics)
    split = read_typed(directory, "split.json", _Split)
    configuration = directory.read_config()
    return RunRecord(
        version=VERSION,
        dataset=metrics.dataset,
        modality=metrics.modality,
        head=metrics.head,
        seed=metrics.seed,
        configuration=configuration,
        environment=read_typed(directory, "environment.json", Environment),
        split=_split(split, metrics),
        training=_training(metrics),
        judgements=_judgements(metrics, configuration.get("backend", {})),
        warnings=metrics.warnings,
        stamps=metrics.stamps,
        known_results=metrics.reference,
    )


def _split(split: _Split, metrics: _Metrics) -> SplitRecord:
    return SplitRecord(
        name=metrics.split,
        description=split.description,
        official=split.official,
        fold=metrics.fold,
        leak=split.leak,
        sizes=split.sizes,
        hashes=split.hashes,
        n_shared_groups=len(split.shared_groups),
        n_left_out=len(split.left_out),
    )


def _training(metrics: _Metrics) -> TrainingRecord:
    return TrainingRecord(
        trained_on=metrics.trained_on,
        epochs=metrics.epochs,
        best_epoch=metrics.best_epoch,
        stopped_early=metrics.stopped_early,
        seconds=metrics.train_seconds,
        parameters=metrics.parameters,
        pipeline=metrics.pipeline,
        branch_weights=metrics.branch_weights,
        angles=metrics.angles,
    )


def _judgements(metrics: _Metrics, backend: dict[str, Any]) -> tuple[JudgementRecord, ...]:
    return (
        JudgementRecord(part="validation", backend=metrics.trained_on, scores=metrics.validation),
        JudgementRecord(
            part="test",
            backend=metrics.backend,
            settings={key: value for key, value in backend.items() if key != "name"} if metrics.backend else {},
            hardware=metrics.hardware,
            modelled_noise=metrics.modelled_noise,
            scores=metrics.test,
        ),
    )
