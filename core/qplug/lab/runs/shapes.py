"""The shapes of a run's JSON files, checked once where they are read; nothing behind trips over a damaged one."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from qplug.contract.errors import DataError

_Count = Annotated[int, Field(ge=0)]
_FileName = Annotated[str, Field(pattern=r"^[^/\\]+$", max_length=255)]
_Interval = Annotated[list[float], Field(min_length=2, max_length=2)]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class _Class(_Shape):
    precision: float
    recall: float
    f1: float
    support: _Count


class _Judged(_Shape):
    """The metrics of a part. A number that was not finite is null; a set of folds has means, and no classes."""

    n: _Count = 0
    accuracy: float
    accuracy_interval: _Interval = [0.0, 0.0]
    balanced_accuracy: float | None = None
    macro_f1: float | None = None
    precision: float | None = None
    roc_auc: float | None = None
    average_precision: float | None = None
    cross_entropy: float | None = None
    expected_calibration_error: float | None = None
    per_class: dict[str, _Class] = {}


class _Step(_Shape):
    kind: str
    name: str
    shape: list[int]
    computed: str
    note: str = ""
    trainable: _Count = 0


class _Parameters(_Shape):
    total: _Count = 0
    trainable: _Count
    quantum: _Count


class _Metrics(_Shape):
    dataset: str
    modality: str = "audio"
    head: str
    backend: str | None
    trained_on: str | None
    seed: int
    split: str
    fold: int | None = None
    epochs: _Count = 0
    best_epoch: _Count = 0
    stopped_early: bool = False
    train_seconds: float
    pipeline: list[_Step] = []
    parameters: _Parameters
    stamps: list[str]
    branch_weights: list[float] = []
    warnings: list[str]
    reference: list[str] = []
    test: _Judged
    validation: _Judged
    test_sd: dict[str, float | None] = {}
    validation_sd: dict[str, float | None] = {}


class _Split(_Shape):
    name: str
    description: str
    official: bool
    fold: int | None = None
    leak: str | None = None
    sizes: dict[str, _Count]
    hashes: dict[str, str]
    shared_groups: list[str]
    left_out: list[str]
    parts: dict[str, list[str]]
    content: dict[str, str] = {}
    skipped: dict[str, str] = {}


class _Git(_Shape):
    commit: str
    changed: bool


class _Torch(_Shape):
    threads: _Count | None = None
    devices: list[str] = []


class _Code(_Shape):
    """The code of one part."""

    kind: str
    name: str
    package: str
    version: str
    sha256: str


class _Environment(_Shape):
    qplug: str
    python: str | None = None
    implementation: str | None = None
    platform: str | None = None
    cpu: str | None = None
    cpu_count: int | None = None
    torch: _Torch | None = None
    packages: dict[str, str] = {}
    git: _Git | None = None
    code: dict[str, _Code] = {}


class _Folds(_Shape):
    settings: dict[str, Any]
    folds: Annotated[list[_Count], Field(min_length=1)]
    runs: dict[str, _FileName]


class _Model(_Shape):
    """The metadata of ``model.safetensors``."""

    classes: Annotated[list[str], Field(min_length=1)]
    feature_shape: list[Annotated[int, Field(ge=1)]]


MODEL = "the metadata of the weights"
_SHAPES: dict[str, TypeAdapter[Any]] = {
    "metrics.json": TypeAdapter(_Metrics),
    "split.json": TypeAdapter(_Split),
    "environment.json": TypeAdapter(_Environment),
    "folds.json": TypeAdapter(_Folds),
    MODEL: TypeAdapter(_Model),
}


def refuse_misshapen(name: str, content: Any, where: str, *, whole: bool) -> None:
    """Refuses content of another shape than a run's file of that name has.

    Args:
        name: the file's name, or ``MODEL``; files of other names may hold anything.
        content: what was read.
        where: the file, for errors.
        whole: whether what is missing is a fault too.

    Raises:
        DataError: the message names the first place that is wrong, and what is there.
    """
    if name not in _SHAPES:
        return
    try:
        _SHAPES[name].validate_python(content)
    except ValidationError as error:
        faults = [fault for fault in error.errors() if whole or fault["type"] != "missing"]
        if not faults:
            return
        place = ".".join(str(step) for step in faults[0]["loc"]) or "its content"
        if faults[0]["type"] == "missing":
            raise DataError(f"{where} is damaged: it lacks {place}.") from None
        got = repr(faults[0]["input"])
        raise DataError(f"{where} is damaged: {place} is {got[:80]}{'…' if len(got) > 80 else ''}.") from None
