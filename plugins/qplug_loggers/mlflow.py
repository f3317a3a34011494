"""A run's course for MLflow."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qplug.contract.hooks import RunInfo, hookimpl
from qplug_loggers.numbers import of_epoch, of_run, settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

NOTE = "mlflow.json"
"""The file in the run directory that says which MLflow run is this one's."""
_LONGEST = 500  # characters of a setting that every MLflow server takes
_AT_ONCE = 100  # settings that one request may hold


class MlFlow:
    """Logs a run to MLflow, where ``QPLUG_LOGGERS`` names it.

    Where to is said by MLflow's own variables: ``MLFLOW_TRACKING_URI``, and ``MLFLOW_EXPERIMENT_NAME``, by default
    ``qplug``. Settings become parameters, numbers metrics, and the files of the run directory artefacts, without
    checkpoints. A resumed run goes on in the same MLflow run.
    """

    by_name_only = True

    def __init__(self) -> None:
        self._client: MlflowClient | None = None
        self._id = ""

    @hookimpl
    def run_started(self, run: RunInfo) -> None:
        """Starts an MLflow run, or goes on with the one that was started before an interruption."""
        if "mlflow" not in run.loggers:
            return
        from mlflow import MlflowClient  # takes seconds

        client = MlflowClient()
        note = run.directory / NOTE
        if note.is_file():
            self._id = json.loads(note.read_text(encoding="utf-8"))["run_id"]
            client.update_run(self._id, status="RUNNING")
        else:
            self._id = _start(client, run)
            note.write_text(json.dumps({"run_id": self._id}) + "\n", encoding="utf-8")
        self._client = client

    @hookimpl
    def epoch_ended(self, run: RunInfo, epoch: int, metrics: Mapping[str, float]) -> None:
        """Logs the epoch's numbers."""
        self._log(of_epoch(metrics), epoch)

    @hookimpl
    def run_ended(self, run: RunInfo, metrics: Mapping[str, Any]) -> None:
        """Logs the final numbers and the files, and ends the MLflow run."""
        if self._client is None:
            return
        self._log(of_run(metrics), metrics["best_epoch"])
        for file in _files(run.directory):
            self._client.log_artifact(self._id, str(file))
        self._client.set_terminated(self._id)
        self._client = None

    @hookimpl
    def run_failed(self) -> None:
        """Ends the MLflow run as failed; a resumed run goes on in it."""
        if self._client is not None:
            self._client.set_terminated(self._id, "FAILED")
            self._client = None

    def _log(self, numbers: Iterable[tuple[str, float]], epoch: int) -> None:
        if self._client is not None:
            from mlflow.entities import Metric

            now = int(time.time() * 1000)
            self._client.log_batch(self._id, metrics=[Metric(name, value, now, epoch) for name, value in numbers])


def _start(client: MlflowClient, run: RunInfo) -> str:
    from mlflow.entities import Param

    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "qplug")
    found = client.get_experiment_by_name(name)
    experiment = found.experiment_id if found is not None else client.create_experiment(name)
    tags = {"dataset": run.dataset, "head": run.head, "backend": run.backend, "seed": str(run.seed)}
    started = client.create_run(experiment, run_name=run.directory.name, tags=tags)
    parameters = [Param(key, value[:_LONGEST]) for key, value in settings(run.config)]
    for first in range(0, len(parameters), _AT_ONCE):
        client.log_batch(started.info.run_id, params=parameters[first : first + _AT_ONCE])
    return str(started.info.run_id)


def _files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.iterdir() if path.is_file() and not path.name.startswith("."))


hooks = MlFlow
"""What the entry point announces."""
