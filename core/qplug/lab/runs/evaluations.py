"""What came of judging a finished run again, beside its first judgement: ``EvaluationRecord``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, JsonValue

from qplug.contract.errors import DataError
from qplug.lab.config.reading import parse_json
from qplug.lab.runs.digests import refuse_damaged
from qplug.lab.runs.directory import METRICS, RECORD, RunDirectory
from qplug.lab.runs.run_record import Count, JudgementRecord, Number, Table
from qplug.lab.runs.typed_file import refuse_newer, validated

EVALUATIONS = "evaluations"
"""Where a run keeps them, a folder each."""
VERSION: Literal[1] = 1
"""The version of the records that are written; the ``metrics.json`` of an older version names none."""


class Agreement(Table):
    """How far the answers are from those on the backend that trained the run."""

    label_agreement: float = Field(description="share of samples with the same label")
    label_agreement_interval: tuple[float, float] = Field(description="95 % Wilson interval")
    accuracy: float = Field(description="of the backend that trained")
    mean_abs_delta_z: Number = Field(default=None, description="mean distance of expectation values")
    max_abs_delta_z: Number = Field(default=None, description="largest distance of expectation values")


class ObservableValues(Table):
    """One expectation value of a circuit on a device, over the samples."""

    circuit: Count = Field(description="1 is the first")
    observable: str = Field(description="such as Z0 Z1, by wire")
    exact: Number = Field(description="mean of the exact values")
    device: Number = Field(description="mean of the device's")
    mean_abs_delta: Number
    max_abs_delta: Number
    expected: Number = Field(description="the mean distance that shot noise alone explains")
    mean_abs_delta_chained: Number = Field(
        default=None,
        description="mean distance from the values that exact values of the circuits before it lead to; in later jobs",
    )


class Verification(Table):
    """What a device answered, beside the exact values of the same samples.

    Attributes:
        device: its name.
        fake: whether a simulator played the device.
        n_part: how many samples the part has, of which those of the judgement are some.
        exact_accuracy: of the same samples, without shots and noise.
        expected_shot_noise: the mean distance of expectation values that shots alone explain.
        expected_label_agreement: the share of labels that shots alone were thought, before anything was sent, to
            leave as they are.
        n_thought: over how many samples of the part that was thought, all of it or a drawn part, whichever were sent;
            None in records from before it was told.
        observables: the distances of each. Exact are the values for the angles that were sent; of a circuit whose
            angles come from the device's values of others, also the distance from those of a chain that is exact
            from its beginning is told, which holds what these errors do to its angles.
        stages: the job in which each circuit was sent; empty: all in one.
        two_qubit_gates: as they ran, of the circuit with the most; None if it is not told.
        depth: of the deepest.
        facts: what else the backend told, such as the calibration of the qubits used.
    """

    device: str
    fake: bool
    shots: Count
    n_part: Count
    exact_accuracy: float
    expected_shot_noise: float
    expected_label_agreement: Number = None
    n_thought: Count | None = None
    observables: tuple[ObservableValues, ...]
    stages: tuple[Count, ...] = ()
    job_ids: tuple[str, ...]
    executions: Count
    forecast_seconds: Number
    usage_seconds: Number = None
    two_qubit_gates: Count | None = None
    depth: Count | None = None
    calibration_date: str | None = None
    facts: dict[str, JsonValue] = Field(default={}, description="as the backend tells them")

    @property
    def named(self) -> str:
        """The device for people, who must not take a fake one for a device."""
        return self.device + (", a fake device" if self.fake and "fake" not in self.device.lower() else "")


def thought_over(n_thought: int | None, n_part: int, part: str) -> str:
    """Over which samples of a part shots were thought about, to be put behind a word; empty where it is not known."""
    if n_thought is None:
        return ""
    whole = f"all {n_part:,} samples of the {part} part"
    return f" over {whole if n_thought == n_part else f'{n_thought:,} of the {n_part:,} samples of the {part} part'}"


def chain_in_words(observables: Iterable[ObservableValues], n_jobs: int) -> str:
    """What is to be said of circuits whose angles are the device's own values of others; empty where there is none.

    Args:
        observables: of all circuits.
        n_jobs: in how many jobs they went.
    """
    later = [row for row in observables if row.mean_abs_delta_chained is not None]
    if not later:
        return ""
    numbers = ", ".join(str(number) for number in dict.fromkeys(row.circuit for row in later))
    mean = sum(row.mean_abs_delta_chained or 0.0 for row in later) / len(later)
    return (
        f"The circuits went in {n_jobs} jobs: the angles of circuit {numbers} come from the device's own values of "
        "those before. Exact values of it are those for these angles; from a chain that is exact from its beginning "
        f"it differs by {mean:.3f} on average, which holds what the errors before do to its angles."
    )


class EvaluationRecord(Table):
    """A finished run judged again.

    Attributes:
        name: that of its folder, which says what was asked.
        judgement: part, backend and scores.
        exact: whether values came without shots.
        other_data: whether another data set was judged than the run was made of.
        classes: names of the other data set's classes → the run's, where they differ.
        run_accuracy: that of the same part in the run itself.
        against_training_backend: None where it was judged on that one.
        verification: of a remote backend.
    """

    version: Literal[1]
    name: str
    dataset: str
    head: str
    judgement: JudgementRecord
    exact: bool
    other_data: bool = False
    classes: dict[str, str] = Field(default={}, description="theirs to the run's")
    run_accuracy: Number = None
    against_training_backend: Agreement | None = None
    verification: Verification | None = None
    stamps: tuple[str, ...] = ()

    def summary(self) -> dict[str, Any]:
        """All of it in the flat form that ``qplug evaluate --json`` prints."""
        told = self.model_dump(mode="json", exclude={"version", "judgement", "verification"})
        judged = self.judgement.model_dump(mode="json", exclude={"scores"})
        scores = self.judgement.scores.model_dump(mode="json", exclude_unset=True)
        return {**told, **judged, **self._verified(), self.judgement.part: scores}

    def _verified(self) -> dict[str, Any]:
        """What a device answered, with the numbers of the same samples in one place."""
        if self.verification is None:
            return {}
        scores, agreed = self.judgement.scores, self.against_training_backend
        one_job: Any = {"stages": True, "observables": {"__all__": {"mean_abs_delta_chained"}}}
        return {
            **self.verification.model_dump(mode="json", exclude=None if self.verification.stages else one_job),
            "n_samples": scores.n,
            "accuracy": scores.accuracy,
            "accuracy_interval": list(scores.accuracy_interval),
            **({} if agreed is None else agreed.model_dump(mode="json", exclude={"accuracy"})),
        }


def write_evaluation(directory: RunDirectory, record: EvaluationRecord) -> Path:
    """Writes an evaluation's record, last of its files: an evaluation that has it is complete."""
    return directory.write_json(RECORD, record.model_dump(mode="json", exclude_unset=True))


def read_evaluation(path: Path) -> EvaluationRecord:
    """The record of an evaluation, also of one that an older version wrote.

    Args:
        path: its folder, in ``evaluations`` of a run.

    Raises:
        DataError: it is damaged, incomplete, or of a newer version.
    """
    directory = RunDirectory(path)
    older = not (path / RECORD).is_file()
    name = METRICS if older else RECORD
    text = directory.read_text(name)
    content = parse_json(text, str(path / name), DataError)
    if older:
        text = json.dumps(_of_first_version(content))
    else:
        refuse_newer(content, str(path / name), VERSION, "evaluations")
    record = validated(text, str(path / name), EvaluationRecord)
    refuse_damaged(path, name)
    return record


def _of_first_version(content: Any) -> Any:
    """What ``metrics.json`` held, in the form of today; what is not of that form stays, and is refused as it is."""
    if not isinstance(content, dict) or not isinstance(part := content.get("part"), str):
        return content
    judgement = {key: content.get(key) for key in ("part", "backend", "settings", "hardware", "modelled_noise")}
    kept = {key: content[key] for key in content.keys() & EvaluationRecord.model_fields.keys()}
    return {**kept, "version": VERSION, "judgement": {**judgement, "scores": content.get(part)}}


def evaluations(path: Path) -> list[EvaluationRecord]:
    """What came of judging a run again, by name; those that are incomplete or damaged are left out."""
    found = []
    for folder in sorted((path / EVALUATIONS).glob("*/")):
        with suppress(DataError):
            found.append(read_evaluation(folder))
    return found


def count_evaluations(path: Path) -> int:
    """How often a run was judged again, without a look into the records."""
    home = path / EVALUATIONS
    if not home.is_dir():
        return 0
    return sum(any((folder / name).is_file() for name in (RECORD, METRICS)) for folder in home.iterdir())
