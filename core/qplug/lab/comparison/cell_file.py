"""What is kept of one finished cell of a comparison: two files, addressed by its key, the JSON last.

``cells/ab/<key>.npz`` holds the answers on the test part and the history of training, ``cells/ab/<key>.json`` the run's
record. No lock is needed: whoever writes a key writes the same numbers, and a cell without its JSON is not there.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from qplug.atomic import write_atomically
from qplug.contract.errors import DataError
from qplug.lab.runs.files import json_bytes
from qplug.lab.runs.run_record import Number, RunRecord, Table
from qplug.lab.runs.typed_file import validated

CELLS = "cells"
"""Folder, in that of a comparison, of its cells' files."""
VERSION: Literal[1] = 1


class Trial(Table):
    """One setting that was tried on the validation part."""

    settings: dict[str, Number]
    goodness: Number = Field(description="the monitored metric of the validation part, turned so that more is better")


class CellFile(Table):
    """The content of a cell's JSON file."""

    version: Literal[1]
    key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    arrays: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] = Field(description="SHA-256 of the .npz beside it")
    record: RunRecord
    trials: tuple[Trial, ...] = ()


@dataclass(frozen=True)
class CellResult:
    """One finished cell.

    Attributes:
        key: its address.
        record: the run's record.
        ids: (n,) of the test part's samples.
        groups: (n,) their groups; the sample's own id where it has none, so that equal ones belong together.
        labels: (n,) true classes.
        probabilities: (n, n_classes), float32.
        history: columns of the history of training, one number per epoch; empty for what is fitted in one step.
        trials: the settings that were tried, this one among them; empty where there were no others.
    """

    key: str
    record: RunRecord
    ids: NDArray[np.str_]
    groups: NDArray[np.str_]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    history: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    trials: tuple[Trial, ...] = ()

    def with_trials(self, trials: Iterable[Trial]) -> CellResult:
        """The same result, as the best of several settings."""
        return replace(self, trials=tuple(trials))

    @property
    def predicted(self) -> NDArray[np.int64]:
        """(n,) the most probable classes."""
        best: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return best

    def digest(self) -> str:
        """SHA-256 (hex) of the numbers alone: answers and scores, not times, places or versions."""
        told = hashlib.sha256()
        for values in (self.ids, self.groups, self.labels, self.probabilities):
            told.update(np.ascontiguousarray(values).tobytes())
        scores = [judgement.scores.model_dump(mode="json") for judgement in self.record.judgements]
        told.update(json.dumps(scores, sort_keys=True).encode())
        return told.hexdigest()


def cell_path(folder: Path, key: str, ending: str = ".json") -> Path:
    """Where a cell's file lies in the folder of a comparison."""
    return folder / CELLS / key[:2] / f"{key}{ending}"


def cell_files(result: CellResult) -> tuple[bytes, bytes]:
    """The content of a cell's ``.npz`` and of its JSON."""
    arrays = {"ids": result.ids, "groups": result.groups, "labels": result.labels}
    arrays |= {"probabilities": result.probabilities}
    arrays |= {f"history_{name}": column for name, column in result.history.items()}
    packed = _packed(arrays)
    content = CellFile(
        version=VERSION,
        key=result.key,
        arrays=hashlib.sha256(packed).hexdigest(),
        record=result.record,
        trials=result.trials,
    )
    return packed, json_bytes(content.model_dump(mode="json", exclude_unset=True))


def write_cell(folder: Path, key: str, packed: bytes, told: bytes) -> Path:
    """Writes both files of a cell; the JSON, which makes it count, last."""
    path = cell_path(folder, key)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path.with_suffix(".npz"), packed)
    write_atomically(path, told)
    return path


def read_cell(folder: Path, key: str) -> CellResult | None:
    """A finished cell; None if it is not there.

    Raises:
        DataError: one of its files is damaged; the message says what to do.
    """
    path = cell_path(folder, key)
    if not path.is_file():
        return None
    advice = "Delete it and compute it again with: qplug resume"
    try:
        content = validated(path.read_text(encoding="utf-8"), str(path), CellFile)
        packed = path.with_suffix(".npz").read_bytes()
        if content.key != key or hashlib.sha256(packed).hexdigest() != content.arrays:
            raise DataError(f"{path} is damaged: it is not what was written.")
        arrays = _unpacked(packed)
        history = {name.removeprefix("history_"): arrays[name] for name in arrays if name.startswith("history_")}
        kept = (arrays["ids"], arrays["groups"], arrays["labels"], arrays["probabilities"])
    except DataError as error:
        raise DataError(f"{error} {advice} {folder}") from None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{path.with_suffix('.npz')} is damaged ({type(error).__name__}). {advice} {folder}") from error
    return CellResult(key, content.record, *kept, history, content.trials)


def _packed(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The same arrays give the same bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, values in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(values), allow_pickle=False)
            archive.writestr(entry, content.getvalue())
    return packed.getvalue()


def _unpacked(packed: bytes) -> dict[str, NDArray[Any]]:
    with np.load(io.BytesIO(packed), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
