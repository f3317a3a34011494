"""``qplug.evaluate``: a finished run judged again, without training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from qplug import catalogue
from qplug.catalogue.layers import Layer
from qplug.contract.errors import ConfigError
from qplug.lab.measures import SUMMARY
from qplug.lab.runner.asked import Asked
from qplug.lab.runner.evaluate import evaluate as judge_again
from qplug.lab.runs.evaluations import EvaluationRecord, read_evaluation
from qplug.study.progress import showing
from qplug.study.runs import Run, load, numbers, row_of
from qplug.study.settings import Given, folder, layer_of
from qplug.study.shown import Sheet, Shown


@dataclass(frozen=True, repr=False, eq=False)
class Evaluation(Shown):
    """What a finished run scored when it was judged again.

    Attributes:
        path: its folder, in that of the run.
        record: all that it says of itself.
    """

    path: Path
    record: EvaluationRecord

    @property
    def metrics(self) -> dict[str, float | None]:
        """What it scored, by metric."""
        return numbers(self.record.judgement.scores)

    def sheet(self) -> Sheet:
        """The part that was judged, in a few metrics."""
        record, judged = self.record, self.record.judgement
        settings = ", ".join(f"{name} {value}" for name, value in judged.settings.items())
        where = f" on {judged.backend}{f' ({settings})' if settings else ''}" if judged.backend else ""
        agreed = record.against_training_backend
        return Sheet(
            f"{record.dataset} · {record.head}{where} · accuracy {judged.scores.accuracy:.3f}",
            ("part", "n", *(name.replace("_", " ") for name in SUMMARY)),
            [row_of(judged.part, judged.scores)],
            (
                *(() if record.other_data else (f"in the run itself: accuracy {record.run_accuracy:.3f}",)),
                *(() if agreed is None else (f"the label of its training backend: {agreed.label_agreement:.1%}",)),
                str(self.path),
            ),
            record.stamps,
        )


def evaluate(
    run: Run | str | Path,
    *,
    backend: Given | Mapping[str, Any] | None = None,
    part: Literal["test", "validation"] = "test",
    set: Mapping[str, Any] | None = None,
    dataset: Given | None = None,
    data_dir: str | Path | None = None,
    split: str | None = None,
    fold: int | None = None,
    classes: Mapping[str, str] | None = None,
    samples: int | None = None,
    progress: bool = True,
) -> Evaluation:
    """Judges a finished run again: on another backend, part or data set; what ``qplug evaluate`` does.

    A remote backend is sent nothing; for that there is the command, which asks first.

    Args:
        run: a finished run or its directory.
        backend: where its circuits run: a name, a table such as ``{"name": "aer", "shots": 1000}``, ``"module:Class"``,
            a class or an object; None: where the run was judged.
        part: which part of the split.
        set: parameters of the backend or the other data set, such as ``{"backend.shots": 1000}``.
        dataset: another data set with the same classes.
        data_dir: folder of the data set, if it is not where it was.
        split: which of the other data set's splits.
        fold: which fold of it is the test part.
        classes: theirs to the run's, where they have other names.
        samples: how many samples, drawn by class; None: all.
        progress: whether bars are shown in a notebook or on a terminal.

    Raises:
        UserError: there is no such run, or the backend cannot run its circuits.
        ConfigError: the run's data have changed since, or something is set that a finished run has not.
    """
    settings = _settings(backend, dataset, set or {}, {"split": split, "fold": fold}, folder(data_dir))
    path = load(run).path
    with showing(progress) as reporter:
        told = judge_again(path, Asked(settings, part, dict(classes or {}), (samples, None)), reporter)
    return Evaluation(Path(told["evaluation"]), read_evaluation(Path(told["evaluation"])))


def _settings(
    backend: Given | Mapping[str, Any] | None,
    dataset: Given | None,
    assigned: Mapping[str, Any],
    of_the_data: Mapping[str, Any],
    data_dir: str | None,
) -> Layer:
    named = [key for key, value in of_the_data.items() if value is not None]
    if named and dataset is None:
        raise ConfigError(f"{named[0]} is given without dataset. A run is judged on its own split.")
    table = {"backend": dict(backend)} if isinstance(backend, Mapping) else {}
    parts = {"dataset": dataset} | ({} if isinstance(backend, Mapping) else {"backend": backend})
    settings = layer_of(parts, {**of_the_data, "data_dir": data_dir, **table}, assigned)
    allowed = {"backend", "data_dir", *(("dataset", "split", "fold") if dataset is not None else ())}
    if strange := sorted(settings.keys() - allowed):
        raise ConfigError(
            f"{strange[0]} cannot be changed on a finished run: only parameters of the backend and, with dataset, of "
            "the data set. For others, start a run: qplug.run(…)"
        )
    name = settings.get("backend", {}).get("name")
    if name is not None and _is_remote(settings["backend"]):
        raise ConfigError(
            f"backend {name!r} is a remote one, which costs. Ask it by the command, which says what first: "
            f"qplug evaluate RUN --backend {name}"
        )
    return settings


def _is_remote(table: Mapping[str, Any]) -> bool:
    values = {key: value for key, value in table.items() if key != "name"}
    return bool(catalogue.create("backend", str(table["name"]), values).capabilities.remote)
