"""Signals: every one that ends a training is told by its number, and the last finished epoch is kept."""

from __future__ import annotations

import contextlib
import random
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from qplug.contract.errors import Interrupted, Stopped
from qplug.lab.config.layers import from_assignments
from qplug.lab.config.training import TrainingOptions
from qplug.lab.data.workers import deaf_to_signals
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import resume_run, run_once
from qplug.lab.stopping import ENDING, heard, heeding_signals, stop_if_asked
from qplug.lab.training import checkpoint
from qplug.lab.training.fit import fit

TOLD = [signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU]


def layers(*assignments: str) -> list[dict[str, Any]]:
    chosen = {"dataset": {"name": "digits"}, "head": {"name": "linear"}}
    return [from_assignments(["training.epochs=3", *assignments]), chosen]


@pytest.mark.parametrize("number", TOLD)
def test_a_signal_in_training_leaves_with_its_number_and_keeps_the_last_epoch(
    number: signal.Signals, tmp_path: Path
) -> None:
    part = (torch.randn(8, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1] * 4))
    before = [signal.getsignal(each) for each in ENDING]

    def press(done: int, total: int) -> None:
        if done == 5:  # two steps are an epoch
            signal.raise_signal(number)

    with heeding_signals(), pytest.raises(Stopped, match=number.name) as stopped:
        fit(
            nn.Linear(3, 2), part, part, n_classes=2, options=TrainingOptions(epochs=9, batch_size=4), seed=0,
            checkpoints=tmp_path, device="cpu", on_step=press,
        )  # fmt: skip
    assert stopped.value.number == number
    assert checkpoint.load(tmp_path / "last.ckpt")["epoch"] == 2
    assert [signal.getsignal(each) for each in ENDING] == before


class AtEpoch(Silent):
    """Sends a signal while an epoch's checkpoint is on its way, and counts epochs."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.epochs = 0
        self.sent = threading.Event()

    def epoch(self, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        self.epochs = epoch
        if epoch == 1:
            signal.raise_signal(self.number)
            self.sent.set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_in_a_job_of_slurm_a_signal_waits_for_the_checkpoint(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    reporter = AtEpoch(number)
    with (
        heeding_signals(),
        pytest.raises(Interrupted, match=rf"stopped by {number.name} during training.*{tmp_path}") as stopped,
    ):
        run_once(layers(), tmp_path, reporter)
    assert reporter.sent.is_set()  # the signal itself raised nothing
    assert reporter.epochs == 1
    assert stopped.value.exit_code == 128 + number


def test_sigterm_in_a_job_of_slurm_waits_no_longer_than_the_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    from qplug.lab.stopping import checkpoints_first

    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("QPLUG_GRACE", "0.05")
    with heeding_signals(), checkpoints_first():
        signal.raise_signal(signal.SIGTERM)
        assert heard() == signal.SIGTERM
        stop_if_asked()  # no checkpoint yet
        with pytest.raises(Stopped, match="SIGTERM"):
            threading.Event().wait(30)


def test_a_signal_that_code_swallowed_ends_the_work_at_the_next_look() -> None:
    with heeding_signals():
        with contextlib.suppress(BaseException):  # as a plugin may
            signal.raise_signal(signal.SIGHUP)
        with pytest.raises(Stopped, match="SIGHUP"):
            stop_if_asked()
    stop_if_asked()  # nothing is left of it


def test_signals_that_are_ignored_or_handled_stay_as_they_are() -> None:
    heard_by: list[int] = []
    before = (
        signal.signal(signal.SIGHUP, signal.SIG_IGN),
        signal.signal(signal.SIGUSR1, lambda n, _: heard_by.append(n)),
    )
    try:
        with heeding_signals():
            signal.raise_signal(signal.SIGHUP)
            signal.raise_signal(signal.SIGUSR1)
            assert heard() == 0
    finally:
        signal.signal(signal.SIGHUP, before[0])
        signal.signal(signal.SIGUSR1, before[1])
    assert heard_by == [signal.SIGUSR1]


def test_workers_are_started_deaf_to_every_signal_that_ends_a_run() -> None:
    with deaf_to_signals():
        masked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert set(ENDING) <= masked


def test_signals_at_random_moments_leave_a_run_that_goes_on_to_the_same_numbers(tmp_path: Path) -> None:
    began = time.perf_counter()
    whole = run_once(layers(), tmp_path / "whole", Silent())["test"]
    length = time.perf_counter() - began
    draws = random.Random(5)
    stopped_by: list[tuple[int, int]] = []
    for attempt in range(3):
        out, number = tmp_path / str(attempt), draws.choice(TOLD)
        main = threading.main_thread().ident or 0
        timer = threading.Timer(draws.uniform(0, length), signal.pthread_kill, (main, number))
        ended: dict[str, Any] = {}
        with heeding_signals():
            try:
                timer.start()
                ended = run_once(layers(), out, Silent())
                timer.cancel()
                timer.join()
            except (Stopped, Interrupted) as stop:
                stopped_by.append((stop.number, number))
        for run in out.iterdir() if out.is_dir() and not ended else ():
            left = {path.name for path in run.rglob("*")}
            assert not [name for name in left if name.endswith(".part")], f"attempt {attempt}"
            finished = "record.json" in left
            ended = {"test": whole} if finished else resume_run(run, Silent())
        assert not ended or ended["test"] == whole, f"attempt {attempt}"
    assert stopped_by
    assert all(told == sent for told, sent in stopped_by)
