"""One run's folder."""

from __future__ import annotations

import csv
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from qplug.atomic import remove_partial_files, storage_error, write_atomically
from qplug.contract.errors import DataError, UserError
from qplug.lab.config.reading import parse_json, parse_toml, read_text
from qplug.lab.config.shape import refuse_misshapen as refuse_misshapen_config
from qplug.lab.runs.digests import add_digests, digest, refuse_damaged
from qplug.lab.runs.files import csv_bytes, csv_rows, json_bytes, png_bytes
from qplug.lab.runs.lock import Lock, is_locked
from qplug.lab.runs.shapes import refuse_misshapen

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

CONFIG = "run.toml"
ENVIRONMENT = "environment.json"
RECORD = "record.json"
"""Written last: a run that has it is finished."""
METRICS = "metrics.json"
"""Mean and spread of a set of folds; of qplug 0.1 also the record of a run."""
ENDED = "ended.json"
"""Says how a run ended that did not finish; it goes when the run is gone on with."""
WEIGHTS = "model.safetensors"
FOLDS = "folds.json"
"""Says which runs are the folds of a split, in a folder that holds no run of its own."""
SET = "set.json"
"""Says which runs make a set, in a folder that holds all of them."""
SUMMARY = "summary.json"
"""What the runs of a set came to; written last."""
CHECKPOINTS = "checkpoints"
TRAINING = "training"
"""Folder for what was sent to a device to train on, and what came back."""
SETTINGS = "settings"
"""Copies of the components' settings files, one folder for each component that has any."""
_READ_BY_OTHERS = ("environment.json", "split.json", METRICS, RECORD)
_NEEDED_BYTES = 20_000_000  # figures, weights and checkpoints of a usual run

Status = Literal["finished", "interrupted", "running"]


def refuse_missing(path: Path) -> None:
    """Refuses a folder that is not there; by itself for commands that load much before they open a run.

    Raises:
        UserError: there is none.
    """
    if not path.is_dir():
        raise UserError(f"there is no run directory {path}. All runs: qplug runs")


class RunDirectory:
    """A folder that holds everything about one run. Files appear in it whole or not at all.

    ``record.json`` is written last, after the digests of all files (``digests.json``); a run that has it is finished.
    Metrics, tables and weights that are not what the run wrote are refused when they are read. While a process works in
    the folder it holds a lock, so that nobody else writes there; use it in a ``with`` statement, or call ``close``.

    Attributes:
        path: the folder.
    """

    def __init__(self, path: Path, lock: Lock | None = None) -> None:
        self.path = path
        self._lock = lock
        self._digests: dict[str, str] = {}

    @classmethod
    def create(
        cls, root: Path, *, dataset: str, head: str, short_hash: str, time: datetime | None = None
    ) -> RunDirectory:
        """A new, empty, locked folder ``<root>/<time>-<dataset>-<head>-<hash>``, checked to be writable.

        Args:
            root: where runs are; made if it is missing.
            dataset: name of the data set.
            head: name of the head, or of the heads.
            short_hash: short hash of the configuration.
            time: when it was started; now by default.

        Raises:
            UserError: if nothing can be written there, or the disk has less than 20 MB left. Nothing is left behind.
        """
        moment = f"{time or datetime.now().astimezone():%Y%m%d-%H%M%S}"
        name = re.sub(r"[^\w.+-]+", "_", f"{moment}-{dataset}-{head}-{short_hash}")
        root = root.expanduser().absolute()
        above = _first_existing(root)
        try:
            root.mkdir(parents=True, exist_ok=True)
            path = _make_unique(root, name)
        except OSError as error:
            _remove_empty(root, above)
            raise _not_usable(root, error) from error
        try:
            _check_space(path)
            return cls(path, Lock(path))
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)
            _remove_empty(root, above)
            raise

    @classmethod
    def claim(cls, path: Path) -> RunDirectory:
        """A folder of the caller's choice, made if it is missing and locked; what a killed writer left is removed.

        Raises:
            UserError: another process works in it, nothing can be written there, or the disk has less than 20 MB left.
        """
        path = path.expanduser().absolute()
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _not_usable(path, error) from error
        run = cls(path, Lock(path))
        try:
            for folder in (path, *(inner for inner in path.rglob("*") if inner.is_dir())):
                remove_partial_files(folder)
            _check_space(path)
        except BaseException:
            run.close()
            raise
        return run

    @classmethod
    def open(cls, path: Path) -> RunDirectory:
        """An existing run, for reading.

        Raises:
            UserError: if there is no run.
        """
        refuse_missing(path)
        if (path / FOLDS).is_file():
            raise UserError(f"{path} is a set of folds, one run each. Name one of the runs that its {FOLDS} lists.")
        if (path / SET).is_file():
            raise UserError(f"{path} is a set of runs. Name one of those in {path / 'cells'}.")
        if not (path / CONFIG).is_file():
            raise UserError(f"{path} is not a run directory: it has no {CONFIG}. All runs: qplug runs")
        return cls(path)

    @classmethod
    def reopen(cls, path: Path) -> RunDirectory:
        """An existing run or set of folds, locked, to go on with it; what a killed writer left half done is removed.

        Raises:
            UserError: if there is none, another process works in it, or it may not be written to.
        """
        run = cls(path) if is_set(path) else cls.open(path)
        run._lock = Lock(path)
        for folder in (path, *(inner for inner in path.rglob("*") if inner.is_dir())):
            remove_partial_files(folder)
        return run

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def checkpoints(self) -> Path:
        """Where checkpoints go."""
        return self.path / CHECKPOINTS

    @property
    def has_checkpoints(self) -> bool:
        """Whether there is any checkpoint, or a step was sent to a device; such a run is never discarded."""
        return any(self.checkpoints.rglob("*.ckpt")) or any((self.path / TRAINING).glob("*.jsonl"))

    @property
    def status(self) -> Status:
        """``finished`` with a record, or means; ``running`` while a process works in it; else ``interrupted``."""
        if self._finished:
            return "finished"
        return "running" if self._lock is not None or is_locked(self.path) else "interrupted"

    @property
    def _finished(self) -> bool:
        return any((self.path / name).is_file() for name in (RECORD, METRICS, SUMMARY))

    def require_finished(self, lacking: str) -> None:
        """Refuses a run, or a set of folds, that is not finished.

        Args:
            lacking: what there is not yet, such as ``"there is nothing to show"``.

        Raises:
            UserError: it is running or interrupted; the message says how to go on.
        """
        if self.status != "finished":
            raise UserError(f"{self.path} is {self.status}, so {lacking}. Go on with: qplug resume {self.path}")

    def close(self) -> None:
        """Let others work in the folder."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def discard(self) -> None:
        """Delete the folder of a run that came to nothing; a finished run, or one with checkpoints, stays."""
        kept = self._finished or self.has_checkpoints
        self.close()
        if not kept:
            shutil.rmtree(self.path, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write_text(self, name: str, content: str) -> Path:
        """Write a text file (UTF-8)."""
        return self._write(name, content.encode())

    def write_copy(self, name: str, original: Path) -> Path:
        """Write a copy of a file, such as ``settings/backbone/config.json``; the folders in the name are made.

        Raises:
            DataError: if the original cannot be read.
        """
        try:
            content = original.read_bytes()
        except OSError as error:
            raise DataError(f"{original} cannot be read: {error.strerror or error}.") from error
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        return self._write(name, content)

    def write_json(self, name: str, content: Any) -> Path:
        """Write JSON; NaN and infinity become null."""
        return self._write(name, json_bytes(content))

    def write_csv(self, name: str, rows: Sequence[Mapping[str, Any]]) -> Path:
        """Write a table with a header; at least one row."""
        return self._write(name, csv_bytes(rows))

    def write_figure(self, name: str, figure: Figure) -> Path:
        """Write a figure as PNG."""
        return self._write(name, png_bytes(figure))

    def write_weights(
        self, state_dict: Mapping[str, Tensor], metadata: Mapping[str, Any], *, name: str = WEIGHTS
    ) -> Path:
        """Write a ``state_dict`` as safetensors; metadata values are anything that JSON can hold."""
        from qplug.lab.runs.weights import weights_bytes  # torch takes a second; reading runs needs none

        return self._write(name, weights_bytes(state_dict, metadata))

    def read_text(self, name: str) -> str:
        """A text file's content.

        Raises:
            DataError: if it is missing or no text.
        """
        try:
            return read_text(f"{self.path}{os.sep}{name}")
        except FileNotFoundError as error:
            raise DataError(f"run {self.name} has no {name}; it is {self.status}.") from error
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{self.path / name} cannot be read: {error}.") from error

    def read_config(self) -> dict[str, Any]:
        """The tables of ``run.toml``.

        Raises:
            DataError: if it is missing or damaged.
            ConfigError: if tables, lists or names in it are not what and where they should be.
        """
        where = str(self.path / CONFIG)
        config = parse_toml(self.read_text(CONFIG), where, DataError)
        refuse_misshapen_config(config, where)
        return config

    def read_json(self, name: str, *, whole: bool = False) -> Any:
        """A JSON file's content, of the shape that the run's file of that name has.

        Args:
            name: the file's name.
            whole: whether all must be there that a later command relies on.

        Raises:
            DataError: if it is missing or damaged.
        """
        content = parse_json(self.read_text(name), str(self.path / name), DataError)
        refuse_misshapen(name, content, str(self.path / name), whole=whole)
        if name == METRICS:
            refuse_damaged(self.path, name)
        return content

    def read_csv(self, name: str) -> list[dict[str, str]]:
        """A table's rows, every value as text.

        Raises:
            DataError: if it is missing or damaged.
        """
        try:
            rows = csv_rows(self.read_text(name))
        except csv.Error as error:
            raise DataError(f"{self.path / name} is damaged: {error}.") from error
        refuse_damaged(self.path, name)
        return rows

    def read_weights(self, name: str = WEIGHTS) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The ``state_dict`` and the metadata.

        Raises:
            DataError: if the file is missing or damaged.
        """
        from qplug.lab.runs.weights import read_weights  # torch takes a second; reading runs needs none

        content = read_weights(self.path / name)
        refuse_damaged(self.path, name)
        return content

    def _write(self, name: str, content: bytes) -> Path:
        path = self.path / name
        self._vouch(name, content)
        write_atomically(path, content)
        return path

    def _vouch(self, name: str, content: bytes) -> None:
        """Notes the digest of what is about to be written.

        Digests reach the disk before the file that they vouch for, and not at each write, but with the files that
        another process may go on from: what is written in between is written again by it.
        """
        if name in (FOLDS, SET, SUMMARY):  # of several runs, each of which vouches for its own files
            return
        self._digests[name] = digest(content)
        if name in _READ_BY_OTHERS or self._finished:
            add_digests(self.path, self._digests)


def is_set(path: Path) -> bool:
    """Whether a folder is that of several runs: a set, or a set of folds of an older version."""
    return (path / SET).is_file() or (path / FOLDS).is_file()


def _make_unique(root: Path, name: str) -> Path:
    for number in range(1, 10_000):
        path = root / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            continue
        return path
    raise UserError(f"{root} has 9,999 runs called {name}. Remove some of them.")


def _check_space(path: Path) -> None:
    free = shutil.disk_usage(path).free
    if free < _NEEDED_BYTES:
        raise UserError(
            f"{path.parent} has {free / 1e6:.1f} MB of free space; a run needs {_NEEDED_BYTES / 1e6:.0f} MB. "
            "Free some space, or choose another folder with --out."
        )
    probe = path / ".probe"
    write_atomically(probe, bytes(1024))
    probe.unlink()


def _not_usable(root: Path, error: OSError) -> UserError:
    if isinstance(error, FileExistsError):
        return UserError(f"{root} is a file, not a folder. Choose another folder with --out.")
    return UserError(str(storage_error(root, error, advice="Choose another folder with --out.")))


def _first_existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _remove_empty(root: Path, above: Path) -> None:
    """Remove the empty folders from ``root`` up to ``above``, which was there before."""
    for folder in (root, *root.parents):
        if folder == above:
            return
        try:
            folder.rmdir()
        except OSError:
            return
