"""A run's figures as parts of a page: caption, words for those who cannot see them, and the picture itself."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qplug.lab.report.source import FinishedRun
from qplug.lab.runs.run_record import Scores

_DOTS_PER_INCH, _CSS_PER_INCH = 200, 96
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Picture:
    """One figure on the page.

    Attributes:
        name: its file's name without ending, also its anchor.
        caption: what to look for in it.
        alt: what it shows, for those who cannot see it.
        source: the picture as a data URI.
        width: in CSS pixels, at the size it was drawn for.
        height: likewise.
    """

    name: str
    caption: str
    alt: str
    source: str
    width: int
    height: int


def pictures(run: FinishedRun, names: Sequence[str]) -> list[Picture]:
    """Those of the named figures that the run has, in their order."""
    found = []
    for name in names:
        content = _read(run.directory.path / f"{name}.png")
        if _size(content) is not None:
            caption, alt = _words(name, run)
            found.append(from_png(content, name=name, caption=caption, alt=alt))
    return found


def from_png(content: bytes, *, name: str, caption: str, alt: str) -> Picture:
    """The figure that a PNG file's content holds."""
    width, height = _size(content) or (1, 1)
    return Picture(
        name=name,
        caption=caption,
        alt=alt,
        source=f"data:image/png;base64,{base64.b64encode(content).decode()}",
        width=width * _CSS_PER_INCH // _DOTS_PER_INCH,
        height=height * _CSS_PER_INCH // _DOTS_PER_INCH,
    )


def _read(file: Path) -> bytes:
    """A file's content; empty where it cannot be read."""
    try:
        return file.read_bytes()
    except OSError:
        return b""


def _size(content: bytes) -> tuple[int, int] | None:
    """Width and height from a PNG's header; None where there is no PNG."""
    if len(content) < 24 or not content.startswith(_SIGNATURE):
        return None
    width, height = struct.unpack(">II", content[16:24])
    return width, height


def _words(name: str, run: FinishedRun) -> tuple[str, str]:
    training, test = run.record.training, run.record.test
    match name.partition("-")[0]:
        case "confusion_matrix":
            return "Rows are true classes. Blue is right, orange is wrong.", _confusion_words(test)
        case "roc_pr":
            return (
                "What every threshold on the probability would give.",
                f"ROC curve with area {test.roc_auc or 0:.3f} and precision-recall curve with average precision "
                f"{test.average_precision or 0:.3f}.",
            )
        case "calibration":
            return (
                "Dots on the dashed line: probabilities that can be taken at their word.",
                f"Reliability diagram; the expected calibration error is {test.expected_calibration_error or 0:.3f}.",
            )
        case "embedding":
            return (
                "Principal components of what the backbone makes of the test samples; for looking, not for judging.",
                "Scatter plot of the test samples' embeddings along their first two principal components, by class.",
            )
        case "misclassified":
            n_wrong = test.n - round(test.accuracy * test.n)
            return (
                "What the model got most wrong, as the network was given it.",
                f"The most confident of {n_wrong} wrong predictions, each with its input, true and predicted class.",
            )
        case "curves":
            return (
                f"Epoch {training.best_epoch} of {training.epochs} is the model that was judged.",
                "Cross-entropy and accuracy of the training and validation parts over the epochs.",
            )
        case "gradients":
            return (
                "Circuits whose gradients vanish while the loss is still high have stopped learning.",
                "Norms of the gradients of classical and quantum parameters over the epochs, on a logarithmic scale.",
            )
        case _:
            circuit = run.circuits.get(name)
            facts = f" of {circuit.n_qubits} qubits and depth {circuit.depth}" if circuit else ""
            return "Blue angles carry the sample, orange ones are trained.", f"Drawing of the circuit{facts}."


def _confusion_words(test: Scores) -> str:
    classes, counts = list(test.per_class), test.confusion
    right = sum(row[number] for number, row in enumerate(counts))
    wrong = [
        (count, classes[true], classes[predicted])
        for true, row in enumerate(counts)
        for predicted, count in enumerate(row)
        if true != predicted and count
    ]
    told = f"Confusion matrix: {right} of {test.n} right"
    if not wrong:
        return f"{told}."
    count, true, predicted = max(wrong)
    return f"{told}; most often, {count} times, {true} was taken for {predicted}."
