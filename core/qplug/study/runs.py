"""``qplug.load``: a finished run, to look at and to predict with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from qplug.lab.measures import SUMMARY
from qplug.lab.runs.record_file import read_record
from qplug.lab.runs.run_record import RunRecord, Scores
from qplug.study.shown import Sheet, Shown, number

if TYPE_CHECKING:
    from qplug.lab.pipeline.classifier import Classifier
    from qplug.lab.runner.loaded import LoadedRun
    from qplug.study.predictions import Predictions

HISTORY = "history.csv"
STAMPS = "stamps"
"""The column of words in a table of numbers."""


def load(run: Run | str | Path) -> Run:
    """A finished run; its weights are read when they are first needed.

    Args:
        run: its directory.

    Raises:
        UserError: there is no such run, or it is not finished.
        DataError: its record is damaged.
    """
    path = run.path if isinstance(run, Run) else Path(run).expanduser()
    return Run(path, read_record(path))


@dataclass(frozen=True, repr=False, eq=False)
class Run(Shown):
    """A finished run.

    Attributes:
        path: its directory.
        record: all that it says of itself.
    """

    path: Path
    record: RunRecord

    @property
    def metrics(self) -> dict[str, float | None]:
        """What the test part scored, by metric; those of validation stand in ``record.validation``."""
        return numbers(self.record.test)

    @property
    def config(self) -> Mapping[str, Any]:
        """The tables of its ``run.toml``, every default filled in."""
        return self.record.configuration

    @cached_property
    def history(self) -> list[dict[str, float]]:
        """One row per epoch; ``pandas.DataFrame(run.history)`` is a table of it. Empty where nothing was trained."""
        from qplug.lab.runs.directory import RunDirectory

        if not (self.path / HISTORY).is_file():
            return []
        rows = RunDirectory.open(self.path).read_csv(HISTORY)
        return [{name: float(value) for name, value in row.items() if value and name != STAMPS} for row in rows]

    @cached_property
    def loaded(self) -> LoadedRun:
        """The classifier with all that it needs, on the backend that trained it."""
        from qplug.lab.runner.loaded import load_run

        return load_run(self.path)

    @property
    def model(self) -> Classifier:
        """The trained network: features (batch, *feature_shape) → logits (batch, n_classes)."""
        return self.loaded.model

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the logits."""
        return tuple(self.record.test.per_class)

    def predict(
        self,
        inputs: Any,
        *,
        rate: int | None = None,
        backend: str | Mapping[str, Any] | None = None,
        on_bad_file: Literal["refuse", "skip"] = "refuse",
    ) -> Predictions:
        """What new recordings or images are, by this classifier.

        Args:
            inputs: one or several in a list: paths of files, ``Audio``, ``Image``, or arrays. An array is a recording
                (sample,) or (channel, sample) with full scale [-1, 1]; or an image (height, width), (height, width,
                channel) or (channel, height, width), in [0, 1] or as whole numbers to 255.
            rate: of recordings that are arrays, in Hz.
            backend: where circuits run; None: on the backend that trained them.
            on_bad_file: whether what cannot be used refuses all, or is left out with a warning.

        Raises:
            UserError: nothing is given, or an array that is no recording or image.
            DataError: what cannot be used; the message names all of it.
        """
        from qplug.lab.runner.loaded import load_run
        from qplug.study.predictions import predictions_of

        loaded = self.loaded if backend is None else load_run(self.path, backend)
        return predictions_of(loaded, inputs, rate, on_bad_file)

    def sheet(self) -> Sheet:
        """Test and validation in a few metrics."""
        record = self.record
        where = f" on {record.backend}" if record.backend else ""
        parts = (("test", record.test), ("validation", record.validation))
        low, high = record.test.accuracy_interval
        training = record.training
        return Sheet(
            f"{record.dataset} · {record.head}{where} · seed {record.seed} · accuracy {record.test.accuracy:.3f}",
            ("part", "n", *(name.replace("_", " ") for name in SUMMARY)),
            [row_of(part, scores) for part, scores in parts],
            (
                f"95 % interval of accuracy {low:.3f} to {high:.3f}; best of {training.epochs} epochs: "
                f"{training.best_epoch}; {training.parameters.trainable:,} trained parameters, "
                f"{training.parameters.quantum:,} of circuits",
                *(f"warning: {warning}" for warning in record.warnings),
                str(self.path),
            ),
            record.stamps,
        )


def numbers(scores: Scores) -> dict[str, float | None]:
    """The metrics that are single numbers, by name."""
    skipped = ("per_class", "confusion", "accuracy_interval")
    return {name: value for name, value in scores.model_dump(exclude_unset=True).items() if name not in skipped}


def row_of(part: str, scores: Scores) -> Sequence[str]:
    """A part's line in a table of the usual metrics."""
    return (part, f"{scores.n:,}", *(number(getattr(scores, name)) for name in SUMMARY))
