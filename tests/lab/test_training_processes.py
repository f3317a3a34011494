"""Two processes that share each batch learn what one learns, and fail, stop and go on as one does.

The processes are forks of one that has imported what they need, which takes seconds once.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from qplug.contract.errors import DataError, QplugError, UserError
from qplug.lab.config.training import TrainingOptions
from qplug.lab.data.row_source import FileRows, Rows, Subset, take
from qplug.lab.training.fit import fit
from qplug.lab.training.progress import Fitted

pytestmark = pytest.mark.slow


def parts() -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Three classes, the last one rare; 98 and 51 samples, so that shares of a batch are uneven."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(149, 4, generator=generator)
    labels = (inputs @ torch.randn(4, 3, generator=generator) - torch.tensor([0.0, 0.0, 2.0])).argmax(dim=1)
    return (inputs[:98], labels[:98]), (inputs[98:], labels[98:])


def plain() -> nn.Module:
    """Nothing in it depends on how a batch is shared; one layer stays without gradients, as in pretrained networks."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3))
    model.register_parameter("unused", nn.Parameter(torch.zeros(2)))
    return model


def noisy() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3))


def train(folder: Path, model: nn.Module, **changes: Any) -> Fitted:
    extra = {key: changes.pop(key) for key in ("resume", "on_epoch", "on_step") if key in changes}
    options = TrainingOptions.model_validate({"epochs": 4, "batch_size": 15, "learning_rate": 0.02, **changes})
    training, validation = parts()
    return fit(
        model, training, validation, n_classes=3, options=options, seed=1, checkpoints=folder, device="cpu", **extra
    )


def numbers(fitted: Fitted) -> list[dict[str, float]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in fitted.history]


def test_two_processes_come_to_the_numbers_of_one(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    settings: dict[str, Any] = {"class_weights": True, "label_smoothing": 0.1, "gradient_clip": 0.5, "patience": 3}
    one, two = plain(), plain()
    expected = train(tmp_path / "one", one, **settings)
    torch.manual_seed(4)
    state = torch.get_rng_state()
    told: list[tuple[int, bool]] = []
    steps: list[tuple[int, int]] = []
    threads = set()

    def on_epoch(epoch: int, row: Mapping[str, float]) -> None:
        told.append((epoch, (tmp_path / "two" / "last.ckpt").exists()))
        threads.add(threading.current_thread())

    fitted = train(
        tmp_path / "two", two, devices=2, **settings,
        on_epoch=on_epoch, on_step=lambda done, total: steps.append((done, total)),
    )  # fmt: skip
    for ours, theirs in zip(numbers(fitted), numbers(expected), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-6)
    assert fitted.best_epoch == expected.best_epoch
    for name, value in one.state_dict().items():
        assert torch.allclose(two.state_dict()[name], value, atol=1e-5)
    assert not two.training
    assert told == [(epoch, True) for epoch in range(1, 5)]
    assert threads == {threading.main_thread()}
    assert steps == [(done, 28) for done in range(1, 29)]
    assert {path.name for path in (tmp_path / "two").iterdir()} == {"best.ckpt", "last.ckpt"}
    assert torch.equal(torch.get_rng_state(), state)
    assert capfd.readouterr() == ("", "")


def test_training_in_two_processes_goes_on_after_an_interruption_with_the_same_numbers(tmp_path: Path) -> None:
    whole, resumed = noisy(), noisy()
    expected = train(tmp_path / "whole", whole, devices=2)
    assert expected.history[-1]["validation_accuracy"] > 0.6

    def press(epoch: int, row: Mapping[str, float]) -> None:
        if epoch == 2:
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "torn", noisy(), devices=2, on_epoch=press)
    assert signal.getsignal(signal.SIGINT) is before
    fitted = train(tmp_path / "torn", resumed, devices=2, resume=True)
    assert numbers(fitted) == numbers(expected)
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value)


def test_what_a_process_refuses_is_told_as_with_one(tmp_path: Path) -> None:
    train, validation = parts()
    model = plain()
    with torch.no_grad():
        model[2].weight.fill_(1e37)  # 16 of them add up to a finite number in any order
    options = TrainingOptions(devices=2, learning_rate=0.02)
    with pytest.raises(QplugError, match=r"the gradient became inf in epoch 1.*learning_rate \(now 0\.02\)"):
        fit(
            model, train, validation,
            n_classes=3, options=options, seed=0, checkpoints=tmp_path, device="cpu",
        )  # fmt: skip


def test_a_process_that_the_system_kills_is_told_with_the_cure(tmp_path: Path) -> None:
    def kill(epoch: int, row: Mapping[str, float]) -> None:
        multiprocessing.active_children()[0].kill()

    words = r"one of 2 training processes was killed \(signal 9\).*batch_size \(now 15\) or training\.devices"
    with pytest.raises(UserError, match=words):
        train(tmp_path, plain(), devices=2, epochs=1000, on_epoch=kill)
    assert multiprocessing.active_children() == []


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import test_training_processes as t
t.train(Path(sys.argv[2]), t.plain(), devices=2, epochs=100_000)
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads the children of a process from /proc")
def test_the_processes_end_when_the_one_that_started_them_is_killed(tmp_path: Path, forking: Any) -> None:
    words = ("-c", SCRIPT, Path(__file__).parent, tmp_path / "run")
    parent = forking.start(words, tmp_path, os.environ, tmp_path / "out", tmp_path / "err")
    wait_until(lambda: parent.has_ended() or (tmp_path / "run" / "last.ckpt").exists(), seconds=120)
    assert not parent.has_ended(), (tmp_path / "err").read_text()
    (server,) = (
        child for child in children(parent.pid) if b"forkserver" in Path(f"/proc/{child}/cmdline").read_bytes()
    )
    training = children(server)
    assert len(training) == 2
    parent.kill()
    wait_until(lambda: not any(Path(f"/proc/{one}/cmdline").exists() for one in (server, *training)), seconds=20)


def children(pid: object) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def wait_until(happens: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline, f"nothing happened in {seconds} s"
        time.sleep(0.02)


def test_too_few_samples_to_share_are_refused(tmp_path: Path) -> None:
    part = (torch.zeros(3, 4), torch.zeros(3, dtype=torch.int64))
    options = TrainingOptions(devices=2)
    with pytest.raises(DataError, match="the training part has 3 samples; training needs 4 or more"):
        fit(plain(), part, part, n_classes=3, options=options, seed=0, checkpoints=tmp_path, device="cpu")


@pytest.mark.parametrize("kind", ["file", "part of a mapped file", "part of an array"])
def test_rows_reach_another_process_and_those_on_disk_as_a_place_not_as_content(tmp_path: Path, kind: str) -> None:
    values = np.random.default_rng(0).standard_normal((1000, 50)).astype(np.float32)
    np.save(tmp_path / "rows.npy", values)
    values[10:].tofile(tmp_path / "raw")
    chosen = np.arange(0, 900, 3)
    made: dict[str, Callable[[], Rows]] = {
        "file": lambda: FileRows(tmp_path / "rows.npy"),
        "part of a mapped file": lambda: Subset(
            np.memmap(tmp_path / "raw", np.float32, "r", offset=400, shape=(988, 50)), chosen
        ),
        "part of an array": lambda: Subset(values, chosen),
    }
    rows = made[kind]()
    text = pickle.dumps(rows)
    assert (len(text) < 10_000) == (kind != "part of an array")
    again: Rows = pickle.loads(text)  # noqa: S301, TID251 - made two lines above
    index = np.array([299, 3, 0])
    assert tuple(again.shape) == tuple(rows.shape)
    assert torch.equal(take(again, index), take(rows, index))
    first = {"file": 0, "part of a mapped file": 12, "part of an array": 0}[kind]
    assert np.array_equal(take(again, index)[-1].numpy(), values[first])
