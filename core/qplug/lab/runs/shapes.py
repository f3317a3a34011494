"""The shapes of a run's JSON files, checked once where they are read; nothing behind trips over a damaged one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from qplug.lab.runs.run_record import Code, Environment, misshapen

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


class _Folds(_Shape):
    settings: dict[str, Any]
    folds: Annotated[list[_Count], Field(min_length=1)]
    runs: dict[str, _FileName]


class _Ended(_Shape):
    """How a run ended that did not finish."""

    status: Literal["failed", "interrupted"]
    reason: str
    phase: str = ""
    part: str = ""
    package: str = ""


class _Model(_Shape):
    """The metadata of ``model.safetensors``."""

    classes: Annotated[list[str], Field(min_length=1)]
    feature_shape: list[Annotated[int, Field(ge=1)]]


MODEL = "the metadata of the weights"
CODE = "the code of the components"
_Check: TypeAlias = Callable[[Any], object]


def _of_environment(content: Any) -> object:
    return Environment.model_validate_json(json.dumps(content))  # strict about tuples, which JSON does not know


_SHAPES: dict[str, _Check] = {
    "metrics.json": TypeAdapter(_Means).validate_python,
    "split.json": TypeAdapter(_Split).validate_python,
    "environment.json": _of_environment,
    "folds.json": TypeAdapter(_Folds).validate_python,
    "ended.json": TypeAdapter(_Ended).validate_python,
    MODEL: TypeAdapter(_Model).validate_python,
    CODE: TypeAdapter(dict[str, Code]).validate_python,
}


def refuse_misshapen(name: str, content: Any, where: str, *, whole: bool) -> None:
    """Refuses content of another shape than a run's file of that name has.

    Args:
        name: the file's name, ``MODEL`` or ``CODE``; files of other names may hold anything.
        content: what was read.
        where: the file, for errors.
        whole: whether what is missing is a fault too.

    Raises:
        DataError: the message names the first place that is wrong, and what is there.
    """
    if name not in _SHAPES:
        return
    try:
        _SHAPES[name](content)
    except ValidationError as error:
        if fault := misshapen(error, where, whole=whole):
            raise fault from None
