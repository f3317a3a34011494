"""Every number of a run's record, derived again from the other files of its folder."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from qplug.contract.errors import DataError
from qplug.lab.capsule.check import Check, each_leaf, failed, guarded, same
from qplug.lab.capsule.evaluations import checks_of_evaluations, checks_of_journal
from qplug.lab.capsule.scores import Answers, checks_of_scores
from qplug.lab.config.reading import parse_json
from qplug.lab.config.toml import full_hash
from qplug.lab.config.training import TrainingOptions
from qplug.lab.data.splits import hashes_of_parts
from qplug.lab.runs.digests import DIGESTS, digest_of_file, read_digests, states_of_files
from qplug.lab.runs.directory import CONFIG, ENVIRONMENT, METRICS, RECORD, TRAINING, WEIGHTS, RunDirectory
from qplug.lab.runs.files import csv_rows
from qplug.lab.runs.first_version import read_first_version
from qplug.lab.runs.record_file import record_name
from qplug.lab.runs.run_record import RunRecord
from qplug.lab.runs.typed_file import validated

PREDICTIONS = "predictions.csv"
HISTORY = "history.csv"
SPLIT = "split.json"
_HASH = re.compile(r"-([0-9a-f]{12})(?:-\d+)?$|^([0-9a-f]{64})$")
"""How the name of a run's folder ends, in a set of runs all of it."""


def checks_of_run(folder: Path, *, name: str = "") -> Iterator[Check]:
    """A check for each number that the folder of a finished run tells twice.

    Args:
        folder: of the run.
        name: what the folder was called where it was made; empty: as it is called now.
    """
    directory = RunDirectory.open(folder)
    directory.require_finished("there are no numbers to derive again")
    yield from guarded(DIGESTS, "all", lambda: _files(folder))
    file = record_name(directory)
    try:
        record = _record(directory)
    except DataError as error:
        yield failed(file, "all", error)
        return
    yield from guarded(
        CONFIG, "configuration", lambda: _configuration(directory, record, name or folder.resolve().name)
    )
    if file == RECORD:
        yield from guarded(ENVIRONMENT, "all", lambda: _environment(directory, record))
    yield from guarded(SPLIT, "all", lambda: _split(directory, record, file))
    yield from guarded(HISTORY, "all", lambda: _training(directory, record, file))
    yield from guarded(PREDICTIONS, "all", lambda: _scores(directory, record, file))
    if (folder / TRAINING).is_dir():
        for check in guarded("jobs.jsonl", "all", lambda: checks_of_journal(folder / TRAINING)):
            yield check.below(TRAINING)
    yield from checks_of_evaluations(folder, record)


def not_derived(folder: Path) -> list[str]:
    """What of a run's record nothing else in its folder tells, so that its digest alone vouches for it."""
    told = ["training.parameters", "training.pipeline", "training.branch_weights", "training.angles", "known_results"]
    lacking = [name for name in (PREDICTIONS, HISTORY, WEIGHTS) if not (folder / name).is_file()]
    return told + [f"what {name} would tell, which is not there" for name in lacking]


def _files(folder: Path) -> Iterator[Check]:
    """Each file against its digest."""
    digests = read_digests(folder)
    for name, state in states_of_files(folder).items():
        found = digest_of_file(folder / name) if state != "missing" else "missing"
        yield Check(name, "SHA-256", digests[name], found, state == "good", DIGESTS)


def _record(directory: RunDirectory) -> RunRecord:
    """The record, also one that is not what the run wrote: then its numbers are told, not the file alone."""
    if record_name(directory) == METRICS:
        return read_first_version(directory)
    where, text = str(directory.path / RECORD), directory.read_text(RECORD)
    parse_json(text, where, DataError)
    return validated(text, where, RunRecord)


def _configuration(directory: RunDirectory, record: RunRecord, name: str) -> Iterator[Check]:
    config = directory.read_config()
    if record_name(directory) == RECORD:
        told = {key: value for key, value in config.items() if key != "format"}
        yield from each_leaf(RECORD, record.configuration, told, CONFIG, under="configuration")
        yield same(RECORD, "seed", record.seed, config.get("seed"), CONFIG)
    if found := _HASH.search(name):
        written = found[1] or found[2]
        yield same(CONFIG, "hash in the folder's name", written, full_hash(config)[: len(written)], CONFIG)


def _environment(directory: RunDirectory, record: RunRecord) -> Iterator[Check]:
    told = directory.read_json(ENVIRONMENT)
    written = record.environment.model_dump(mode="json", exclude_unset=True)
    yield from each_leaf(RECORD, written, {key: told.get(key) for key in written}, ENVIRONMENT, under="environment")


def _split(directory: RunDirectory, record: RunRecord, file: str) -> Iterator[Check]:
    told, split = directory.read_json(SPLIT), record.split
    parts: dict[str, list[str]] | None = told.get("parts")
    if parts is None:  # written by a version that named no ids
        yield (
            failed(SPLIT, "parts", "it names no samples")
            if file == RECORD
            else same(file, "split.hashes", split.hashes, told["hashes"], SPLIT)
        )
        return
    for part, hashed in hashes_of_parts(parts).items():
        yield same(SPLIT, f"hashes.{part}", told["hashes"].get(part), hashed, SPLIT)
        yield same(file, f"split.hashes.{part}", split.hashes.get(part), hashed, SPLIT)
    for part, ids in parts.items():
        yield same(SPLIT, f"sizes.{part}", told["sizes"].get(part), len(ids), SPLIT)
        yield same(file, f"split.sizes.{part}", split.sizes.get(part), len(ids), SPLIT)
    yield same(file, "split.n_shared_groups", split.n_shared_groups, len(told["shared_groups"]), SPLIT)
    yield same(file, "split.n_left_out", split.n_left_out, len(told["left_out"]), SPLIT)
    for key in ("name", "fold", "official", "description"):
        yield same(file, f"split.{key}", getattr(split, key), told.get(key), SPLIT)


# Training


def _training(directory: RunDirectory, record: RunRecord, file: str) -> Iterator[Check]:
    training = record.training
    if not (directory.path / HISTORY).is_file():
        if file == RECORD or training.epochs == 0:
            yield same(file, "training.epochs", training.epochs, 0, f"{HISTORY} is not there")
        return
    rows = csv_rows(directory.read_text(HISTORY))
    table = record.configuration.get("training")
    options = TrainingOptions.model_validate(table if isinstance(table, dict) else {})
    yield same(HISTORY, "epoch", [int(row["epoch"]) for row in rows], list(range(1, len(rows) + 1)), HISTORY)
    yield same(file, "training.epochs", training.epochs, len(rows), HISTORY)
    yield same(file, "training.best_epoch", training.best_epoch, best_epoch(rows, options), HISTORY)
    last = [row for row in rows if row.get("phase", "2") == "2"] if "phase" in rows[0] else rows
    yield same(file, "training.stopped_early", training.stopped_early, len(last) < options.epochs, HISTORY)
    yield same(file, "training.seconds", training.seconds, sum(float(row["seconds"]) for row in rows), HISTORY)


def best_epoch(rows: Sequence[dict[str, str]], options: TrainingOptions) -> int:
    """The epoch whose weights were kept, from 1: the best by the monitored metric, of equal ones by cross-entropy.

    Where the head learnt first, it is one of the second phase.
    """

    def goodness(row: dict[str, str]) -> tuple[float, float]:
        return (options.goodness(_number(row[f"validation_{options.monitor}"])),
                -_number(row["validation_cross_entropy"]))  # fmt: skip

    last = [row for row in rows if row.get("phase", "") in ("", "2")]
    best = last[0]
    for row in last[1:]:
        if goodness(row) > goodness(best):
            best = row
    return int(best["epoch"])


def _number(text: str) -> float:
    return float(text) if text else float("nan")


# Answers


def rows_of(folder: Path) -> list[dict[str, str]]:
    """The rows of ``predictions.csv``, also of one that is not what was written."""
    return csv_rows(RunDirectory(folder).read_text(PREDICTIONS))


def _scores(directory: RunDirectory, record: RunRecord, file: str) -> Iterator[Check]:
    if file == METRICS and not (directory.path / PREDICTIONS).is_file():
        return
    rows = rows_of(directory.path)
    ids = _ids(directory)
    for judgement in record.judgements:
        part, classes = judgement.part, list(judgement.scores.per_class)
        own = [row for row in rows if row.get("part") == part]
        answers = Answers.of_rows(own, classes)
        yield from checks_of_scores(file, part, judgement.scores, answers, classes, PREDICTIONS)
        if part in ids:
            there = sorted(row["id"] for row in own)
            missing = sorted(set(ids[part]) ^ set(there))[:3]
            yield Check(PREDICTIONS, f"{part}: ids", len(there), len(ids[part]), there == sorted(ids[part]), SPLIT,
                        f"exactly{'; other ids: ' + ', '.join(missing) if missing else ''}")  # fmt: skip


def _ids(directory: RunDirectory) -> dict[str, Any]:
    try:
        found = directory.read_json(SPLIT).get("parts")
    except DataError:
        return {}
    return dict(found or {})
