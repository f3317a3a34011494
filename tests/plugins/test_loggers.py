"""Loggers write what a run comes to into other people's tools, where they are asked, and are silent elsewhere."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qplug import catalogue
from qplug.contract.errors import NotInstalled, UnknownName, UserError
from qplug.contract.hooks import RunInfo
from qplug.hooks import Hooks
from qplug.installation import install
from qplug.lab.runner.workplace import Workplace
from qplug_loggers import mlflow, numbers, tensorboard

ROW = {"epoch": 1, "train_accuracy": 0.5, "validation_accuracy": 0.25, "gradient_norm_quantum": 0.125, "seconds": 2.0}
METRICS: dict[str, Any] = {
    "best_epoch": 2, "train_seconds": 3.5,
    "validation": {"accuracy": 0.5, "n": 4, "confusion": [[2, 2], [0, 0]]},
    "test": {"accuracy": 0.75, "n": 4, "accuracy_interval": [0.3, 0.9]},
}  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> RunInfo:
    config = {
        "seed": 3, "data_dir": "/somewhere/secret", "head": {"name": "pqc", "n_qubits": 2},
        "branch": [{"weight": 0.5, "head": {"name": "mlp"}}], "backbone": {"channels": [4, 8]},
    }  # fmt: skip
    (tmp_path / "metrics.json").write_text("{}")
    (tmp_path / "checkpoints").mkdir()
    return RunInfo(directory=tmp_path, config=config, dataset="mine", head="pqc", backend="torch", seed=3)


def live(plugin: object, run: RunInfo) -> None:
    """A run's life as the core tells it: a plugin that raises is put aside, so it must still be there in the end."""
    taking_part = Hooks()
    taking_part.register(plugin, "it")
    taking_part.run_started(run)
    for epoch in (1, 2):
        taking_part.epoch_ended(run, epoch, {**ROW, "epoch": epoch, "train_accuracy": epoch / 2})
    taking_part.run_ended(run, METRICS)
    assert taking_part.names == ["it"]


def test_parts_share_a_chart_and_only_numbers_are_written() -> None:
    assert dict(numbers.of_epoch(ROW)) == {
        "accuracy/train": 0.5, "accuracy/validation": 0.25, "gradient_norm/quantum": 0.125, "seconds": 2.0,
    }  # fmt: skip
    assert dict(numbers.of_run(METRICS)) == {
        "final_accuracy/validation": 0.5, "final_n/validation": 4.0, "final_accuracy/test": 0.75, "final_n/test": 4.0,
        "train_seconds": 3.5,
    }  # fmt: skip


def test_settings_have_their_path_and_no_folder_of_the_machine(run: RunInfo) -> None:
    assert dict(numbers.settings(run.config)) == {
        "seed": "3", "head.name": "pqc", "head.n_qubits": "2", "branch1.weight": "0.5", "branch1.head.name": "mlp",
        "backbone.channels": "[4, 8]",
    }  # fmt: skip


def test_tensorboard_gets_every_epoch_and_the_end(run: RunInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.setenv("QPLUG_LOGGERS", " tensorboard , other")
    live(tensorboard.hooks(), replace(run, loggers=("tensorboard",)))
    found = EventAccumulator(str(run.directory / "tensorboard"))
    found.Reload()
    assert [(event.step, event.value) for event in found.Scalars("accuracy/train")] == [(1, 0.5), (2, 1.0)]
    assert [(event.step, event.value) for event in found.Scalars("final_accuracy/test")] == [(2, 0.75)]
    (settings,) = found.Tensors("settings/text_summary")
    assert "| head.n_qubits | 2 |" in settings.tensor_proto.string_val[0].decode()


def test_mlflow_gets_settings_numbers_and_files_and_goes_on_after_an_interruption(
    run: RunInfo, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pytest.importorskip("mlflow")
    from mlflow import MlflowClient

    home = tmp_path_factory.mktemp("mlflow")
    monkeypatch.chdir(home)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{home}/runs.db")
    monkeypatch.setenv("QPLUG_LOGGERS", "mlflow")
    run = replace(run, loggers=("mlflow",))
    mlflow.hooks().run_started(run)  # and killed
    live(mlflow.hooks(), run)
    client = MlflowClient()
    experiment = client.get_experiment_by_name("qplug")
    (logged,) = client.search_runs([experiment.experiment_id])
    assert (logged.info.run_name, logged.info.status) == (run.directory.name, "FINISHED")
    assert logged.data.params["head.n_qubits"] == "2"
    assert "data_dir" not in logged.data.params
    assert [each.value for each in client.get_metric_history(logged.info.run_id, "accuracy/train")] == [0.5, 1.0]
    assert logged.data.metrics["final_accuracy/test"] == 0.75
    assert {each.path for each in client.list_artifacts(logged.info.run_id)} == {"metrics.json", "mlflow.json"}


@pytest.mark.parametrize("plugin", [tensorboard.hooks(), mlflow.hooks()])
def test_without_being_asked_nothing_is_written_or_imported(
    plugin: object, run: RunInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QPLUG_LOGGERS", "another")
    monkeypatch.setitem(sys.modules, "mlflow", None)  # an import would raise, and the plugin be put aside
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    live(plugin, run)
    assert {path.name for path in run.directory.iterdir()} == {"metrics.json", "checkpoints"}


def test_what_is_asked_for_and_cannot_be_had_is_refused_before_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QPLUG_LOGGERS", "")
    assert Workplace.from_environment().loggers == ()
    monkeypatch.setenv("QPLUG_LOGGERS", "tensorbord")
    with pytest.raises(UnknownName, match=r"no hook is called 'tensorbord'\. Did you mean 'tensorboard'"):
        catalogue.hooks(Workplace.from_environment().loggers)
    monkeypatch.setenv("QPLUG_LOGGERS", "mlflow")
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(NotInstalled, match=rf"hook 'mlflow' needs mlflow, .* {re.escape(install('mlflow'))}"):
        catalogue.hooks(Workplace.from_environment().loggers)
    monkeypatch.setenv("QPLUG_DISABLE", "mlflow")
    with pytest.raises(UserError, match="hook 'mlflow' is disabled by 'mlflow'"):
        catalogue.hooks(Workplace.from_environment().loggers)


def test_a_logger_without_its_packages_is_left_out_in_silence(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("QPLUG_LOGGERS", raising=False)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    assert "mlflow (qplug)" not in catalogue.hooks().names
    assert caplog.records == []
