"""A run that does not finish: the component at fault is named, its end is written down, and hooks hear of it."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from qplug.contract.errors import Interrupted, PluginError, Stopped
from qplug.contract.hooks import RunInfo, hookimpl
from qplug.hooks import Hooks
from qplug.lab.config.layers import from_assignments
from qplug.lab.pipeline.classifier import Branch
from qplug.lab.runner.ending import Watch, recorded_end
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import resume_run, run_once
from qplug.lab.runs.directory import RunDirectory
from qplug.lab.runs.listing import summarise
from qplug_models.heads import LinearHead


def layers() -> list[dict[str, Any]]:
    chosen = {"dataset": {"name": "digits"}, "head": {"name": "linear"}}
    return [from_assignments(["training.epochs=3"]), chosen]


class Faulty(nn.Linear):
    """A linear layer that raises at its n-th batch in training."""

    error: BaseException = ValueError("no luck")
    left = 1

    def forward(self, inputs: Tensor) -> Tensor:
        if self.training and torch.is_grad_enabled():
            self.left -= 1
            if not self.left:
                raise self.error
        return super().forward(inputs)


@pytest.mark.parametrize(
    ("error", "words"), [(ValueError("no luck"), "ValueError: no luck"), (SystemExit(0), "SystemExit: 0")]
)
def test_a_part_that_raises_in_training_is_named_and_the_end_is_recorded(
    error: BaseException, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(self: LinearHead, n_inputs: int, n_classes: int) -> nn.Module:
        network = Faulty(n_inputs, n_classes)
        network.error, network.left = error, 60  # beyond the first epoch
        return network

    monkeypatch.setattr(LinearHead, "build", build)
    with pytest.raises(
        PluginError, match=rf"head 'linear' of qplug.* failed while training: it raised {words}.*resume {tmp_path}"
    ):
        run_once(layers(), tmp_path, Silent())
    (run,) = tmp_path.iterdir()
    ended = json.loads((run / "ended.json").read_text())
    assert (ended["status"], ended["phase"], ended["part"]) == ("failed", "training", "head 'linear'")
    assert words in summarise(run).ended
    monkeypatch.undo()
    resume_run(run, Silent())
    assert not (run / "ended.json").exists()


class Impatient(Silent):
    def epoch(self, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        raise KeyboardInterrupt


def test_an_interruption_is_recorded_too(tmp_path: Path) -> None:
    with pytest.raises(Interrupted, match=rf"resume {tmp_path}"):
        run_once(layers(), tmp_path, Impatient())
    (run,) = tmp_path.iterdir()
    assert summarise(run).ended.startswith("interrupted: stopped during training")


@pytest.mark.parametrize(
    ("resumed", "kept", "words"),
    [
        (False, (), r"so {path} is removed; .* Start again"),
        (False, ("best.ckpt",), r"what {path} holds is kept. Go on with: qplug resume {path}"),
        (True, (), r"what {path} holds is kept. Go on with: qplug resume {path}"),
        (True, ("head/last.ckpt",), r"last finished epoch is kept. Go on with: qplug resume {path}"),
        (True, ("../record.json",), r"run itself is complete: {path}"),
    ],
)
def test_what_is_said_to_be_left_is_left(resumed: bool, kept: tuple[str, ...], words: str, tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, dataset="chirps", head="mlp", short_hash="1")
    for name in kept:
        (run.checkpoints / name).parent.mkdir(parents=True, exist_ok=True)
        (run.checkpoints / "head").mkdir(parents=True, exist_ok=True)
        (run.checkpoints / name).touch()
    with (
        pytest.raises(Interrupted, match=words.format(path=run.path)),
        recorded_end(run, Watch(Silent(), []), resumed=resumed),
    ):
        raise Stopped(signal.SIGTERM)


def test_a_resumed_run_that_fails_without_a_checkpoint_stays_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Interrupted, match=rf"resume {tmp_path}"):
        run_once(layers(), tmp_path, Impatient())
    (run,) = tmp_path.iterdir()
    shutil.rmtree(run / "checkpoints")

    def build(self: LinearHead, n_inputs: int, n_classes: int) -> nn.Module:
        return Faulty(n_inputs, n_classes)

    monkeypatch.setattr(LinearHead, "build", build)
    with pytest.raises(PluginError, match=rf"no luck.* what {run} holds is kept. Go on with: qplug resume {run}"):
        resume_run(run, Silent())
    assert (run / "run.toml").is_file()


class Gives(nn.Linear):
    def __init__(self, give: Any) -> None:
        super().__init__(3, 2)
        self.give = give

    def forward(self, inputs: Tensor) -> Any:
        return self.give(super().forward(inputs))


@pytest.mark.parametrize(
    ("give", "words"),
    [
        (lambda out: None, "gave NoneType, not a tensor"),
        (lambda out: out[:, :1], r"gave the shape \(4, 1\), not \(batch, 2\)"),
        (lambda out: out.detach(), "Gives gave values cut off"),
    ],
)
def test_a_head_that_gives_something_else_is_at_fault(give: Any, words: str) -> None:
    head = Gives(give)
    with pytest.raises(PluginError, match=words) as refused:
        Branch(nn.Identity(), head, 3, 2)(torch.zeros(4, 3))
    assert refused.value.at_fault is head


def test_hooks_that_heard_of_a_start_hear_of_one_end(tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []

    class Diary:
        @hookimpl
        def run_started(self, run: RunInfo) -> None:
            told.append(("started", run.dataset))

        @hookimpl
        def run_ended(self, run: RunInfo) -> None:
            told.append(("ended", run.dataset))

        @hookimpl
        def run_failed(self, run: RunInfo, reason: str) -> None:
            told.append(("failed", reason[:18]))

    hooks = Hooks()
    hooks.register(Diary(), "diary")
    watch = Watch(Silent(), [])
    info = RunInfo(directory=tmp_path, config={}, dataset="chirps", head="mlp", backend="", seed=0)
    with RunDirectory.create(tmp_path, dataset="chirps", head="mlp", short_hash="1") as run:
        with pytest.raises(ZeroDivisionError, match="by nothing"), recorded_end(run, watch):
            raise ZeroDivisionError("by nothing")  # before the start: nobody is told
        assert not told
        hooks.run_started(info)
        watch.begun = hooks, info
        with pytest.raises(Interrupted, match="stopped by SIGTERM while preparing"), recorded_end(run, watch):
            raise Stopped(signal.SIGTERM)
    assert told == [("started", "chirps"), ("failed", "stopped by SIGTERM")]


def test_a_second_interruption_keeps_no_hook_from_hearing_of_the_end(tmp_path: Path) -> None:
    told: list[str] = []

    class Nervous:
        def __init__(self, name: str) -> None:
            self.name = name

        @hookimpl
        def run_failed(self) -> None:
            told.append(self.name)
            if self.name == "first":
                raise KeyboardInterrupt

    hooks, watch = Hooks(), Watch(Silent(), [])
    for name in ("first", "second"):
        hooks.register(Nervous(name), name)
    info = RunInfo(directory=tmp_path, config={}, dataset="chirps", head="mlp", backend="", seed=0)
    hooks.run_started(info)
    watch.begun = hooks, info
    with (
        RunDirectory.create(tmp_path, dataset="chirps", head="mlp", short_hash="1") as run,
        pytest.raises(Interrupted, match="stopped by SIGTERM while preparing"),
        recorded_end(run, watch),
    ):
        raise Stopped(signal.SIGTERM)
    assert told == ["first", "second"]
