"""``best.ckpt`` and ``last.ckpt``: the state of a training after an epoch, never half written."""

from __future__ import annotations

import io
import pickle
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from qplug.atomic import write_atomically
from qplug.contract.errors import ConfigError, DataError

BEST = "best.ckpt"
LAST = "last.ckpt"
FORMAT = 1
"""Version of a checkpoint's layout."""

DIGESTS = ("training part", "validation part")
"""Entries of a training's fingerprint that stand for content and tell nobody anything by themselves."""


@dataclass
class State:
    """Everything that decides how a training goes on.

    Attributes:
        epoch: epochs that are done.
        best_epoch: the best of them on the validation part, counted from 1; 0 before the first.
        best_rank: how good it was; higher is better, in this order.
        seconds: time spent so far.
        history: one row of numbers per epoch.
        model: the model's ``state_dict``.
        optimiser: the optimiser's ``state_dict``.
        fingerprint: what the training was started with; a training goes on only with the same.
    """

    epoch: int = 0
    best_epoch: int = 0
    best_rank: list[float] = field(default_factory=list)
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    model: dict[str, Any] = field(default_factory=dict)
    optimiser: dict[str, Any] = field(default_factory=dict)
    fingerprint: dict[str, Any] = field(default_factory=dict)


def save(path: Path, content: Mapping[str, Any]) -> None:
    """Write a checkpoint of tensors, numbers and text; a kill leaves the one before it untouched.

    Raises:
        UserError: if the folder may not be written to, or the disk is full.
    """
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **content}, buffer)
    write_atomically(path, buffer.getvalue())


def load(path: Path) -> dict[str, Any]:
    """A checkpoint's content, on the CPU. Nothing but tensors, numbers and text is ever read.

    Raises:
        DataError: if the file is missing, damaged, not a checkpoint or of another version.
    """
    try:
        with warnings.catch_warnings():
            # About pickle protocols: the file is refused anyway if it cannot be read.
            warnings.simplefilter("ignore", UserWarning)
            _refuse_flipped(path)
            content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        found = content["format"]
    except FileNotFoundError as error:
        raise DataError(f"there is no checkpoint {path}.") from error
    except (
        RuntimeError,
        EOFError,
        KeyError,
        TypeError,
        ValueError,
        pickle.UnpicklingError,
        zipfile.BadZipFile,
    ) as error:
        raise DataError(f"{path} is damaged or not a checkpoint of qplug. Train again without resuming.") from error
    if found != FORMAT:
        raise DataError(f"{path} is a checkpoint of version {found}; this qplug reads version {FORMAT}.")
    return content


def _refuse_flipped(path: Path) -> None:
    """Compares each record with the checksum that torch wrote beside it, which torch itself never does on reading.

    The checksum stands in the file itself, so that a kill never parts the two.
    """
    with zipfile.ZipFile(path) as records:
        if (name := records.testzip()) is not None:
            raise zipfile.BadZipFile(f"{name} is not what was written")


def save_state(folder: Path, state: State) -> None:
    """Write the state of the last epoch, and the model of the best one if that is the last.

    ``best.ckpt`` first: killed between the two, the repeated epoch writes the same ``best.ckpt`` again.
    """
    if state.best_epoch == state.epoch:
        save(folder / BEST, {"epoch": state.epoch, "model": state.model})
    save(folder / LAST, vars(state))


def load_state(folder: Path, fingerprint: Mapping[str, Any]) -> State:
    """The state to go on from; a new one where no epoch was finished.

    Raises:
        ConfigError: if the training was started with other data or options; the message says which.
        DataError: if the checkpoint is damaged.
    """
    if not (folder / LAST).exists():
        return State(fingerprint=dict(fingerprint))
    content = load(folder / LAST)
    state = State(**{name: value for name, value in content.items() if name != "format"})
    _compare(state.fingerprint, fingerprint)
    return state


def load_best(folder: Path, epoch: int) -> dict[str, Tensor]:
    """The ``state_dict`` of the best epoch.

    Raises:
        DataError: if ``best.ckpt`` is missing, damaged, or of another epoch.
    """
    content = load(folder / BEST)
    if content["epoch"] != epoch:
        raise DataError(
            f"{folder / BEST} holds epoch {content['epoch']}, but the best epoch was {epoch}. "
            "Train again without resuming."
        )
    model: dict[str, Tensor] = content["model"]
    return model


def _compare(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    names = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
    if names:
        changes = [_change(name, before.get(name), now.get(name)) for name in names]
        raise ConfigError(
            f"this training cannot go on, because it was started with something else: {'; '.join(changes)}. "
            "Start a new run instead."
        )


def _change(name: str, before: Any, now: Any) -> str:
    if name in DIGESTS:
        return f"inputs or labels of the {name} have changed"
    if name == "model":
        return "the network has weights of other names or sizes"
    return f"{name} was {before!r} and is {now!r}"
