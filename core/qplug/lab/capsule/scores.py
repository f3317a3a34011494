"""The scores of one part, derived again from labels, answers and probabilities; NumPy alone, by the definitions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qplug.lab.capsule.check import Check, between, equal, same
from qplug.lab.judging.interval import wilson
from qplug.lab.judging.reliability import N_BINS
from qplug.lab.runs.run_record import Scores


@dataclass(frozen=True)
class Answers:
    """What was answered on one part, with what is lost of it.

    Attributes:
        labels: (n,) true classes.
        predicted: (n,) answered classes.
        probabilities: (n, n_classes).
        error: (n, n_classes) how far each may be from the probability that was judged.
        rounded: how they were rounded, in words.
        n_tied: of so many samples rounding hides which class was answered.
    """

    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    error: NDArray[np.float64]
    rounded: str
    n_tied: int = 0

    @classmethod
    def of_rows(cls, rows: Sequence[dict[str, str]], classes: Sequence[str]) -> Answers:
        """The rows of one part in ``predictions.csv``."""
        place = {name: number for number, name in enumerate(classes)}
        shares = np.asarray([[float(row[f"p_{name}"]) for name in classes] for row in rows], dtype=np.float64)
        return cls(
            np.asarray([place[row["label"]] for row in rows], dtype=np.int64),
            np.asarray([place[row["predicted"]] for row in rows], dtype=np.int64),
            shares.reshape(len(rows), len(classes)),
            np.full((len(rows), len(classes)), 5e-7),
            "probabilities rounded to 6 digits",
        )

    @classmethod
    def of_cell(cls, labels: NDArray[np.int64], shares: NDArray[np.float32]) -> Answers:
        """What the ``.npz`` of a cell keeps."""
        exact = shares.astype(np.float64)
        predicted: NDArray[np.int64] = shares.argmax(axis=1)
        found = cls(labels, predicted, exact, 5e-7 + 6e-8 * exact, "probabilities rounded to 6 digits and float32")
        best = np.sort(exact, axis=1)[:, -2:]
        return replace(found, n_tied=int((best[:, 1] - best[:, 0] <= 1.2e-6).sum()))


def checks_of_scores(
    file: str, under: str, recorded: Scores, found: Answers, classes: Sequence[str], source: str
) -> Iterator[Check]:
    """Every score of one part.

    Args:
        file: where the scores are recorded.
        under: what the numbers are called by, such as ``test``.
        recorded: the scores.
        found: the answers.
        classes: names of the classes, in the order of the logits.
        source: the file with the answers.
    """
    told = recorded.model_dump(mode="json", exclude_unset=True)
    for name, value in counted(found, classes).items():
        if name == "per_class":
            for label, each in value.items():
                for what, number in each.items():
                    written = told["per_class"].get(label, {}).get(what)
                    yield _counted(file, f"{under}.per_class.{label}.{what}", written, number, source, found)
        elif name == "confusion":
            for label, row, written in zip(classes, value, told["confusion"], strict=True):
                yield _counted(file, f"{under}.confusion.{label}", written, row, source, found)
        elif name in told:
            yield _counted(file, f"{under}.{name}", told[name], value, source, found)
    for name, limits in ranges(found).items():
        if name in told:
            yield between(file, f"{under}.{name}", told[name], limits, source, because=found.rounded)


def _counted(file: str, number: str, recorded: Any, derived: Any, source: str, found: Answers) -> Check:
    """Counts come out exactly, but where rounding hides what was answered."""
    check = same(file, number, recorded, derived, source)
    if check.holds or not found.n_tied or equal(recorded, None):
        return check
    tolerance = f"as far as {found.n_tied} answers go, of which rounding hides the class"
    if isinstance(derived, list) and number.rpartition(".")[0].endswith("confusion"):
        holds = sum(abs(a - b) for a, b in zip(recorded, derived, strict=True)) <= 2 * found.n_tied
        return replace(check, holds=holds, tolerance=tolerance)
    fewest = int(np.bincount(found.labels)[np.unique(found.labels)].min())
    pairs = zip(recorded, derived, strict=True) if isinstance(derived, list) else [(recorded, derived)]
    holds = max(abs(a - b) for a, b in pairs) <= 2 * found.n_tied / fewest
    return replace(check, holds=holds, tolerance=tolerance)


def counted(found: Answers, classes: Sequence[str]) -> dict[str, Any]:
    """What follows from labels and answers alone, exactly."""
    n_classes, n = len(classes), len(found.labels)
    confusion = np.zeros((n_classes, n_classes), dtype=np.int64)
    np.add.at(confusion, (found.labels, found.predicted), 1)
    right, support, chosen = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    precision, recall = right / np.maximum(chosen, 1), right / np.maximum(support, 1)
    f1 = 2 * right / np.maximum(support + chosen, 1)
    occurs, hits = support > 0, int(right.sum())
    columns = zip(classes, precision.tolist(), recall.tolist(), f1.tolist(), support.tolist(), strict=True)
    return {
        "n": n,
        "accuracy": hits / n,
        "accuracy_interval": list(wilson(hits, n)),
        "balanced_accuracy": float(recall[occurs].mean()),
        "macro_f1": float(f1[occurs].mean()),
        "precision": float(precision[occurs].mean()),
        "per_class": {name: {"precision": p, "recall": r, "f1": f, "support": s} for name, p, r, f, s in columns},
        "confusion": confusion.tolist(),
    }


def ranges(found: Answers) -> dict[str, tuple[float, float]]:
    """The least and the greatest value of what depends on probabilities; NaN where they are not finite."""
    finite = bool(np.isfinite(found.probabilities).all())
    nothing = (float("nan"), float("nan"))
    limits = {
        "cross_entropy": cross_entropy(found) if finite else nothing,
        "expected_calibration_error": calibration_error(found) if finite else nothing,
    }
    if found.probabilities.shape[1] == 2 and len(np.unique(found.labels)) == 2:
        limits["roc_auc"] = roc_auc(found) if finite else nothing
        limits["average_precision"] = average_precision(found) if finite else nothing
    return limits


def cross_entropy(found: Answers) -> tuple[float, float]:
    """The range of the mean of -ln(probability of the true class)."""
    every = np.arange(len(found.labels))
    share, error = found.probabilities[every, found.labels], found.error[every, found.labels]
    with np.errstate(divide="ignore"):
        least = -np.log(np.minimum(share + error, 1.0)).mean()
        greatest = -np.log(np.maximum(share - error, 0.0)).mean()
    return float(max(0.0, least)), float(greatest)


def calibration_error(found: Answers) -> tuple[float, float]:
    """The range of the calibration error: confidences may be off, and near an edge lie in the next bin."""
    confidence = found.probabilities.max(axis=1)
    error = found.error[np.arange(len(confidence)), found.probabilities.argmax(axis=1)]
    place = np.minimum((confidence * N_BINS).astype(np.int64), N_BINS - 1)
    right = (found.predicted == found.labels).astype(np.float64)
    gaps = np.bincount(place, weights=right - confidence, minlength=N_BINS)
    value = float(np.abs(gaps).sum() / len(right))
    edges = np.round(confidence * N_BINS)
    ambiguous = (np.abs(confidence * N_BINS - edges) <= error * N_BINS) & (edges > 0) & (edges < N_BINS)
    slack = float((error.sum() + 2 * ambiguous.sum()) / len(right)) + 1e-12
    return max(0.0, value - slack), value + slack


def roc_auc(found: Answers) -> tuple[float, float]:
    """The range of the area under ROC: of equal probabilities either may have been the greater one."""
    score = found.probabilities[:, 1]
    negative = np.sort(score[found.labels == 0])
    positive = score[found.labels == 1]
    below, upto = (np.searchsorted(negative, positive, side=side) for side in ("left", "right"))
    pairs = len(negative) * len(positive)
    return float(below.sum() / pairs), float(upto.sum() / pairs)


def average_precision(found: Answers) -> tuple[float, float]:
    """The range of the average precision over the orders in which equal probabilities may have stood."""
    # One entry for each value of the probability, the highest first: how many samples of either class have it.
    _, place = np.unique(-found.probabilities[:, 1], return_inverse=True)
    counts = [np.bincount(place[found.labels == label], minlength=int(place.max()) + 1) for label in (1, 0)]
    least = greatest = 0.0
    hits = seen = 0
    for positives, negatives in zip(*(each.tolist() for each in counts), strict=True):
        ranks = np.arange(1, positives + 1)
        least += float(((hits + ranks) / (seen + negatives + ranks)).sum())
        if positives:
            greatest += positives * (hits + positives) / (seen + positives)
        hits, seen = hits + positives, seen + positives + negatives
    return least / hits, greatest / hits
