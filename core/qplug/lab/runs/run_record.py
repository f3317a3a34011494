"""What a finished run says of itself: ``RunRecord``, the content of ``record.json``.

Its JSON schema stands in docs/reference/record.schema.json.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationError

from qplug.contract.claim import Claim
from qplug.contract.errors import DataError
from qplug.lab.measures import SUMMARY

VERSION: Literal[2] = 2
"""The version of the records that are written. The first is that of qplug 0.1, whose ``metrics.json`` names none."""


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


Count = Annotated[int, Field(ge=0)]
Number = Annotated[float | None, BeforeValidator(_finite)]
"""A measured value; null where it was not finite."""


class Table(BaseModel):
    """Part of a record."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class ClassScores(Table):
    """The scores of one class, and how many samples of it there are."""

    precision: float
    recall: float
    f1: float
    support: Count


class Scores(Table):
    """How good answers on one part were; the metrics are explained in ``qplug.lab.measures``."""

    n: Count
    accuracy: float
    accuracy_interval: tuple[float, float] = Field(description="95 % Wilson interval")
    balanced_accuracy: Number
    macro_f1: Number
    precision: Number
    roc_auc: Number = None
    average_precision: Number = None
    cross_entropy: Number
    expected_calibration_error: Number
    per_class: dict[str, ClassScores] = Field(description="by class, in the order of the logits")
    confusion: tuple[tuple[Count, ...], ...] = Field(description="one row per true class")


class JudgementRecord(Table):
    """What the classifier scored on one part on one backend."""

    part: Literal["train", "validation", "test"]
    backend: str | None = Field(description="where circuits ran; null where there are none")
    settings: dict[str, JsonValue] = Field(default={}, description="the backend's parameters")
    hardware: bool = Field(default=False, description="whether a quantum device answered")
    modelled_noise: bool = Field(default=False, description="whether a simulator added the noise of a device")
    scores: Scores


class StepRecord(Table):
    """One step of the data's way."""

    kind: str
    name: str
    shape: tuple[int, ...] = Field(description="of one sample behind it")
    computed: str
    note: str = ""
    trainable: Count = 0
    quantum: Count = 0


class Parameters(Table):
    """How many numbers the classifier holds: all, those that training changes, those of circuits."""

    total: Count
    trainable: Count
    quantum: Count


class AngleRecord(Table):
    """What was seen of a quantum head's angles on training samples."""

    spread: Number
    saturated: Number
    linear_share: Number


class TrainingRecord(Table):
    """How training went, and what was trained."""

    trained_on: str | None = Field(description="where circuits ran; null where there are none")
    epochs: Count
    best_epoch: Count
    stopped_early: bool
    seconds: float
    parameters: Parameters
    pipeline: tuple[StepRecord, ...]
    branch_weights: tuple[Number, ...]
    angles: dict[str, AngleRecord] = Field(description="by head")


class SplitRecord(Table):
    """Which samples stood where; ``split.json`` names them."""

    name: str
    description: str
    official: bool
    fold: int | None = Field(default=None, description="the fold that was the test part")
    leak: str | None = Field(default=None, description="what makes test easier than it looks")
    sizes: dict[str, Count] = Field(description="samples by part")
    hashes: dict[str, str] = Field(description="SHA-256 of each part's ids, and of all")
    n_shared_groups: Count
    n_left_out: Count


class _Found(BaseModel):
    """What was found on the machine; more may be found in later versions."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class Git(_Found):
    """The commit of the working copy in which the run was started."""

    commit: str
    changed: bool


class Torch(_Found):
    """What torch computed with."""

    threads: Count | None = None
    cuda: str | None = None
    devices: tuple[str, ...] = ()


class Code(_Found):
    """The code of one component."""

    kind: str
    name: str
    package: str
    version: str
    sha256: str


class Environment(_Found):
    """What a run was made with."""

    qplug: str
    python: str | None = None
    implementation: str | None = None
    platform: str | None = None
    cpu: str | None = None
    cpu_count: int | None = None
    torch: Torch | None = None
    packages: dict[str, str] = {}
    git: Git | None = None
    code: dict[str, Code] = {}


class KnownResult(Table):
    """What others reached on these data: a ``Claim``, as it is written."""

    metric: str
    value: float
    unit: str
    protocol: str
    source: str

    def __str__(self) -> str:
        return str(Claim(**self.model_dump()))


def _one_of_each(judgements: tuple[JudgementRecord, ...]) -> tuple[JudgementRecord, ...]:
    parts = [judgement.part for judgement in judgements]
    for part in ("validation", "test"):
        if part not in parts:
            raise ValueError(f"no {part} part was judged")
    return judgements


class RunRecord(Table):
    """A finished run.

    Attributes:
        configuration: the tables of ``run.toml``.
        judgements: of the validation part, which chose the model, and of the test part, in this order.
        stamps: what everything that shows the run must say.
        known_results: what others reached on these data; in words where an older version wrote it.
    """

    version: Literal[2]
    dataset: str
    modality: str
    head: str = Field(description="of several branches, joined by +")
    seed: int
    configuration: dict[str, JsonValue]
    environment: Environment
    split: SplitRecord
    training: TrainingRecord
    judgements: Annotated[tuple[JudgementRecord, ...], AfterValidator(_one_of_each)]
    warnings: tuple[str, ...]
    stamps: tuple[str, ...]
    known_results: tuple[KnownResult | str, ...]

    def judgement(self, part: Literal["validation", "test"]) -> JudgementRecord:
        """How a part was judged."""
        return next(judgement for judgement in self.judgements if judgement.part == part)

    @property
    def test(self) -> Scores:
        """The scores of the test part."""
        return self.judgement("test").scores

    @property
    def validation(self) -> Scores:
        """The scores of the validation part."""
        return self.judgement("validation").scores

    @property
    def backend(self) -> str | None:
        """Where circuits ran for the test part; None where there are none."""
        return self.judgement("test").backend

    def metrics(self) -> dict[str, Any]:
        """All of it in the flat form that hooks are given, as plain data."""
        training, judged = self.training, self.judgement("test")
        return {
            "dataset": self.dataset,
            "modality": self.modality,
            "head": self.head,
            "backend": judged.backend,
            "trained_on": training.trained_on,
            "modelled_noise": judged.modelled_noise,
            "hardware": judged.hardware,
            "seed": self.seed,
            "split": self.split.name,
            "fold": self.split.fold,
            "split_hash": self.split.hashes.get("all"),
            "n_train": self.split.sizes.get("train"),
            "n_validation": self.validation.n,
            "n_test": self.test.n,
            "best_epoch": training.best_epoch,
            "epochs": training.epochs,
            "stopped_early": training.stopped_early,
            "train_seconds": training.seconds,
            "pipeline": [step.model_dump(mode="json") for step in training.pipeline],
            "parameters": training.parameters.model_dump(),
            "stamps": list(self.stamps),
            "branch_weights": list(training.branch_weights),
            "angles": {head: facts.model_dump() for head, facts in training.angles.items()},
            "warnings": list(self.warnings),
            "reference": list(map(str, self.known_results)),
            "validation": self.validation.model_dump(mode="json", exclude_unset=True),
            "test": self.test.model_dump(mode="json", exclude_unset=True),
        }

    def summary(self, run: str) -> dict[str, Any]:
        """The run in a few numbers, as ``qplug run --json`` prints it.

        Args:
            run: the run directory, as it is told.
        """
        short = {
            part: {name: getattr(scores, name) for name in SUMMARY}
            for part, scores in (("test", self.test), ("validation", self.validation))
        }
        return {"run": run, **self.metrics(), **short}


class MissingKey(DataError):
    """A file of a run lacks something.

    Attributes:
        key: the key that is missing.
    """

    key = ""


def misshapen(error: ValidationError, where: str, *, whole: bool = True) -> DataError | None:
    """The first fault of a file's content, in words.

    Args:
        error: what pydantic found.
        where: the file.
        whole: whether what is missing is a fault too; if not, None where there is no other.
    """
    faults = [fault for fault in error.errors() if whole or fault["type"] != "missing"]
    if not faults:
        return None
    place = ".".join(map(str, faults[0]["loc"])) or "its content"
    if faults[0]["type"] == "missing":
        missing = MissingKey(f"{where} is damaged: it lacks {place}.")
        missing.key = str(faults[0]["loc"][-1])
        return missing
    if faults[0]["type"] == "value_error":
        return DataError(f"{where} is damaged: {place}: {faults[0]['ctx']['error']}.")
    got = repr(faults[0]["input"])
    return DataError(f"{where} is damaged: {place} is {got[:80]}{'…' if len(got) > 80 else ''}.")
