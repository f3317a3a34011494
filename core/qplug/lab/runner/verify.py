"""Whether a run's files are what the run wrote, and its metrics what its predictions say."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from qplug.contract.errors import DataError
from qplug.lab.judging.metrics import metrics
from qplug.lab.runs.digests import DIGESTS, State, states_of_files
from qplug.lab.runs.directory import METRICS, RECORD, RunDirectory
from qplug.lab.runs.record_file import read_record, record_name
from qplug.lab.training.checkpoint import load

PREDICTIONS = "predictions.csv"
_EXACT = ("n", "accuracy", "balanced_accuracy", "macro_f1", "precision", "per_class", "confusion")
_ROUNDED = 5e-7  # how far a probability in predictions.csv may be from the one that was judged
_SLACK = 1e-9


@dataclass(frozen=True)
class Verdict:
    """What was found.

    Attributes:
        record: the name of the file that holds the metrics.
        files: by name, how each file that has a digest, and each checkpoint, was found.
        metrics: by part, the metrics that do not follow from the predictions; empty where all do.
        n_judged: how many parts' metrics were derived again.
    """

    record: str
    files: Mapping[str, State]
    metrics: Mapping[str, Sequence[str]]
    n_judged: int

    @property
    def faults(self) -> list[str]:
        """What is wrong, in words; empty if nothing is."""
        files = [f"{name} is {state}" for name, state in self.files.items() if state != "good"]
        return files + [
            f"{', '.join(names)} of the {part} part in {self.record} do not follow from {PREDICTIONS}"
            for part, names in self.metrics.items()
            if names
        ]


def verify(path: Path) -> Verdict:
    """Holds every file of a run against its digest, and its metrics against what its predictions give.

    Raises:
        UserError: there is no such run.
        DataError: the run has no record of digests, or the record itself is damaged.
    """
    run = RunDirectory.open(path)
    files = states_of_files(path)
    if not files:
        raise DataError(f"{path} has no {DIGESTS}, so nothing tells what its files were. Run again to have one.")
    files |= {str(file.relative_to(path)): _checkpoint(file) for file in sorted(run.checkpoints.rglob("*.ckpt"))}
    record = record_name(run)
    readable = run.status == "finished" and files.get(record) == files.get(PREDICTIONS) == "good"
    judged = dict(_judged(run)) if readable else {}
    return Verdict(record, files, judged, len(judged))


def _checkpoint(path: Path) -> State:
    try:
        load(path)
    except DataError:
        return "damaged"
    return "good"


def _judged(run: RunDirectory) -> Iterator[tuple[str, list[str]]]:
    newer = record_name(run) == RECORD
    written = read_record(run.path).metrics() if newer else run.read_json(METRICS)
    rows = run.read_csv(PREDICTIONS)
    for part in ("validation", "test"):
        of_part = [row for row in rows if row.get("part") == part]
        try:
            yield part, disagreeing(written[part], of_part)
        except (KeyError, ValueError) as error:
            raise DataError(f"{run.path / PREDICTIONS} is damaged: {error} is not what its columns hold.") from error


def disagreeing(written: Mapping[str, Any], rows: Sequence[Mapping[str, str]]) -> list[str]:
    """The names of the metrics of one part that do not follow from its rows in ``predictions.csv``.

    What counts answers is compared exactly. The cross-entropy has to lie between the least and the greatest that the
    probabilities allow, which are rounded to six digits.
    """
    classes = list(written["per_class"])
    place = {name: number for number, name in enumerate(classes)}
    labels = torch.tensor([place[row["label"]] for row in rows], dtype=torch.long)
    answers = torch.tensor([place[row["predicted"]] for row in rows], dtype=torch.long)
    derived = metrics(labels, functional.one_hot(answers, len(classes)).double(), classes)
    found = [name for name in _EXACT if name in written and written[name] != derived[name]]
    true = [float(row[f"p_{row['label']}"]) for row in rows]
    if any(map(math.isnan, true)):  # what was not finite is null in JSON
        return found if written.get("cross_entropy") is None else [*found, "cross_entropy"]
    least, greatest = (_cross_entropy(true, by) for by in (_ROUNDED, -_ROUNDED))
    told = written.get("cross_entropy")
    if not least - _SLACK <= (math.inf if told is None else told) <= greatest + _SLACK:
        found.append("cross_entropy")
    return found


def _cross_entropy(shares: Sequence[float], by: float) -> float:
    moved = [min(share + by, 1.0) for share in shares]
    return math.inf if min(moved) <= 0 else -math.fsum(map(math.log, moved)) / len(moved)
