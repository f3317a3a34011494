"""The shapes of a run's JSON files, checked once where they are read; nothing behind trips over a damaged one."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from qplug.lab.runs.run_record import misshapen

_Count = Annotated[int, Field(ge=0)]
_FileName = Annotated[str, Field(pattern=r"^[^/\\]+$", max_length=255)]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class _Scores(_Shape):
    accuracy: float
    balanced_accuracy: float | None = None
    macro_f1: float | None = None
    precision: float | None = None
    cross_entropy: float | None = None


class _Parameters(_Shape):
    trainable: _Count
    quantum: _Count


class _Means(_Shape):
    """Mean and standard deviation over a set of folds. A number that was not finite is null."""

    dataset: str
    head: str
    backend: str | None
    trained_on: str | None
    seed: int
    split: str
    train_seconds: float
    parameters: _Parameters
    stamps: list[str]
    warnings: list[str]
    reference: list[str] = []
    test: _Scores
    validation: _Scores
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
    "metrics.json": TypeAdapter(_Means),
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
        if fault := misshapen(error, where, whole=whole):
            raise fault from None
